//! What is deleted of the execution role and of former roles: this tool's parts, and the role
//! itself if nothing else needs it.

use std::collections::BTreeSet;

use super::{
    Desired, Observed,
    observed::{FormerRole, Sight, Trace},
    proof::{Configured, Proof},
    step::{CleanPlan, CleanStep, RoleRemoval},
};
use crate::{
    config::{RoleArn, RoleSettings},
    names::{Region, RoleName},
    policy,
    resources::{
        change::Subject,
        ownership::{ADOPTED, AGENT, MANAGED, Ownership, PROJECT, STAGE},
        role::{ObservedRole, POLICY_PREFIX, is_listed, region_of, regions_served},
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

fn clean_role(
    desired: &Desired,
    name: &RoleName,
    role: &ObservedRole,
    instance_profiles: &[String],
    plan: &mut CleanPlan,
) {
    let served = regions_served(role);
    let (here, elsewhere): (BTreeSet<Region>, BTreeSet<Region>) = served
        .into_iter()
        .partition(|region| desired.regions.contains(region));
    let mut push = |removal: RoleRemoval| plan.steps.push(CleanStep::Role(removal));
    for region in &here {
        push(RoleRemoval::DeletePolicy {
            role: name.clone(),
            policy: format!("{POLICY_PREFIX}{region}"),
        });
    }
    if !elsewhere.is_empty() {
        let trust = policy::trust(desired.partition, &desired.account, &elsewhere);
        if !policy::same(&role.trust, &trust.to_value()) {
            push(RoleRemoval::SetTrust {
                role: name.clone(),
                document: trust,
            });
        }
        let regions: Vec<&str> = elsewhere.iter().map(Region::as_str).collect();
        plan.copy_goes = false;
        return plan.keep(
            Subject::new("role", name.to_string()),
            format!(
                "it still serves {} (`--all-regions` removes it everywhere)",
                regions.join(", ")
            ),
        );
    }
    let attached = attached_by_us(desired, name, role);
    for arn in &attached {
        push(RoleRemoval::Detach {
            role: name.clone(),
            arn: (*arn).to_owned(),
        });
    }
    if role.tags.contains_key(ADOPTED) {
        let ours = [MANAGED, PROJECT, AGENT, STAGE, ADOPTED, DECLARED, POLICIES];
        let keys = tags::listed(&role.tags)
            .into_iter()
            .chain(ours)
            .filter(|key| role.tags.contains_key(*key))
            .map(str::to_owned)
            .collect();
        push(RoleRemoval::Untag {
            role: name.clone(),
            keys,
        });
        return plan.keep(
            Subject::new("role", name.to_string()),
            "it was adopted; our policies and tags are removed",
        );
    }
    let hindrances = hindrances(name, role, &attached, instance_profiles);
    if hindrances.is_empty() {
        push(RoleRemoval::Delete { role: name.clone() });
    }
    for why in hindrances {
        plan.leave(Subject::new("role", name.to_string()), why);
    }
}

/// Reports other regions, because a role that the user provides does not list them.
fn keep_elsewhere(desired: &Desired, plan: &mut CleanPlan) {
    for region in &desired.elsewhere {
        plan.copy_goes = false;
        plan.keep(
            Subject::new("agent", desired.identity.agent.to_string()).at(region),
            format!(
                "it was deployed there from here (`--all-regions` or `--region {region}` removes it)"
            ),
        );
    }
}

/// Returns the policies to detach: those that this tool attached and, if the role itself is
/// deleted, those that the metadata declares.
fn attached_by_us<'a>(
    desired: &Desired,
    name: &RoleName,
    role: &'a ObservedRole,
) -> BTreeSet<&'a str> {
    let declared: BTreeSet<String> = match &desired.role {
        RoleSettings::Managed {
            name: configured,
            path: _,
            boundary: _,
            policies,
        } if configured == name && !role.tags.contains_key(ADOPTED) => policies
            .iter()
            .map(|policy| policy::managed_policy_arn(policy, desired.partition, &desired.account))
            .collect(),
        RoleSettings::Managed { .. } | RoleSettings::Given { .. } => BTreeSet::new(),
    };
    let attached = role.attached.iter();
    attached
        .filter(|arn| is_listed(arn, &role.tags) || declared.contains(*arn))
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
