//! The steps that make a declared resource what the metadata declares.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::gateway;
use crate::resources::change::{Action, Change, Details, FieldChange, Step, Subject};

/// A change to a declared resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeclaredStep {
    Create {
        body: Map<String, Value>,
        subject: Subject,
        fields: Vec<FieldChange>,
    },
    /// `loses` names what is lost with the update, such as a strategy with its records.
    Update {
        body: Map<String, Value>,
        subject: Subject,
        fields: Vec<FieldChange>,
        loses: Vec<String>,
    },
    CreatePart {
        body: Map<String, Value>,
        subject: Subject,
        fields: Vec<FieldChange>,
    },
    UpdatePart {
        id: String,
        body: Map<String, Value>,
        subject: Subject,
        fields: Vec<FieldChange>,
    },
    DeletePart {
        id: String,
        subject: Subject,
    },
    Untag {
        subject: Subject,
        keys: Vec<String>,
    },
    Tag {
        subject: Subject,
        tags: BTreeMap<String, String>,
    },
}

/// What `clean` deletes of a declared resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeletionStep {
    DeletePart { id: String, subject: Subject },
    Delete { subject: Subject },
}

impl Step for DeclaredStep {
    fn change(&self) -> Change {
        let (action, subject, details) = match self {
            Self::Create {
                subject, fields, ..
            }
            | Self::CreatePart {
                subject, fields, ..
            } => (Action::Create, subject, Details::Fields(fields.clone())),
            Self::Update {
                subject, fields, ..
            }
            | Self::UpdatePart {
                subject, fields, ..
            } => (Action::Update, subject, Details::Fields(fields.clone())),
            Self::Untag { subject, .. } => (Action::Untag, subject, Details::None),
            Self::Tag { subject, .. } => (Action::Tag, subject, Details::None),
            Self::DeletePart { subject, .. } => (Action::Delete, subject, Details::None),
        };
        change(action, subject).with(details)
    }
}

impl Step for DeletionStep {
    fn change(&self) -> Change {
        let (Self::DeletePart { subject, .. } | Self::Delete { subject }) = self;
        change(Action::Delete, subject)
    }
}

fn change(action: Action, subject: &Subject) -> Change {
    let object = match &subject.of {
        Some(whole) => format!("{} `{}` of `{whole}`", subject.kind, subject.name),
        None => format!("{} `{}`", subject.kind, subject.name),
    };
    Change::new(action, object, subject.clone())
}

impl DeclaredStep {
    /// Returns the name of the part that the step writes.
    pub(crate) fn written_part(&self) -> Option<&str> {
        match self {
            Self::CreatePart { subject, .. } | Self::UpdatePart { subject, .. } => {
                Some(&subject.name)
            }
            Self::Create { .. }
            | Self::Update { .. }
            | Self::DeletePart { .. }
            | Self::Untag { .. }
            | Self::Tag { .. } => None,
        }
    }

    /// Returns whether the step needs the ARN of a runtime that does not exist yet.
    pub(crate) fn awaits_a_runtime(&self) -> bool {
        match self {
            Self::CreatePart { body, .. } | Self::UpdatePart { body, .. } => {
                gateway::awaits_a_runtime(body)
            }
            Self::Create { .. }
            | Self::Update { .. }
            | Self::DeletePart { .. }
            | Self::Untag { .. }
            | Self::Tag { .. } => false,
        }
    }
}
