//! One printed document with its metadata.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Kind;
use crate::{
    names::{AgentName, Region},
    policy::{self, Document, Grant, Target},
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

/// Returns the document of the grants, with who asked for each.
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
