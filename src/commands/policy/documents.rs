//! The IAM documents of the selected agents.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::Kind;
use crate::{
    config::{Agent, RoleSettings},
    error::Message,
    names::{AgentName, Region, RoleName},
    policy::{self, Deployer, Document, Grant, Scope, Target, size},
};

/// A document with its metadata.
#[derive(Debug, Serialize)]
pub(super) struct Printed {
    pub(super) kind: Kind,
    pub(super) agents: Vec<AgentName>,
    pub(super) regions: Vec<Region>,
    /// The part's number: a document that exceeds one managed policy is split into parts that
    /// belong together.
    pub(super) part: usize,
    pub(super) parts: usize,
    pub(super) size: usize,
    pub(super) asked_by: Map<String, Value>,
    /// The managed policies that are attached to the role next to an execution policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) managed_policies: Vec<String>,
    pub(super) document: Value,
    #[serde(skip)]
    pub(super) text: String,
}

pub(super) fn documents(kind: Kind, targets: &[Target<'_>]) -> Vec<Printed> {
    match kind {
        Kind::Trust => trusts(targets),
        Kind::Execution => targets
            .iter()
            .map(|target| {
                let grants = policy::execution_grants(target.agent, &target.scope);
                Printed {
                    managed_policies: attached(target),
                    ..printed(kind, std::slice::from_ref(target), &grants)
                }
            })
            .collect(),
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

/// Returns the ARNs of the managed policies that the metadata attaches to the agent's role.
pub(super) fn attached(target: &Target<'_>) -> Vec<String> {
    let Scope {
        partition,
        region: _,
        account,
        runtime: _,
    } = &target.scope;
    match &target.agent.role {
        RoleSettings::Managed { policies, .. } => policies
            .iter()
            .map(|policy| policy::managed_policy_arn(policy, *partition, account))
            .collect(),
        RoleSettings::Given { .. } => Vec::new(),
    }
}

/// Warns that a boundary from the declared permissions does not include managed policies.
pub(super) fn beyond_the_boundary(targets: &[Target<'_>]) -> Option<Message> {
    let attached: BTreeSet<String> = targets.iter().flat_map(attached).collect();
    if attached.is_empty() {
        return None;
    }
    let listed: Vec<String> = attached.iter().map(|arn| format!("`{arn}`")).collect();
    Some(
        Message::new("the permissions boundary does not contain what managed policies allow")
            .note(format!("the metadata attaches {}", listed.join(", ")))
            .note("a role may do only what its policies and its boundary both allow")
            .help("add the statements of these policies to the boundary, as far as the agents need them"),
    )
}

pub(super) fn deployer(kind: Kind, targets: &[Target<'_>]) -> Vec<Grant> {
    let which = match kind {
        Kind::DeployerNoIam => Deployer::WithoutRoles,
        Kind::Deployer | Kind::Trust | Kind::Execution | Kind::Boundary => Deployer::WithRoles,
    };
    policy::deployer_grants(targets, which)
}

/// Returns one trust policy for all agents that need the same.
pub(super) fn trusts(targets: &[Target<'_>]) -> Vec<Printed> {
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

pub(super) fn printed(kind: Kind, targets: &[Target<'_>], grants: &[Grant]) -> Printed {
    let asked_by = grants
        .iter()
        .map(|grant| {
            (
                grant.statement.sid.clone(),
                Value::from(grant.asked_by.as_str()),
            )
        })
        .collect();
    Printed::new(kind, targets, &policy::document_of(grants), asked_by)
}

impl Printed {
    pub(super) fn new(
        kind: Kind,
        targets: &[Target<'_>],
        document: &Document,
        asked_by: Map<String, Value>,
    ) -> Self {
        let agents: BTreeSet<AgentName> = targets.iter().map(|t| t.agent.name.clone()).collect();
        let regions: BTreeSet<Region> = targets.iter().map(|t| t.scope.region.clone()).collect();
        Self {
            kind,
            agents: agents.into_iter().collect(),
            regions: regions.into_iter().collect(),
            part: 1,
            parts: 1,
            size: document.size(),
            asked_by,
            managed_policies: Vec::new(),
            document: document.to_value(),
            text: document.to_pretty_json(),
        }
    }
}

/// Returns what IAM would refuse.
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

pub(super) fn inline(own: &[Target<'_>]) -> Option<Message> {
    let shares: Vec<(&str, Option<usize>)> = own
        .iter()
        .map(|target| {
            let size = policy::execution(target.agent, &target.scope).size();
            (target.scope.region.as_str(), Some(size))
        })
        .collect();
    size::inline_problem(&role(own[0].agent), shares)
}

pub(super) fn role(agent: &Agent) -> RoleName {
    match &agent.role {
        RoleSettings::Managed { name, .. } => name.clone(),
        RoleSettings::Given { arn } => arn.name.clone(),
    }
}
