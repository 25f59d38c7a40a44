//! A runtime that takes the place of one with another kind of artifact, because AgentCore does not
//! change the kind.
//!
//! The old runtime must go before the new one can have its name. What is needed again is recorded on
//! the agent's role until it is there again, so that a killed run loses nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{RuntimeStep, fields::Artifact, observed::RuntimeState};
use crate::{
    error::Failure,
    names::{RoleName, RuntimeName},
    resources::{log_group::ObservedLogGroup, ownership::Identity, tags::replaced_runtime},
};

/// What a replacement takes from the old runtime. Empty for a runtime that stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Replacement {
    /// The ID of the runtime that is replaced.
    pub(crate) of: Option<String>,
    /// The named endpoints that the runtime must have in the end, with their descriptions.
    pub(crate) endpoints: BTreeMap<String, Option<String>>,
    /// Those that the current runtime has.
    pub(crate) there: BTreeSet<String>,
    /// The log groups of the old runtime without our tags.
    pub(crate) log_groups: Vec<ObservedLogGroup>,
    /// The role with the record; `None` for a role that this tool does not write.
    pub(crate) role: Option<RoleName>,
    /// What the role records already.
    pub(crate) recorded: BTreeMap<String, String>,
    /// What it must record until the end.
    pub(crate) record: BTreeMap<String, String>,
}

impl Replacement {
    /// Returns the steps before the new runtime is created.
    pub(super) fn removal(&self, state: &RuntimeState, identity: &Identity) -> Vec<RuntimeStep> {
        let groups = self
            .log_groups
            .iter()
            .map(|group| RuntimeStep::TagLogGroup {
                name: group.name.clone(),
                arn: group.arn.clone(),
                tags: identity.tags(),
            });
        let mut steps: Vec<RuntimeStep> = groups.collect();
        let record: BTreeMap<String, String> = self
            .record
            .iter()
            .filter(|(key, _)| !self.recorded.contains_key(*key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if let (Some(role), false) = (&self.role, record.is_empty()) {
            steps.push(RuntimeStep::Record {
                role: role.clone(),
                tags: record,
            });
        }
        let endpoints = self.there.iter().map(|name| RuntimeStep::DeleteEndpoint {
            id: state.id.clone(),
            name: name.clone(),
        });
        steps.extend(endpoints);
        steps.push(RuntimeStep::Delete {
            id: state.id.clone(),
            why: format!(
                "it runs {}, and AgentCore does not change the kind of an artifact",
                match state.fields.artifact {
                    Artifact::Container { .. } => "a container image",
                    Artifact::Code { .. } | Artifact::Unknown => "a code archive",
                }
            ),
        });
        steps
    }

    /// Returns all steps in words, without the settings of the new runtime.
    pub(crate) fn shown(
        &self,
        state: &RuntimeState,
        identity: &Identity,
        name: &RuntimeName,
    ) -> Vec<RuntimeStep> {
        let create = RuntimeStep::Create {
            name: name.clone(),
            tags: BTreeMap::new(),
            settings: Vec::new(),
        };
        let mut steps = self.removal(state, identity);
        steps.push(create);
        steps.extend(self.restoring());
        steps
    }

    /// Returns the steps that give a new runtime the endpoints of the old one.
    pub(super) fn restoring(&self) -> Vec<RuntimeStep> {
        self.completion(&BTreeSet::new())
    }

    /// Returns the steps that finish a replacement whose runtime is there.
    pub(super) fn rest(&self) -> Vec<RuntimeStep> {
        self.completion(&self.there)
    }

    fn completion(&self, there: &BTreeSet<String>) -> Vec<RuntimeStep> {
        let missing = self
            .endpoints
            .iter()
            .filter(|(name, _)| !there.contains(*name));
        let mut steps: Vec<RuntimeStep> = missing
            .map(|(name, description)| RuntimeStep::CreateEndpoint {
                name: name.clone(),
                description: description.clone(),
            })
            .collect();
        let mut keys: Vec<String> = self
            .recorded
            .keys()
            .chain(self.record.keys())
            .cloned()
            .collect();
        keys.retain(|key| replaced_runtime::is_endpoint(key));
        keys.sort();
        keys.dedup();
        if let (Some(role), false) = (&self.role, keys.is_empty()) {
            steps.push(RuntimeStep::Forget {
                role: role.clone(),
                keys,
            });
        }
        steps
    }

    /// Returns the tags that a new runtime gets if no role can have the record.
    pub(super) fn tags_of_runtime(&self) -> BTreeMap<String, String> {
        let of_repository =
            |key: &String| replaced_runtime::is_repository(key) && self.role.is_none();
        self.record
            .iter()
            .filter(|(key, _)| of_repository(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

/// Returns why the agent's artifact cannot take the place of the runtime's, if it cannot.
pub(crate) fn other_kind(state: &RuntimeState, is_image: bool) -> Option<String> {
    // It is deleted and created again anyway.
    if ["DELETING", "CREATE_FAILED", "DELETE_FAILED"].contains(&state.status.as_str()) {
        return None;
    }
    match (&state.fields.artifact, is_image) {
        (Artifact::Container { uri }, false) => Some(format!(
            "runs the container image `{uri}`, and a code archive cannot take its place"
        )),
        (Artifact::Code { .. }, true) => {
            Some("runs a code archive, and a container image cannot take its place".to_owned())
        }
        (Artifact::Container { .. }, true)
        | (Artifact::Code { .. }, false)
        | (Artifact::Unknown, _) => None,
    }
}

/// Refuses to replace a runtime that `deploy --image` made, because a deploy without the option may
/// be an oversight.
pub(crate) fn without_its_image(state: &RuntimeState, why: &str, identity: &Identity) -> Failure {
    Failure::world(format!("the runtime `{}` {why}", state.id))
        .note("AgentCore does not change the kind of a runtime's artifact")
        .help("`cargo agentcore deploy --image URI` deploys another image to it")
        .help(format!(
            "`cargo agentcore clean --agent {}` deletes it; the next deploy then creates it with another ARN and without its endpoints",
            identity.owner.name()
        ))
        .help("or deploy under another agent name")
}

/// Refuses to replace a runtime that changed its kind since the user was asked.
pub(super) fn unasked(state: &RuntimeState, why: &str) -> Failure {
    Failure::world(format!("the runtime `{}` {why}", state.id))
        .note("something else deployed it in the meantime")
        .help("run this again to be asked whether to replace it")
}
