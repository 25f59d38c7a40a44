//! What may be deleted for an agent, in which order, and what is kept and why.
//!
//! Only resources that provably belong to the project are deleted:
//! - everything with this tool's tags;
//! - a runtime by its name together with a role that the tags prove or, in a store without tags on
//!   runtimes, with the project's bucket that it runs from;
//! - what belongs to a runtime by that runtime;
//! - archives by the tags of the project's bucket and the runtime's prefix in it;
//! - images by the tags of the agent's repository;
//! - what the Python toolkit created by an entry in its file whose account, region and runtime or
//!   role are proven.

use std::collections::{BTreeMap, BTreeSet};

use self::{entry::clean_entry, proof::Proof, region::clean_region};
use crate::{
    config::{Declared, RoleArn, RoleSettings},
    names::{AccountId, Partition, Region, RoleName, RuntimeName},
    policy,
    resources::{
        change::Subject,
        deletion::Logs,
        ownership::Identity,
        role::{self, Place},
        runtime::deletion::DeletionStep,
    },
};

mod declared;
mod entry;
mod former;
mod observed;
mod proof;
mod region;
mod step;
mod toolkit;

pub(crate) use self::declared::{ObservedDeclared, plan_declared};
pub(crate) use self::former::formers_on_disk;
pub(crate) use self::former::still_deployed;
pub(crate) use self::observed::{Observed, ObservedObject, ObservedRegion};
pub(crate) use self::step::{CleanPlan, CleanStep, DeclaredPart, Turn, What};
pub(crate) use self::toolkit::objects_elsewhere;
pub(crate) use self::toolkit::objects_to_look_for;
pub(crate) use self::toolkit::repository_at;
pub(crate) use self::toolkit::repository_to_look_for;

/// What to clean, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Desired {
    pub(crate) identity: Identity,
    pub(crate) runtime: RuntimeName,
    pub(crate) role: RoleSettings,
    pub(crate) partition: Partition,
    pub(crate) account: AccountId,
    /// The regions to clean.
    pub(crate) regions: BTreeSet<Region>,
    /// The regions where this is the last agent of the run with objects in the project's bucket,
    /// and the runtimes whose objects are deleted by then.
    pub(crate) last_in: BTreeMap<Region, BTreeSet<RuntimeName>>,
    /// The repository for the agent's images, if it has any.
    pub(crate) repository: Option<String>,
    /// Regions that the agent was deployed to and that this run does not clean. Used only without a
    /// role of this tool, which lists its regions itself.
    pub(crate) elsewhere: BTreeSet<Region>,
    pub(crate) logs: Logs,
    pub(crate) yaml: Trust,
    /// The agents and stages in Cargo.toml.
    pub(crate) declared: Declared,
}

/// Whether a toolkit entry counts without proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    Proven,
    Included,
}

impl Desired {
    /// Returns where a role of this owner is cleaned.
    fn place<'a>(&'a self, identity: &'a Identity) -> Place<'a> {
        Place {
            identity,
            partition: self.partition,
            account: &self.account,
            regions: &self.regions,
        }
    }
}

pub(crate) fn plan(desired: &Desired, observed: &Observed) -> CleanPlan {
    let mut plan = CleanPlan {
        copy_goes: true,
        ..CleanPlan::default()
    };
    let proof = Proof::of_roles(desired, observed);
    let entry = observed.entry.as_ref();
    for region in &desired.regions {
        if let Some(there) = observed.regions.get(region) {
            clean_region(desired, region, there, entry, &proof, &mut plan);
        }
    }
    clean_roles(desired, observed, &mut plan);
    if let Some(entry) = entry {
        clean_entry(desired, entry, observed, &proof, &mut plan);
    }
    plan.steps.sort_by_key(|step| step.turn);
    plan
}

fn clean_roles(desired: &Desired, observed: &Observed, plan: &mut CleanPlan) {
    let Some(region) = desired.regions.first() else {
        return;
    };
    let (turn, place) = ((Turn::Roles, region), desired.place(&desired.identity));
    match (&desired.role, &observed.role) {
        (RoleSettings::Given { arn }, _) => {
            keep_elsewhere(desired, plan);
            let why = "it was brought with `role.arn`";
            plan.keep(Subject::new("role", &arn.arn), why);
        }
        (RoleSettings::Managed { .. }, None) => {}
        (RoleSettings::Managed { policies, .. }, Some(role)) => {
            let arn = |policy| policy::managed_policy_arn(policy, place.partition, place.account);
            let declared: BTreeSet<String> = policies.iter().map(arn).collect();
            let deletion = role::deletion(place, role, &declared);
            plan.copy_goes &= !deletion.serves_others;
            plan.take_role(turn, deletion);
        }
    }
    for former in &observed.former_roles {
        let deletion = former.deletion(place, is_of_kept(observed, former.name(), plan));
        if !deletion.deletion.steps.is_empty() {
            plan.former_roles.insert(former.name().clone());
        }
        plan.copy_goes &= !deletion.serves_others;
        plan.take_role(turn, deletion);
    }
}

/// Returns true if a runtime that is kept uses the role.
fn is_of_kept(observed: &Observed, name: &RoleName, plan: &CleanPlan) -> bool {
    let runtimes = observed.regions.values().flat_map(|there| &there.runtimes);
    runtimes
        .filter(|runtime| !plan.deletes(&runtime.id))
        .filter_map(|runtime| RoleArn::parse(&runtime.role_arn))
        .any(|role| role.name == *name)
}

impl CleanPlan {
    pub(crate) fn deletes_a_runtime(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| matches!(step.what, What::Runtime(_)))
    }

    /// Returns true if the runtime with this ID is deleted.
    fn deletes(&self, id: &str) -> bool {
        self.steps.iter().any(|step| {
            matches!(&step.what, What::Runtime(DeletionStep::Delete { runtime, .. }) if runtime == id)
        })
    }
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

#[cfg(test)]
mod tests;
