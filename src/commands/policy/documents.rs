//! The IAM documents of the selected agents.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Kind, builds,
    printed::{Printed, printed},
};
use crate::{
    config::ServiceRole,
    names::{AgentName, Region},
    policy::{self, Deployer, Document, Grant, Target, size},
};

pub(super) fn documents(kind: Kind, targets: &[Target<'_>]) -> Vec<Printed> {
    match kind {
        Kind::Trust => trusts(targets),
        Kind::Execution => targets.iter().flat_map(executions).collect(),
        Kind::Boundary => vec![printed(kind, targets, &policy::boundary_grants(targets))],
        Kind::Deployer | Kind::DeployerNoIam => {
            let grants = deployer(kind, targets);
            let parts = size::parts(&grants);
            let count = parts.len();
            let numbered = (1..).zip(parts);
            numbered
                .map(|(part, grants)| Printed {
                    part,
                    parts: count,
                    ..printed(kind, targets, grants)
                })
                .collect()
        }
    }
}

/// Returns the policies of the agent's role, and of the roles of the gateways that it uses.
fn executions(target: &Target<'_>) -> Vec<Printed> {
    let kind = Kind::Execution;
    let one = std::slice::from_ref(target);
    let grants = policy::execution_grants(target.agent, &target.scope);
    let own = Printed {
        managed_policies: policy::attached(target),
        ..printed(kind, one, &grants)
    };
    let resources = target.agent.resources.iter();
    let of_resources = resources.filter_map(|resource| {
        let ServiceRole::Own(needs) = &resource.role else {
            return None;
        };
        let grants = policy::gateway_grants(needs, &resource.id_pattern(), &target.scope);
        Some(Printed {
            role: resource.own_role(),
            ..printed(kind, one, &grants)
        })
    });
    let of_build = builds::execution(target);
    std::iter::once(own)
        .chain(of_resources)
        .chain(of_build)
        .collect()
}

pub(super) fn deployer(kind: Kind, targets: &[Target<'_>]) -> Vec<Grant> {
    let which = match kind {
        Kind::DeployerNoIam => Deployer::WithoutRoles,
        Kind::Deployer | Kind::Trust | Kind::Execution | Kind::Boundary => Deployer::WithRoles,
    };
    policy::deployer_grants(targets, which)
}

/// Returns one trust policy for all agents that need the same.
fn trusts(targets: &[Target<'_>]) -> Vec<Printed> {
    let mut same: Vec<(Document, Vec<Target<'_>>)> = Vec::new();
    for (_, own) in by_agent(targets) {
        let trust = trust(&own);
        match same.iter_mut().find(|(other, _)| *other == trust) {
            Some((_, all)) => all.extend(own),
            None => same.push((trust, own)),
        }
    }
    same.into_iter()
        .map(|(trust, own)| {
            let asked_by = trust
                .statement
                .iter()
                .map(|statement| {
                    (
                        statement.sid.clone(),
                        Value::from("AgentCore, which runs the agent"),
                    )
                })
                .collect();
            Printed::new(Kind::Trust, &own, &trust, asked_by)
        })
        .chain(builds::trusts(targets))
        .collect()
}

pub(super) fn by_agent<'a>(targets: &[Target<'a>]) -> BTreeMap<AgentName, Vec<Target<'a>>> {
    let mut agents: BTreeMap<AgentName, Vec<Target<'a>>> = BTreeMap::new();
    for target in targets {
        let own = agents.entry(target.agent.name.clone()).or_default();
        own.push(target.clone());
    }
    agents
}

/// Returns the trust policy of one agent's role for all these regions.
pub(super) fn trust(own: &[Target<'_>]) -> Document {
    let regions: BTreeSet<Region> = own.iter().map(|t| t.scope.region.clone()).collect();
    let scope = &own[0].scope;
    policy::trust(scope.partition, &scope.account, &regions)
}
