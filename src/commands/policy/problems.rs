//! What IAM would refuse of the documents.

use super::{
    Kind,
    documents::{by_agent, deployer, trust},
};
use crate::{
    config::{Agent, RoleSettings},
    error::Message,
    names::RoleName,
    policy::{self, Target, size},
};

pub(super) fn problems(kind: Kind, targets: &[Target<'_>]) -> Vec<Message> {
    let agents = || by_agent(targets).into_values();
    match kind {
        Kind::Trust => agents()
            .filter_map(|own| size::trust_problem(&role(own[0].agent), &trust(&own)))
            .collect(),
        Kind::Execution => agents().filter_map(|own| inline(&own)).collect(),
        Kind::Boundary => size::managed_problem(
            "the permissions boundary",
            &policy::boundary_grants(targets),
        )
        .into_iter()
        .collect(),
        Kind::Deployer | Kind::DeployerNoIam => size::parts(&deployer(kind, targets))
            .into_iter()
            .filter_map(|part| size::managed_problem("the deployer document", part))
            .collect(),
    }
}

fn inline(own: &[Target<'_>]) -> Option<Message> {
    let shares: Vec<(&str, Option<usize>)> = own
        .iter()
        .map(|target| {
            let size = policy::execution(target.agent, &target.scope).size();
            (target.scope.region.as_str(), Some(size))
        })
        .collect();
    size::inline_problem(&role(own[0].agent), shares)
}

fn role(agent: &Agent) -> RoleName {
    match &agent.role {
        RoleSettings::Managed { name, .. } => name.clone(),
        RoleSettings::Given { arn } => arn.name.clone(),
    }
}
