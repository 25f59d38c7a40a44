//! The permissions boundary: what the roles of all agents, of their gateways and of their builds may do
//! together, and nothing else.

use super::{
    Document, Target, build_grants,
    compact::{Across, compact},
    execution_grants, gateway_grants,
    grant::{Grant, document},
};
use crate::config::ServiceRole;

/// Returns a managed policy for `role.permissions-boundary` that allows what the agents declare.
pub fn boundary(targets: &[Target<'_>]) -> Document {
    document(&boundary_grants(targets))
}

/// Returns the same as grants, with the agents that asked for them.
pub fn boundary_grants(targets: &[Target<'_>]) -> Vec<Grant> {
    let grants = targets.iter().flat_map(|target| {
        let name = &target.agent.name;
        let resources = target.agent.resources.iter();
        let of_resources = resources.flat_map(|resource| match &resource.role {
            ServiceRole::Own(needs) => gateway_grants(needs, &resource.id_pattern(), &target.scope),
            ServiceRole::None | ServiceRole::Given(_) => Vec::new(),
        });
        let of_build = match target.agent.dockerfile {
            Some(_) => build_grants(target.agent, &target.scope),
            None => Vec::new(),
        };
        execution_grants(target.agent, &target.scope)
            .into_iter()
            .chain(of_resources)
            .chain(of_build)
            .map(move |grant| {
                let by = format!("`{name}`: {}", grant.asked_by);
                grant.by(by)
            })
    });
    compact(grants.collect(), Across::Kinds)
}
