//! What a report lists as different: the same changes that a dry run shows.

use serde_json::{Value, json};

use super::change::{Change, FieldChange, Reveal, Secrecy};
use crate::{config::ResourceKind, error::Failure};

/// A part of an agent that is compared as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Role,
    Build,
    Callers,
    Tags,
    Endpoints,
    Memories,
    Gateways,
}

impl From<ResourceKind> for Part {
    fn from(kind: ResourceKind) -> Self {
        match kind {
            ResourceKind::Memory => Self::Memories,
            ResourceKind::Gateway => Self::Gateways,
        }
    }
}

impl Part {
    /// Returns the name in the field of a difference and in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::Build => "build",
            Self::Callers => "callers",
            Self::Tags => "tags",
            Self::Endpoints => "endpoints",
            Self::Memories => "memories",
            Self::Gateways => "gateways",
        }
    }

    /// Returns the name for messages, and its verb.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Role => ("role", "was"),
            Self::Build => ("build project", "was"),
            Self::Callers => ("callers", "were"),
            Self::Tags => ("tags", "were"),
            Self::Endpoints => ("endpoints", "were"),
            Self::Memories => ("memories", "were"),
            Self::Gateways => ("gateways", "were"),
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Difference {
    Field(FieldChange),
    /// A step that is not about single fields, as a dry run shows it: "update policy `x` of role `y`".
    Step {
        field: String,
        words: String,
    },
}

impl Difference {
    pub(crate) fn step(field: impl Into<String>, change: &Change) -> Self {
        Self::Step {
            field: field.into(),
            words: change.words(),
        }
    }

    /// Creates the difference at which a deploy would stop.
    pub(crate) fn stop(field: &str, why: &Failure) -> Self {
        let messages = why.messages.iter();
        let what: Vec<&str> = messages.map(|message| message.what.as_str()).collect();
        Self::Field(FieldChange {
            field: field.to_owned(),
            before: Some(what.join("; ")),
            after: Some("`deploy` stops at it".to_owned()),
            secrecy: Secrecy::Open,
        })
    }

    /// Returns one line: `lifecycle.idle-timeout: 900 -> 600`.
    pub(crate) fn words(&self, reveal: Reveal) -> String {
        match self {
            Self::Field(change) => change.words(reveal),
            Self::Step { field, words } => format!("{field}: {words}"),
        }
    }

    pub(crate) fn value(&self, reveal: Reveal) -> Value {
        match self {
            Self::Field(change) => change.value(reveal),
            Self::Step { field, words } => {
                json!({ "field": field, "change": "changed", "before": null, "after": words })
            }
        }
    }
}
