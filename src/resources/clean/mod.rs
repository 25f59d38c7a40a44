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

use self::{entry::clean_entry, proof::Proof, region::clean_region, role::clean_roles};
use crate::{
    config::{Declared, RoleSettings},
    names::{AccountId, Partition, Region, RuntimeName},
    resources::ownership::Identity,
};

mod bucket;
mod entry;
mod former;
mod observed;
mod proof;
mod region;
mod role;
mod step;
mod toolkit;

pub(crate) use self::former::formers_on_disk;
pub(crate) use self::former::still_deployed;
pub(crate) use self::observed::FormerRole;
pub(crate) use self::observed::ObjectKey;
pub(crate) use self::observed::Observed;
pub(crate) use self::observed::ObservedLogGroup;
pub(crate) use self::observed::ObservedObject;
pub(crate) use self::observed::ObservedRegion;
pub(crate) use self::observed::ObservedRepository;
pub(crate) use self::observed::ObservedRuntime;
pub(crate) use self::observed::OwnBucket;
pub(crate) use self::observed::OwnRepository;
pub(crate) use self::observed::Sight;
pub(crate) use self::observed::Tags;
pub(crate) use self::observed::Trace;
pub(crate) use self::role::{RolePlace, by_hand, remove_role};
pub(crate) use self::step::CleanPlan;
pub(crate) use self::step::CleanStep;
pub(crate) use self::step::Kept;
pub(crate) use self::step::RoleRemoval;
pub(crate) use self::step::Weight;
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logs {
    Keep,
    Delete,
}

/// Whether a toolkit entry counts without proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    Proven,
    Included,
}

pub(crate) fn plan(desired: &Desired, observed: &Observed) -> CleanPlan {
    let mut plan = CleanPlan {
        copy_goes: true,
        ..CleanPlan::default()
    };
    let role = Proof::of_roles(desired, observed);
    for region in &desired.regions {
        if let Some(there) = observed.regions.get(region) {
            clean_region(
                desired,
                region,
                there,
                observed.entry.as_ref(),
                &role,
                &mut plan,
            );
        }
    }
    clean_roles(desired, observed, &role, &mut plan);
    if let Some(entry) = &observed.entry {
        clean_entry(desired, entry, observed, &role, &mut plan);
    }
    plan
}

#[cfg(test)]
mod tests;
