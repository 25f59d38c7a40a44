//! The changes in IAM that make a role match the metadata.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    names::{IamPath, RoleName},
    policy::Document,
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

impl RoleStep {
    /// Returns verb and object: ("Creating", "create", "role `x`").
    pub(crate) fn words(&self) -> (&'static str, &'static str, String) {
        match self {
            Self::Create { role, .. } => ("Creating", "create", format!("role `{role}`")),
            Self::PutBoundary { role, arn, .. } => (
                "Setting",
                "set",
                format!("permissions boundary `{arn}` on role `{role}`"),
            ),
            Self::Tag { role, tags } => {
                let keys: Vec<&str> = tags.keys().map(String::as_str).collect();
                (
                    "Tagging",
                    "tag",
                    format!("role `{role}` with {}", keys.join(", ")),
                )
            }
            Self::Untag { role, keys } => (
                "Removing",
                "remove",
                format!("tags {} of role `{role}`", keys.join(", ")),
            ),
            Self::Attach { role, arn } => (
                "Attaching",
                "attach",
                format!("policy `{arn}` to role `{role}`"),
            ),
            Self::Detach { role, arn } => (
                "Detaching",
                "detach",
                format!("policy `{arn}` from role `{role}`"),
            ),
            Self::PutPolicy {
                role,
                policy,
                before: None,
                ..
            } => (
                "Adding",
                "add",
                format!("policy `{policy}` to role `{role}`"),
            ),
            Self::PutPolicy {
                role,
                policy,
                before: Some(_),
                ..
            } => (
                "Updating",
                "update",
                format!("policy `{policy}` of role `{role}`"),
            ),
            Self::SetTrust { role, .. } => (
                "Updating",
                "update",
                format!("trust policy of role `{role}`"),
            ),
        }
    }

    /// Returns the document before and after the step, if it changes one.
    pub(crate) fn documents(&self) -> Option<(Option<&Value>, &Document)> {
        match self {
            Self::Create { trust, .. } => Some((None, trust)),
            Self::PutPolicy {
                document, before, ..
            } => Some((before.as_ref(), document)),
            Self::SetTrust {
                document, before, ..
            } => Some((Some(before), document)),
            Self::PutBoundary { .. }
            | Self::Tag { .. }
            | Self::Untag { .. }
            | Self::Attach { .. }
            | Self::Detach { .. } => None,
        }
    }
}
