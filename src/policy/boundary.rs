//! The permissions boundary: what the roles of all agents may do together, and nothing else.

use super::{
    Document, Target,
    compact::{Across, compact},
    execution_grants,
    grant::{Grant, document},
};

/// Returns a managed policy for `role.permissions-boundary` that allows what the agents declare.
pub fn boundary(targets: &[Target<'_>]) -> Document {
    document(&boundary_grants(targets))
}

/// Returns the same as grants, with the agents that asked for them.
pub fn boundary_grants(targets: &[Target<'_>]) -> Vec<Grant> {
    let grants = targets.iter().flat_map(|target| {
        let name = &target.agent.name;
        execution_grants(target.agent, &target.scope)
            .into_iter()
            .map(move |grant| {
                let by = format!("`{name}`: {}", grant.asked_by);
                grant.by(by)
            })
    });
    compact(grants.collect(), Across::Kinds)
}
