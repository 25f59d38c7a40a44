//! What is deleted of the declared resources, when all agents that may use them are cleaned.

use std::collections::BTreeSet;

use super::step::{CleanPlan, DeclaredPart, Turn, What};
use crate::{
    config::Resource,
    names::{AccountId, Partition, Region},
    resources::{
        declared::{self, DeletionStep, ObservedResource, Untagged, gateway},
        deletion::Deletion,
        ownership::Identity,
        role::{self, Place, WholeRole},
    },
};

/// A declared resource, and what exists of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedDeclared {
    pub(crate) resource: Resource,
    pub(crate) there: Option<ObservedResource>,
    /// The role that the service assumes.
    pub(crate) role: Option<WholeRole>,
}

/// Plans for the resources of an account and region.
pub(crate) fn plan_declared(
    (partition, account, region): (Partition, &AccountId, &Region),
    untagged: Untagged,
    observed: Vec<ObservedDeclared>,
) -> CleanPlan {
    let regions = BTreeSet::from([region.clone()]);
    let mut plan = CleanPlan::default();
    for ObservedDeclared {
        resource,
        there,
        role,
    } in observed
    {
        if let Some(there) = there {
            let deletion = declared::deletion(&resource, &there, untagged);
            let stays = deletion.steps.is_empty();
            let (targets, rest) = deletion
                .steps
                .into_iter()
                .partition(|step| leads_to_agent(step, &there));
            let what = |step| {
                What::Declared(Box::new(DeclaredPart {
                    resource: resource.clone(),
                    id: there.id.clone(),
                    step,
                }))
            };
            let targets: Vec<DeletionStep> = targets;
            plan.take((Turn::Targets, region), Deletion::of(targets), what);
            let rest = Deletion {
                steps: rest,
                kept: deletion.kept,
            };
            plan.take((Turn::Resources, region), rest, what);
            if stays {
                continue;
            }
        }
        // A stopped run may have deleted the resource alone.
        if let Some(role) = role.filter(|_| !resource.retain) {
            let place = Place {
                identity: &Identity::of_resource(&resource),
                partition,
                account,
                regions: &regions,
            };
            let role = role::deletion(place, &role, &BTreeSet::new());
            plan.take_role((Turn::Resources, region), role);
        }
    }
    plan.steps.sort_by_key(|step| step.turn);
    plan
}

/// Returns true for the deletion of a target that leads to an agent.
fn leads_to_agent(step: &DeletionStep, there: &ObservedResource) -> bool {
    match step {
        DeletionStep::DeletePart { subject, .. } => {
            let part = there.parts.get(&subject.name);
            part.is_some_and(|part| gateway::calls_a_runtime(&part.document))
        }
        DeletionStep::Delete { .. } => false,
    }
}
