//! `role` and `managed-policies`: the role that an agent runs as, and what is attached to it.

use std::collections::BTreeSet;

use super::read::{Problems, Table};
use crate::names::{AccountId, IamPath, Partition, RoleName, is_literal};

/// The execution role: managed by this tool, or provided by the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleSettings {
    Managed {
        name: RoleName,
        path: IamPath,
        boundary: Option<ManagedPolicy>,
        /// The policies that are attached in addition to the role's own policy.
        policies: BTreeSet<ManagedPolicy>,
    },
    /// `role.arn`: the role is never changed.
    Given { arn: RoleArn },
}

impl RoleSettings {
    /// Returns the role's name in its account.
    pub(crate) fn name(&self) -> &RoleName {
        match self {
            Self::Managed { name, .. } => name,
            Self::Given { arn } => &arn.name,
        }
    }
}

/// A managed policy: by name if it belongs to the account and has no path, otherwise by ARN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ManagedPolicy {
    Name(String),
    Arn(String),
}

/// `arn:P:iam::ACCOUNT:role/path/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleArn {
    pub arn: String,
    pub account: AccountId,
    pub path: IamPath,
    pub name: RoleName,
}

impl RoleArn {
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (arn, partition, iam, region) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let account = AccountId::parse(parts.next()?).ok()?;
        let resource = parts.next()?.strip_prefix("role")?;
        Partition::parse(partition)?;
        if arn != "arn" || iam != "iam" || !region.is_empty() {
            return None;
        }
        let cut = resource.rfind('/')? + 1;
        Some(Self {
            arn: text.to_owned(),
            account,
            path: IamPath::parse(&resource[..cut]).ok()?,
            name: RoleName::parse(&resource[cut..]).ok()?,
        })
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct RoleLayer {
    pub(super) name: Option<String>,
    pub(super) path: Option<IamPath>,
    pub(super) boundary: Option<ManagedPolicy>,
    pub(super) arn: Option<RoleArn>,
}

impl RoleLayer {
    pub(super) fn read(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Self {
        let Some(mut role) = table.table("role", problems) else {
            return Self::default();
        };
        let layer = Self {
            name: role.parsed("name", problems, role_name_pattern),
            path: role.parsed("path", problems, IamPath::parse),
            boundary: role.parsed("permissions-boundary", problems, managed_policy),
            arn: role.parsed("arn", problems, |text| {
                RoleArn::parse(text).ok_or_else(|| {
                    format!("invalid role ARN `{text}`: expected `arn:aws:iam::ACCOUNT:role/NAME`")
                })
            }),
        };
        if layer.arn.is_some()
            && (layer.name.is_some() || layer.path.is_some() || layer.boundary.is_some())
        {
            problems.at(
                role.key_span("arn"),
                format!(
                    "`arn` in `{}` excludes `name`, `path` and `permissions-boundary`",
                    role.name()
                ),
                "a role that you bring is never written to",
            );
        }
        role.finish(problems);
        layer
    }

    /// A given role and the settings for a created one exclude each other: the upper layer decides.
    pub(super) fn over(self, below: Self) -> Self {
        if self.arn.is_some() {
            return self;
        }
        let makes = self.name.is_some() || self.path.is_some() || self.boundary.is_some();
        Self {
            name: self.name.or(below.name),
            path: self.path.or(below.path),
            boundary: self.boundary.or(below.boundary),
            arn: below.arn.filter(|_| !makes),
        }
    }
}

/// Parses a role's name; `{runtime}` stands for the runtime's name.
fn role_name_pattern(text: &str) -> Result<String, String> {
    let shown = text.replace("{runtime}", "a");
    let legal = |c: u8| c.is_ascii_alphanumeric() || b"_+=,.@-".contains(&c);
    if shown.is_empty() || !shown.bytes().all(legal) {
        return Err(format!(
            "invalid role name `{text}`: expected letters, digits and `_+=,.@-`; `{{runtime}}` stands for the runtime's name"
        ));
    }
    Ok(text.to_owned())
}

/// A role can have 10 managed policies, or up to 20 with a raised quota.
pub(super) fn managed_policies(
    table: &mut Table<'_>,
    problems: &mut Problems<'_>,
) -> BTreeSet<ManagedPolicy> {
    let mut policies = BTreeSet::new();
    for text in table
        .strings("managed-policies", problems)
        .unwrap_or_default()
    {
        match managed_policy(text.get_ref()) {
            Ok(policy) => {
                policies.insert(policy);
            }
            Err(what) => problems.at(text.span(), what, ""),
        }
    }
    if policies.len() > 20 {
        problems.at(
            table.key_span("managed-policies"),
            "`managed-policies` lists more than 20 policies, which is more than IAM attaches",
            "",
        );
    }
    policies
}

/// Parses a managed policy's name or ARN.
fn managed_policy(text: &str) -> Result<ManagedPolicy, String> {
    let legal = |c: u8| c.is_ascii_alphanumeric() || b"_+=,.@-".contains(&c);
    if text.starts_with("arn:") {
        let fields: Vec<&str> = text.splitn(6, ':').collect();
        return match fields[..] {
            ["arn", partition, "iam", "", account, policy]
                if Partition::parse(partition).is_some()
                    && (account == "aws" || AccountId::parse(account).is_ok())
                    && policy.starts_with("policy/")
                    && !policy.ends_with('/')
                    && is_literal(policy) =>
            {
                Ok(ManagedPolicy::Arn(text.to_owned()))
            }
            _ => Err(format!(
                "invalid policy ARN `{text}`: expected `arn:aws:iam::ACCOUNT:policy/NAME`"
            )),
        };
    }
    if (1..=128).contains(&text.len()) && text.bytes().all(legal) {
        Ok(ManagedPolicy::Name(text.to_owned()))
    } else {
        Err(format!("invalid policy `{text}`: expected its name or ARN"))
    }
}
