//! Plans the changes that make an execution role match the metadata.
//!
//! A role serves every region that its agent was prepared in: each region has an inline policy
//! `AgentCore-<region>` and an `aws:SourceArn` in the trust policy.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use self::{
    attached::{Attachments, attachments},
    foreign::foreign,
};
use crate::{
    error::{Exit, Failure, Message},
    names::{AccountId, IamPath, Partition, Region, RoleName},
    policy::{self, Document},
    resources::{
        ownership::{ADOPTED, Identity, Owner, Ownership},
        tags::{self, TagChanges},
    },
};

mod attached;
mod deletion;
mod foreign;
mod former;
mod step;

pub(crate) use self::attached::is_listed;
#[cfg(test)]
pub(crate) use self::attached::mark;
pub(crate) use self::deletion::{Place, RoleDeletion, WholeRole, by_hand, deletion};
pub(crate) use self::former::{FormerRole, Trace};
pub(crate) use self::step::{DeletionStep, RoleStep};

/// The prefix of this tool's inline policies; the region follows. All other policies are foreign.
pub(crate) const POLICY_PREFIX: &str = "AgentCore-";

/// The role that one agent needs in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DesiredRole {
    pub(crate) name: RoleName,
    pub(crate) path: IamPath,
    pub(crate) partition: Partition,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) policy: Document,
    /// Who may assume it, if that is not AgentCore.
    pub(crate) own_trust: Option<Document>,
    /// The ARN of the permissions boundary, if declared.
    pub(crate) boundary: Option<String>,
    /// The ARNs of the managed policies in the metadata.
    pub(crate) attached: BTreeSet<String>,
    pub(crate) identity: Identity,
    /// The user's own tags.
    pub(crate) tags: BTreeMap<String, String>,
}

/// A role as IAM returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedRole {
    pub(crate) arn: String,
    pub(crate) path: String,
    pub(crate) trust: Value,
    /// Every inline policy by name. The documents of foreign policies are not read.
    pub(crate) inline: BTreeMap<String, Option<Value>>,
    pub(crate) attached: Vec<String>,
    pub(crate) boundary: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl ObservedRole {
    /// Returns the names of the repositories whose images the role may run.
    pub(crate) fn repositories(&self) -> impl Iterator<Item = &str> {
        let statements = self
            .inline
            .values()
            .flatten()
            .filter_map(|policy| policy["Statement"].as_array())
            .flatten()
            .filter(|statement| statement["Sid"].as_str().is_some_and(policy::is_image));
        statements
            .flat_map(|statement| match &statement["Resource"] {
                Value::Array(several) => &several[..],
                one => std::slice::from_ref(one),
            })
            .filter_map(Value::as_str)
            .filter(|on| on.split(':').nth(2) == Some("ecr"))
            .filter_map(|on| Some(on.split_once(":repository/")?.1))
    }
}

/// Whether to take over a role with the agent's name but without this tool's tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adopt {
    No,
    Yes,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct RolePlan {
    pub(crate) steps: Vec<RoleStep>,
    /// Foreign policies and settings on the role: reported, never changed, and findings for
    /// `--check`.
    pub(crate) foreign: Vec<Message>,
    /// True if these steps take over an existing role.
    pub(crate) adopts: bool,
}

impl DesiredRole {
    pub(crate) fn policy_name(&self) -> String {
        format!("{POLICY_PREFIX}{}", self.region)
    }

    fn trust(&self, regions: &BTreeSet<Region>) -> Document {
        let own = self.own_trust.clone();
        own.unwrap_or_else(|| policy::trust(self.partition, &self.account, regions))
    }
}

/// Returns the region of an inline policy of this tool, or `None` for a foreign policy.
pub(crate) fn region_of(policy: &str) -> Option<Region> {
    Region::parse(policy.strip_prefix(POLICY_PREFIX)?).ok()
}

/// Returns the regions that have an inline policy on a role.
pub(crate) fn regions_served(observed: &ObservedRole) -> BTreeSet<Region> {
    let policies = observed.inline.keys();
    policies.filter_map(|policy| region_of(policy)).collect()
}

/// Returns the steps that make the role match; none if nothing differs.
pub(crate) fn plan(
    desired: &DesiredRole,
    observed: Option<&ObservedRole>,
    adopt: Adopt,
) -> Result<RolePlan, Failure> {
    fits(desired, observed)?;
    let Some(observed) = observed else {
        return Ok(creation(desired));
    };
    let mut wanted = tags::wanted(desired.identity.tags(), &desired.tags, &observed.tags);
    let Attachments {
        detach,
        attach,
        foreign: attached_by_others,
        listed,
    } = attachments(&desired.attached, &observed.attached, &observed.tags);
    wanted.extend(listed.map(|list| (tags::POLICIES.to_owned(), list)));
    if observed.tags.contains_key(ADOPTED) {
        wanted.insert(ADOPTED.to_owned(), "true".to_owned());
    }
    let adopts = is_adopted_by(desired, observed, adopt)?;
    if adopts {
        wanted.insert(ADOPTED.to_owned(), "true".to_owned());
    }
    let mut plan = RolePlan {
        adopts,
        ..RolePlan::default()
    };
    let DesiredRole {
        name,
        path: _,
        partition: _,
        account: _,
        region,
        policy,
        own_trust: _,
        boundary,
        attached: _,
        identity: _,
        tags: _,
    } = desired;
    plan.foreign = foreign(desired, observed, &attached_by_others, &wanted);
    plan.steps
        .extend(detach.into_iter().map(|arn| RoleStep::Detach {
            role: name.clone(),
            arn: arn.to_owned(),
        }));
    plan.steps
        .extend(taggings(name, tags::changes(wanted, &observed.tags)));
    match (boundary, &observed.boundary) {
        (Some(wanted), there) if there.as_ref() != Some(wanted) => plan.steps.push(
            RoleStep::PutBoundary { role: name.clone(), arn: wanted.clone(), before: there.clone() },
        ),
        (None, Some(there)) => plan.foreign.push(
            Message::new(format!("the role `{name}` has the permissions boundary `{there}`, which the metadata does not declare"))
                .help("declare it as `role.permissions-boundary`, or remove it by hand: this tool never removes one"),
        ),
        _ => {}
    }
    plan.steps.extend(attachings(name, attach));
    let own = desired.policy_name();
    let before = observed.inline.get(&own).cloned().flatten();
    if !before
        .as_ref()
        .is_some_and(|before| policy::same(before, &policy.to_value()))
    {
        plan.steps.push(RoleStep::PutPolicy {
            role: name.clone(),
            policy: own,
            document: policy.clone(),
            before,
        });
    }
    let mut regions = regions_served(observed);
    regions.insert(region.clone());
    let trust = desired.trust(&regions);
    if !policy::same(&observed.trust, &trust.to_value()) {
        plan.steps.push(RoleStep::SetTrust {
            role: name.clone(),
            document: trust,
            before: observed.trust.clone(),
        });
    }
    Ok(plan)
}

/// Returns whether the plan takes over the role. Fails if the role must not be changed.
fn is_adopted_by(
    desired: &DesiredRole,
    observed: &ObservedRole,
    adopt: Adopt,
) -> Result<bool, Failure> {
    let adopts = match desired.identity.ownership(&observed.tags) {
        Ownership::Ours => false,
        Ownership::Unmarked => {
            adoptable(desired, observed, adopt)?;
            true
        }
        Ownership::Others(owner) => return Err(owned_by(desired, &owner)),
    };
    if observed.path == desired.path.as_str() {
        return Ok(adopts);
    }
    Err(Failure::world(format!(
        "the role `{}` has the path `{}`, but the metadata sets `{}`",
        desired.name, observed.path, desired.path
    ))
    .note("IAM cannot change a role's path")
    .help("set `role.path` to the role's own path, or `role.name` to another name"))
}

fn taggings(name: &RoleName, changes: TagChanges) -> impl Iterator<Item = RoleStep> {
    let TagChanges { take_off, set } = changes;
    let untag = (!take_off.is_empty()).then(|| RoleStep::Untag {
        role: name.clone(),
        keys: take_off,
    });
    let tag = (!set.is_empty()).then(|| RoleStep::Tag {
        role: name.clone(),
        tags: set,
    });
    untag.into_iter().chain(tag)
}

/// Checks IAM's size limits with the policies of every region. Checked before any change, because a
/// later refusal would leave an incomplete role.
fn fits(desired: &DesiredRole, observed: Option<&ObservedRole>) -> Result<(), Failure> {
    let own = desired.policy_name();
    let mut regions = observed.map(regions_served).unwrap_or_default();
    regions.insert(desired.region.clone());
    let others = observed.into_iter().flat_map(|observed| &observed.inline);
    let shares = others
        .filter(|(name, _)| **name != own)
        .map(|(name, document)| (name.as_str(), document.as_ref().map(policy::size::size_of)))
        .chain([(own.as_str(), Some(desired.policy.size()))]);
    let problems = [
        policy::size::inline_problem(&desired.name, shares),
        policy::size::trust_problem(&desired.name, &desired.trust(&regions)),
    ];
    let messages: Vec<Message> = problems.into_iter().flatten().collect();
    if messages.is_empty() {
        Ok(())
    } else {
        Err(Failure {
            exit: Exit::Config,
            messages,
        })
    }
}

fn creation(desired: &DesiredRole) -> RolePlan {
    let DesiredRole {
        name,
        path,
        partition: _,
        account: _,
        region,
        policy,
        own_trust: _,
        boundary,
        attached,
        identity,
        tags,
    } = desired;
    let mut all = tags::wanted(identity.tags(), tags, &BTreeMap::new());
    let Attachments {
        detach: _,
        attach,
        foreign: _,
        listed,
    } = attachments(attached, &[], &all);
    all.extend(listed.map(|list| (tags::POLICIES.to_owned(), list)));
    let create = RoleStep::Create {
        role: name.clone(),
        path: path.clone(),
        description: format!(
            "{} {}, kept by cargo agentcore",
            match identity.owner {
                Owner::Agent(_) => "Execution role of the AgentCore agent",
                Owner::Resource(_) => "Role of the AgentCore resource",
            },
            identity.owner.name()
        ),
        trust: desired.trust(&BTreeSet::from([region.clone()])),
        boundary: boundary.clone(),
        tags: all,
    };
    let put = RoleStep::PutPolicy {
        role: name.clone(),
        policy: desired.policy_name(),
        document: policy.clone(),
        before: None,
    };
    let mut steps = vec![create];
    steps.extend(attachings(name, attach));
    steps.push(put);
    RolePlan {
        steps,
        ..RolePlan::default()
    }
}

fn attachings<'a>(name: &'a RoleName, arns: Vec<&'a str>) -> impl Iterator<Item = RoleStep> + 'a {
    arns.into_iter().map(|arn| RoleStep::Attach {
        role: name.clone(),
        arn: arn.to_owned(),
    })
}

fn adoptable(desired: &DesiredRole, observed: &ObservedRole, adopt: Adopt) -> Result<(), Failure> {
    let name = &desired.name;
    if adopt == Adopt::No {
        return Err(Failure::world(format!("a role `{name}` exists already and does not carry this project's tags"))
            .note(format!("its ARN is {}", observed.arn))
            .help("`--adopt` shows what would change and takes it over; `role.name` in the metadata chooses another name; `role.arn` uses a role without writing to it"));
    }
    if observed.path.starts_with("/aws-service-role/") {
        return Err(Failure::world(format!(
            "the role `{name}` is a service-linked role and cannot be adopted"
        )));
    }
    let ours = policy::principals(&desired.trust(&BTreeSet::new()).to_value());
    let others: Vec<String> = policy::principals(&observed.trust)
        .into_iter()
        .filter(|principal| !ours.contains(principal))
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(Failure::world(format!(
        "the role `{name}` cannot be adopted, because principals other than {} may assume it",
        if desired.own_trust.is_some() {
            "CodeBuild"
        } else {
            "AgentCore"
        }
    ))
    .note(format!("its trust policy names {}", others.join(", ")))
    .help("choose another `role.name`"))
}

fn owned_by(desired: &DesiredRole, owner: &str) -> Failure {
    let ours = desired.identity.words();
    Failure::new(Exit::World, format!("the role `{}` belongs to someone else", desired.name))
        .note(format!("its tags say {owner}; this is {ours}"))
        .help("choose another name with `role.name` in the metadata, such as \"AgentCoreRole-{runtime}-2\"")
}

/// Checks a role that the user provides: AgentCore must be able to assume it.
pub(crate) fn check_given(
    arn: &str,
    account: &AccountId,
    observed: &ObservedRole,
) -> Result<Vec<Message>, Failure> {
    let principals = policy::principals(&observed.trust);
    if !principals
        .iter()
        .any(|principal| principal == policy::SERVICE_PRINCIPAL)
    {
        return Err(
            Failure::world(format!("AgentCore cannot assume the role `{arn}`"))
                .note(format!(
                    "its trust policy does not name `{}`",
                    policy::SERVICE_PRINCIPAL
                ))
                .help(
                    "`cargo agentcore policy --only trust` prints the trust policy that it needs",
                ),
        );
    }
    let mut warnings = Vec::new();
    if !observed.trust.to_string().contains(account.as_str()) {
        warnings.push(
            Message::new(format!(
                "the trust policy of `{arn}` is not limited to the account {account}"
            ))
            .help("`cargo agentcore policy --only trust` prints one that is"),
        );
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests;
