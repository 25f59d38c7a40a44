//! The IAM documents of the selected agents.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Kind, builds};
use crate::{
    config::ServiceRole,
    names::{AgentName, Region},
    policy::{self, Deployer, Document, Grant, Target, size},
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
    /// The role of a declared resource, if the document is not an agent's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<String>,
    pub(super) document: Value,
    #[serde(skip)]
    pub(super) text: String,
}

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
            role: None,
            document: document.to_value(),
            text: document.to_pretty_json(),
        }
    }
}
