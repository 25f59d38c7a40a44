//! What goes of the execution role: our parts of it, and the role itself where nothing else needs it.

use std::collections::BTreeSet;

use super::{
    Desired, Observed,
    proof::Proof,
    step::{CleanPlan, CleanStep, Kept, RoleRemoval, Weight},
    subject::Subject,
};
use crate::{
    config::RoleSettings,
    names::{Region, RoleName},
    plan::{
        ownership::{ADOPTED, AGENT, MANAGED, PROJECT, STAGE},
        role::{ObservedRole, POLICY_PREFIX, region_of, regions_served},
        tags::{self, DECLARED},
    },
    policy,
};

pub(super) fn clean_role(
    desired: &Desired,
    observed: &Observed,
    proof: &Proof,
    plan: &mut CleanPlan,
) {
    let (name, role) = match (&desired.role, observed.role.as_ref()) {
        (RoleSettings::Given { arn }, _) => {
            keep_elsewhere(desired, plan);
            return plan.keep(
                Subject::new("role", &arn.arn),
                "it was brought with `role.arn`",
            );
        }
        (RoleSettings::Managed { .. }, None) => return,
        (RoleSettings::Managed { name, .. }, Some(role)) => (name, role),
    };
    if let Proof::Nothing(why) = proof {
        return plan.keep(
            Subject::new("role", name.to_string()),
            format!("not ours: {why}"),
        );
    }
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
                "it still serves {} (`--all-regions` takes them all)",
                regions.join(", ")
            ),
        );
    }
    if role.tags.contains_key(ADOPTED) {
        let ours = [MANAGED, PROJECT, AGENT, STAGE, ADOPTED, DECLARED];
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
            "it was adopted; our policies and tags are taken off",
        );
    }
    let hindrances = hindrances(name, role, &observed.instance_profiles);
    if hindrances.is_empty() {
        push(RoleRemoval::Delete { role: name.clone() });
    }
    plan.kept.extend(hindrances.into_iter().map(|why| Kept {
        what: Subject::new("role", name.to_string()),
        why,
        weight: Weight::Leftover,
    }));
}

/// A role that was brought does not say where else the agent is.
fn keep_elsewhere(desired: &Desired, plan: &mut CleanPlan) {
    for region in &desired.elsewhere {
        plan.copy_goes = false;
        plan.keep(
            Subject::new("agent", desired.identity.agent.to_string()).at(region),
            format!(
                "it was deployed there from here (`--all-regions` or `--region {region}` takes it)"
            ),
        );
    }
}

/// Why IAM would refuse to delete the role, and what to do about it.
fn hindrances(name: &RoleName, role: &ObservedRole, instance_profiles: &[String]) -> Vec<String> {
    let listed = |names: Vec<&String>| {
        let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let foreign: Vec<&String> = role
        .inline
        .keys()
        .filter(|policy| region_of(policy).is_none())
        .chain(&role.attached)
        .collect();
    let mut why = Vec::new();
    if !foreign.is_empty() {
        why.push(format!(
            "policies that are not ours stand on it: {}; take them off and run this again",
            listed(foreign)
        ));
    }
    if !instance_profiles.is_empty() {
        why.push(format!(
            "it stands in an instance profile: {}; take it out (`aws iam remove-role-from-instance-profile \
             --role-name {name} --instance-profile-name …`) and run this again",
            listed(instance_profiles.iter().collect())
        ));
    }
    why
}
