//! What `clean` does with a role: it takes away this tool's parts, and the role itself if nothing
//! else needs it.

use std::collections::BTreeSet;

use super::{
    DeletionStep, ObservedRole, POLICY_PREFIX, RoleStep, is_listed, region_of, regions_served,
};
use crate::{
    names::{AccountId, Partition, Region, RoleName},
    policy,
    resources::{
        change::Subject,
        deletion::{Deletion, Kept},
        ownership::{ADOPTED, AGENT, Identity, MANAGED, PROJECT, RESOURCE, STAGE},
        tags::{self, DECLARED, POLICIES, replaced_runtime},
    },
};

/// Where a role is cleaned, and its owner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) identity: &'a Identity,
    pub(crate) partition: Partition,
    pub(crate) account: &'a AccountId,
    pub(crate) regions: &'a BTreeSet<Region>,
}

/// A role, and what its deletion depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WholeRole {
    pub(crate) name: RoleName,
    pub(crate) role: ObservedRole,
    /// The instance profiles that contain the role.
    pub(crate) instance_profiles: Vec<String>,
}

/// What is taken away of a role.
#[derive(Debug, Default)]
pub(crate) struct RoleDeletion {
    pub(crate) deletion: Deletion<DeletionStep>,
    /// True if the role still serves other regions.
    pub(crate) serves_others: bool,
}

/// Decides about a role: its policies in these regions, and the role itself if it serves no other
/// region. `declared` are the policies that the metadata attaches to it.
pub(crate) fn deletion(
    place: Place<'_>,
    WholeRole {
        name,
        role,
        instance_profiles,
    }: &WholeRole,
    declared: &BTreeSet<String>,
) -> RoleDeletion {
    let what = Subject::new("role", name.to_string());
    if let Err(why) = place.identity.ownership(&role.tags).proven() {
        return RoleDeletion {
            deletion: Deletion::keeping(what, format!("not ours: {why}")),
            serves_others: false,
        };
    }
    let (here, elsewhere): (BTreeSet<Region>, BTreeSet<Region>) = regions_served(role)
        .into_iter()
        .partition(|region| place.regions.contains(region));
    let mut deletion = Deletion::of(here.iter().map(|region| DeletionStep::DeletePolicy {
        role: name.clone(),
        policy: format!("{POLICY_PREFIX}{region}"),
    }));
    if !elsewhere.is_empty() {
        let trust = policy::trust(place.partition, place.account, &elsewhere);
        if !policy::same(&role.trust, &trust.to_value()) {
            deletion
                .steps
                .push(DeletionStep::Change(RoleStep::SetTrust {
                    role: name.clone(),
                    document: trust,
                    before: role.trust.clone(),
                }));
        }
        let regions: Vec<&str> = elsewhere.iter().map(Region::as_str).collect();
        let why = format!(
            "it still serves {} (`--all-regions` removes it everywhere)",
            regions.join(", ")
        );
        deletion.kept.push(Kept::fine(what, why));
        return RoleDeletion {
            deletion,
            serves_others: true,
        };
    }
    let attached = attached_by_us(declared, role);
    let detach = attached.iter().map(|arn| RoleStep::Detach {
        role: name.clone(),
        arn: (*arn).to_owned(),
    });
    deletion.steps.extend(detach.map(DeletionStep::Change));
    let hindrances = hindrances(name, role, &attached, instance_profiles);
    if role.tags.contains_key(ADOPTED) {
        deletion.steps.push(DeletionStep::Change(RoleStep::Untag {
            role: name.clone(),
            keys: our_tags(role),
        }));
        let why = "it was adopted; our policies and tags are removed";
        deletion.kept.push(Kept::fine(what, why));
    } else if hindrances.is_empty() {
        let role = name.clone();
        deletion.steps.push(DeletionStep::Delete { role });
    } else {
        let left = hindrances.into_iter();
        let left = left.map(|why| Kept::leftover(what.clone(), why));
        deletion.kept.extend(left);
    }
    RoleDeletion {
        deletion,
        serves_others: false,
    }
}

/// Returns this tool's tags on an adopted role.
fn our_tags(role: &ObservedRole) -> Vec<String> {
    let ours = [
        MANAGED, PROJECT, AGENT, RESOURCE, STAGE, ADOPTED, DECLARED, POLICIES,
    ];
    let records = role.tags.keys().map(String::as_str);
    let records = records.filter(|key| replaced_runtime::is_record(key));
    tags::listed(&role.tags)
        .into_iter()
        .chain(ours)
        .chain(records)
        .filter(|key| role.tags.contains_key(*key))
        .map(str::to_owned)
        .collect()
}

/// Returns how to delete a role without the permission for it, because nothing names the role once
/// its runtime is gone.
pub(crate) fn by_hand(name: &RoleName) -> String {
    format!(
        "someone with permission can delete it with `aws iam delete-role-policy --role-name {name} --policy-name …` for each \
         policy and `aws iam delete-role --role-name {name}`"
    )
}

/// Returns the policies to detach: those that this tool attached and, if the role itself is
/// deleted, those that the metadata declares.
fn attached_by_us<'a>(declared: &BTreeSet<String>, role: &'a ObservedRole) -> BTreeSet<&'a str> {
    let is_deleted = !role.tags.contains_key(ADOPTED);
    let attached = role.attached.iter();
    attached
        .filter(|arn| is_listed(arn, &role.tags) || (is_deleted && declared.contains(*arn)))
        .map(String::as_str)
        .collect()
}

/// Returns why IAM would refuse to delete the role, and what to do about it.
fn hindrances(
    name: &RoleName,
    role: &ObservedRole,
    attached: &BTreeSet<&str>,
    instance_profiles: &[String],
) -> Vec<String> {
    let listed = |names: Vec<&String>| {
        let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let foreign: Vec<&String> = role
        .inline
        .keys()
        .filter(|policy| region_of(policy).is_none())
        .chain(
            role.attached
                .iter()
                .filter(|arn| !attached.contains(arn.as_str())),
        )
        .collect();
    let mut why = Vec::new();
    if !foreign.is_empty() {
        why.push(format!(
            "it has policies that are not ours: {}; remove them and run this again",
            listed(foreign)
        ));
    }
    if !instance_profiles.is_empty() {
        why.push(format!(
            "it is in an instance profile: {}; remove it (`aws iam remove-role-from-instance-profile \
             --role-name {name} --instance-profile-name …`) and run this again",
            listed(instance_profiles.iter().collect())
        ));
    }
    why
}
