//! The permissions boundary: what the roles of all agents may do together, and nothing else.

use super::{
    Document, Target,
    compact::{Across, compact},
    execution_grants,
    grant::{Grant, document},
};

/// A managed policy for `role.permissions-boundary` that lets every agent do what it declares.
pub fn boundary(targets: &[Target<'_>]) -> Document {
    document(&boundary_grants(targets))
}

/// The same, with which agent asked for what.
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
