//! What is deleted of the execution role and of former roles: this tool's parts, and the role
//! itself if nothing else needs it.

use std::collections::BTreeSet;

use super::{
    Desired, Observed,
    observed::{FormerRole, Sight, Trace},
    proof::{Configured, Proof},
    step::{CleanPlan, CleanStep, Kept, RoleRemoval},
};
use crate::{
    config::{RoleArn, RoleSettings},
    names::{AccountId, Partition, Region, RoleName},
    policy,
    resources::{
        change::Subject,
        ownership::{ADOPTED, AGENT, MANAGED, Ownership, PROJECT, RESOURCE, STAGE},
        role::{ObservedRole, POLICY_PREFIX, is_listed, region_of, regions_served},
        runtime::replacement,
        tags::{self, DECLARED, POLICIES},
    },
};

pub(crate) fn clean_roles(
    desired: &Desired,
    observed: &Observed,
    proof: &Proof,
    plan: &mut CleanPlan,
) {
    match (&desired.role, observed.role.as_ref()) {
        (RoleSettings::Given { arn }, _) => {
            keep_elsewhere(desired, plan);
            plan.keep(
                Subject::new("role", &arn.arn),
                "it was brought with `role.arn`",
            );
        }
        (RoleSettings::Managed { .. }, None) => {}
        (RoleSettings::Managed { name, .. }, Some(role)) => match &proof.configured {
            Configured::Nothing(why) => plan.keep(
                Subject::new("role", name.to_string()),
                format!("not ours: {why}"),
            ),
            Configured::Ours | Configured::Absent => {
                clean_role(desired, name, role, &observed.instance_profiles, plan);
            }
        },
    }
    for former in &observed.former_roles {
        clean_former(desired, observed, former, plan);
    }
}

/// Cleans a former role like the configured one. A role that cannot be judged is reported if a
/// runtime of this project uses it.
fn clean_former(
    desired: &Desired,
    observed: &Observed,
    FormerRole { name, sight }: &FormerRole,
    plan: &mut CleanPlan,
) {
    let what = Subject::new("role", name.to_string());
    match sight {
        Sight::Whole {
            role,
            instance_profiles,
        } => match desired.identity.ownership(&role.tags) {
            Ownership::Ours => {
                let before = plan.steps.len();
                clean_role(desired, name, role, instance_profiles, plan);
                if plan.steps.len() > before {
                    plan.former_roles.insert(name.clone());
                }
            }
            Ownership::Unmarked => plan.keep(what, "not ours: it does not carry our tags"),
            Ownership::Others(owner) => {
                plan.keep(what, format!("not ours: its tags say {owner}"));
            }
        },
        Sight::Tags { role: _, why } => plan.leave(
            what,
            format!(
                "its tags prove that it is this agent's, but what is attached to it could not be read: {why}; {}",
                by_hand(name)
            ),
        ),
        Sight::Nothing {
            why,
            trace: Trace::Runtime,
        } if !is_of_kept(observed, name, plan) => plan.leave(
            what,
            format!(
                "the agent's runtime used it, but its owner cannot be determined: {why}; if it is this agent's, {}",
                by_hand(name)
            ),
        ),
        Sight::Nothing { why, trace: _ } => plan.keep(
            what,
            format!("cannot check whether there is one: {why}"),
        ),
    }
}

/// Returns true if a runtime that is kept uses the role.
fn is_of_kept(observed: &Observed, name: &RoleName, plan: &CleanPlan) -> bool {
    let runtimes = observed.regions.values().flat_map(|there| &there.runtimes);
    let goes = |id: &String| {
        plan.steps
            .iter()
            .any(|step| matches!(step, CleanStep::DeleteRuntime { runtime, .. } if runtime == id))
    };
    runtimes
        .filter(|runtime| !goes(&runtime.id))
        .filter_map(|runtime| RoleArn::parse(&runtime.role_arn))
        .any(|role| role.name == *name)
}

/// Returns how to delete a role without the permission for it, because nothing names the role once
/// its runtime is gone.
pub(crate) fn by_hand(name: &RoleName) -> String {
    format!(
        "someone with permission can delete it with `aws iam delete-role-policy --role-name {name} --policy-name …` for each \
         policy and `aws iam delete-role --role-name {name}`"
    )
}

/// Where a role is cleaned.
pub(crate) struct RolePlace<'a> {
    pub(crate) partition: Partition,
    pub(crate) account: &'a AccountId,
    pub(crate) regions: &'a BTreeSet<Region>,
    /// The policies that the metadata attaches to the role.
    pub(crate) declared: BTreeSet<String>,
}

/// What is taken away of a role.
#[derive(Debug, Default)]
pub(crate) struct RoleCleaning {
    /// In the order in which they must be carried out.
    pub(crate) steps: Vec<RoleRemoval>,
    pub(crate) kept: Vec<Kept>,
    /// True if the role still serves other regions.
    serves_others: bool,
}

fn clean_role(
    desired: &Desired,
    name: &RoleName,
    role: &ObservedRole,
    instance_profiles: &[String],
    plan: &mut CleanPlan,
) {
    let place = RolePlace {
        partition: desired.partition,
        account: &desired.account,
        regions: &desired.regions,
        declared: declared_policies(desired, name),
    };
    let RoleCleaning {
        steps,
        kept,
        serves_others,
    } = remove_role(&place, name, role, instance_profiles);
    plan.steps.extend(steps.into_iter().map(CleanStep::Role));
    plan.kept.extend(kept);
    plan.copy_goes &= !serves_others;
}

/// Decides about a role of this tool: its policies in these regions, and the role itself if it
/// serves no other region.
pub(crate) fn remove_role(
    place: &RolePlace<'_>,
    name: &RoleName,
    role: &ObservedRole,
    instance_profiles: &[String],
) -> RoleCleaning {
    let mut cleaning = RoleCleaning::default();
    let what = Subject::new("role", name.to_string());
    let served = regions_served(role);
    let (here, elsewhere): (BTreeSet<Region>, BTreeSet<Region>) = served
        .into_iter()
        .partition(|region| place.regions.contains(region));
    let policies = here.iter().map(|region| RoleRemoval::DeletePolicy {
        role: name.clone(),
        policy: format!("{POLICY_PREFIX}{region}"),
    });
    cleaning.steps.extend(policies);
    if !elsewhere.is_empty() {
        let trust = policy::trust(place.partition, place.account, &elsewhere);
        if !policy::same(&role.trust, &trust.to_value()) {
            cleaning.steps.push(RoleRemoval::SetTrust {
                role: name.clone(),
                document: trust,
            });
        }
        let regions: Vec<&str> = elsewhere.iter().map(Region::as_str).collect();
        cleaning.serves_others = true;
        let why = format!(
            "it still serves {} (`--all-regions` removes it everywhere)",
            regions.join(", ")
        );
        cleaning.kept.push(Kept::fine(what, why));
        return cleaning;
    }
    let attached = attached_by_us(&place.declared, role);
    let detached = attached.iter().map(|arn| RoleRemoval::Detach {
        role: name.clone(),
        arn: (*arn).to_owned(),
    });
    cleaning.steps.extend(detached);
    if role.tags.contains_key(ADOPTED) {
        let ours = [
            MANAGED, PROJECT, AGENT, RESOURCE, STAGE, ADOPTED, DECLARED, POLICIES,
        ];
        let records = role.tags.keys().map(String::as_str);
        let records = records.filter(|key| replacement::is_record(key));
        let keys = tags::listed(&role.tags)
            .into_iter()
            .chain(ours)
            .chain(records)
            .filter(|key| role.tags.contains_key(*key))
            .map(str::to_owned)
            .collect();
        cleaning.steps.push(RoleRemoval::Untag {
            role: name.clone(),
            keys,
        });
        let why = "it was adopted; our policies and tags are removed";
        cleaning.kept.push(Kept::fine(what, why));
        return cleaning;
    }
    let hindrances = hindrances(name, role, &attached, instance_profiles);
    if hindrances.is_empty() {
        cleaning
            .steps
            .push(RoleRemoval::Delete { role: name.clone() });
    }
    let left = hindrances
        .into_iter()
        .map(|why| Kept::leftover(what.clone(), why));
    cleaning.kept.extend(left);
    cleaning
}

/// Reports other regions, because a role that the user provides does not list them.
fn keep_elsewhere(desired: &Desired, plan: &mut CleanPlan) {
    for region in &desired.elsewhere {
        plan.copy_goes = false;
        plan.keep(
            Subject::new("agent", desired.identity.owner.name()).at(region),
            format!(
                "it was deployed there from here (`--all-regions` or `--region {region}` removes it)"
            ),
        );
    }
}

/// Returns the policies that the metadata attaches to the configured role.
fn declared_policies(desired: &Desired, name: &RoleName) -> BTreeSet<String> {
    match &desired.role {
        RoleSettings::Managed {
            name: configured,
            path: _,
            boundary: _,
            policies,
        } if configured == name => policies
            .iter()
            .map(|policy| policy::managed_policy_arn(policy, desired.partition, &desired.account))
            .collect(),
        RoleSettings::Managed { .. } | RoleSettings::Given { .. } => BTreeSet::new(),
    }
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
