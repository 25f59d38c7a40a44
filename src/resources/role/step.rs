//! The changes in IAM that make a role match the metadata.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    names::{IamPath, RoleName},
    policy::Document,
    resources::change::{Action, Change, Details, Step, Subject},
};

/// One change in IAM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RoleStep {
    Create {
        role: RoleName,
        path: IamPath,
        description: String,
        trust: Document,
        boundary: Option<String>,
        tags: BTreeMap<String, String>,
    },
    PutBoundary {
        role: RoleName,
        arn: String,
        before: Option<String>,
    },
    Tag {
        role: RoleName,
        tags: BTreeMap<String, String>,
    },
    Untag {
        role: RoleName,
        keys: Vec<String>,
    },
    Attach {
        role: RoleName,
        arn: String,
    },
    Detach {
        role: RoleName,
        arn: String,
    },
    PutPolicy {
        role: RoleName,
        policy: String,
        document: Document,
        before: Option<Value>,
    },
    SetTrust {
        role: RoleName,
        document: Document,
        before: Value,
    },
}

/// One change in IAM that `clean` makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeletionStep {
    /// Takes this tool's parts off a role.
    Change(RoleStep),
    DeletePolicy {
        role: RoleName,
        policy: String,
    },
    Delete {
        role: RoleName,
    },
}

impl RoleStep {
    pub(crate) fn role(&self) -> &RoleName {
        match self {
            Self::Create { role, .. }
            | Self::PutBoundary { role, .. }
            | Self::Tag { role, .. }
            | Self::Untag { role, .. }
            | Self::Attach { role, .. }
            | Self::Detach { role, .. }
            | Self::PutPolicy { role, .. }
            | Self::SetTrust { role, .. } => role,
        }
    }
}

impl DeletionStep {
    pub(crate) fn role(&self) -> &RoleName {
        match self {
            Self::Change(step) => step.role(),
            Self::DeletePolicy { role, .. } | Self::Delete { role } => role,
        }
    }
}

impl Step for RoleStep {
    fn change(&self) -> Change {
        match self {
            Self::Create { role, trust, .. } => {
                Change::of(Action::Create, whole(role)).with(document(None, trust))
            }
            Self::PutBoundary { role, arn, .. } => Change::new(
                Action::Set,
                format!("permissions boundary `{arn}` on role `{role}`"),
                Subject::new("permissions boundary", arn).of(role.to_string()),
            ),
            Self::Tag { role, tags } => {
                let keys: Vec<&str> = tags.keys().map(String::as_str).collect();
                let object = format!("role `{role}` with {}", keys.join(", "));
                Change::new(Action::Tag, object, whole(role))
            }
            Self::Untag { role, keys } => Change::new(
                Action::Remove,
                format!("tags {} of role `{role}`", keys.join(", ")),
                Subject::new("tags", keys.join(", ")).of(role.to_string()),
            ),
            Self::Attach { role, arn } => Change::new(
                Action::Attach,
                format!("policy `{arn}` to role `{role}`"),
                policy(arn, role),
            ),
            Self::Detach { role, arn } => Change::new(
                Action::Detach,
                format!("policy `{arn}` from role `{role}`"),
                policy(arn, role),
            ),
            Self::PutPolicy {
                role,
                policy: name,
                document: after,
                before,
            } => {
                let (action, preposition) = match before {
                    None => (Action::Add, "to"),
                    Some(_) => (Action::Update, "of"),
                };
                let object = format!("policy `{name}` {preposition} role `{role}`");
                Change::new(action, object, policy(name, role))
                    .with(document(before.as_ref(), after))
            }
            Self::SetTrust {
                role,
                document: after,
                before,
            } => Change::new(
                Action::Update,
                format!("trust policy of role `{role}`"),
                Subject::new("trust policy", role.to_string()),
            )
            .with(document(Some(before), after)),
        }
    }
}

impl Step for DeletionStep {
    fn change(&self) -> Change {
        match self {
            Self::Change(step) => step.change(),
            Self::DeletePolicy { role, policy: name } => Change::new(
                Action::Delete,
                format!("policy `{name}` of role `{role}`"),
                policy(name, role),
            ),
            Self::Delete { role } => Change::of(Action::Delete, whole(role)),
        }
    }
}

fn whole(role: &RoleName) -> Subject {
    Subject::new("role", role.to_string())
}

fn policy(name: &str, role: &RoleName) -> Subject {
    Subject::new("policy", name).of(role.to_string())
}

fn document(before: Option<&Value>, after: &Document) -> Details {
    Details::Document {
        before: before.cloned(),
        after: after.to_value(),
    }
}
