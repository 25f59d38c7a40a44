//! What has to be done so that an agent's runtime is as the metadata and the archive want it.
//!
//! An update replaces a runtime whole, so it is decided on every field at once; tags are not part of it
//! and are steps of their own. A runtime of our name that is not provably ours is never touched.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    clean::Tags,
    deployed::RuntimeState,
    ownership::Identity,
    runtime_diff::{Artifact, FieldChange, RuntimeFields, changes},
    tags::{self, TagChanges},
};
use crate::{
    config::{
        Agent,
        variable::{self, Size},
    },
    error::Failure,
    names::{Region, RuntimeName},
};

/// The service's limits on environment variables.
const VARIABLES: usize = 50;
const KEY_LENGTH: usize = 100;
const VALUE_LENGTH: usize = 5000;

/// The runtime that one agent needs in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DesiredRuntime {
    pub(crate) name: RuntimeName,
    pub(crate) identity: Identity,
    /// The user's own tags.
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) fields: RuntimeFields,
}

/// A runtime of that name, proven ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedRuntime {
    pub(crate) state: RuntimeState,
    pub(crate) tags: Tags,
}

/// What has to pass before anything can be done to a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settling {
    Settled,
    /// It is being made or changed.
    Changing,
    /// It is being deleted.
    Going,
}

/// One write to the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RuntimeStep {
    /// What failed at its birth can only be replaced.
    Delete {
        id: String,
        why: String,
    },
    Create {
        name: RuntimeName,
        tags: BTreeMap<String, String>,
    },
    Update {
        id: String,
        /// None where the last update failed and is repeated.
        changes: Vec<FieldChange>,
    },
    Tag {
        arn: String,
        tags: BTreeMap<String, String>,
    },
    Untag {
        arn: String,
        keys: Vec<String>,
    },
}

pub(crate) fn settling(state: &RuntimeState) -> Settling {
    match state.status.as_str() {
        "CREATING" | "UPDATING" => Settling::Changing,
        "DELETING" => Settling::Going,
        _ => Settling::Settled,
    }
}

/// The writes that lead from what is there to what is wanted; none where nothing differs.
///
/// A runtime that is still changing is planned for as if it had become ready.
pub(crate) fn plan(
    desired: &DesiredRuntime,
    observed: Option<&ObservedRuntime>,
) -> Result<Vec<RuntimeStep>, Failure> {
    let DesiredRuntime {
        name,
        identity,
        tags: _,
        fields,
    } = desired;
    let create = RuntimeStep::Create {
        name: name.clone(),
        tags: desired.all_tags(&BTreeMap::new()),
    };
    let Some(ObservedRuntime { state, tags }) = observed else {
        return Ok(vec![create]);
    };
    let why = state.failure.clone().unwrap_or_default();
    match state.status.as_str() {
        "DELETING" => return Ok(vec![create]),
        "CREATE_FAILED" | "DELETE_FAILED" => {
            let delete = RuntimeStep::Delete {
                id: state.id.clone(),
                why: format!("it is {}: {why}", state.status),
            };
            return Ok(vec![delete, create]);
        }
        _ => {}
    }
    if let Artifact::Container { uri } = &state.fields.artifact {
        return Err(Failure::world(format!(
            "the runtime `{}` runs the container image `{uri}`, and a code archive cannot take its place",
            state.id
        ))
        .help(format!(
            "`cargo agentcore clean --agent {}` deletes it; or deploy under another agent name",
            identity.agent
        )));
    }
    let changes = changes(fields, &state.fields);
    let mut steps = Vec::new();
    if !changes.is_empty() || state.status == "UPDATE_FAILED" {
        steps.push(RuntimeStep::Update {
            id: state.id.clone(),
            changes,
        });
    }
    if let Tags::Known(tags) = tags {
        steps.extend(desired.tag_steps(&state.arn, tags));
    }
    Ok(steps)
}

impl DesiredRuntime {
    fn all_tags(&self, there: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        tags::wanted(self.identity.tags(), &self.tags, there)
    }

    pub(crate) fn tag_steps(
        &self,
        arn: &str,
        there: &BTreeMap<String, String>,
    ) -> Vec<RuntimeStep> {
        let TagChanges { take_off, set } = tags::changes(self.all_tags(there), there);
        let mut steps = Vec::new();
        if !take_off.is_empty() {
            steps.push(RuntimeStep::Untag {
                arn: arn.to_owned(),
                keys: take_off,
            });
        }
        if !set.is_empty() {
            steps.push(RuntimeStep::Tag {
                arn: arn.to_owned(),
                tags: set,
            });
        }
        steps
    }
}

/// Variables that every runtime gets; the agent's own win.
pub(crate) fn own_variables(region: &Region) -> BTreeMap<String, String> {
    [
        // boto3 reads the second one only, the other SDKs the first one.
        ("AWS_REGION", region.as_str()),
        ("AWS_DEFAULT_REGION", region.as_str()),
        // The Python SDK listens on every interface only where this is set.
        ("DOCKER_CONTAINER", "1"),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}

/// The service's limits on what the agent, `--env` and this tool want to set together.
pub(crate) fn check_variables(
    agent: &Agent,
    variables: &BTreeMap<String, String>,
) -> Result<(), Failure> {
    let name = &agent.name;
    if variables.len() > VARIABLES {
        return Err(Failure::config(format!(
            "the agent `{name}` has {} environment variables, but the service accepts {VARIABLES}",
            variables.len()
        ))
        .note("AWS_REGION, AWS_DEFAULT_REGION and DOCKER_CONTAINER are among them"));
    }
    if let Size::Exceeds(what) = Size::of(name.as_str(), variables) {
        return Err(Failure::config(what).help(variable::SMALLER));
    }
    let illegal = |(key, value): &(&String, &String)| {
        key.is_empty() || key.len() > KEY_LENGTH || value.chars().count() > VALUE_LENGTH
    };
    match variables.iter().find(illegal) {
        Some((key, _)) => Err(Failure::config(format!(
            "the environment variable `{key}` of agent `{name}` is too long"
        ))
        .note(format!(
            "a name has 1 to {KEY_LENGTH} characters, a value at most {VALUE_LENGTH}"
        ))),
        None => Ok(()),
    }
}

/// What the service starts: the instrumentation around the agent exactly where the archive brings it.
pub(crate) fn entry_point(agent: &Agent, archive_files: &BTreeSet<String>) -> Vec<String> {
    let distribution = archive_files
        .iter()
        .any(|file| file.starts_with("aws_opentelemetry_distro-"));
    let executable = "opentelemetry-instrument";
    let mut command = Vec::new();
    if distribution && archive_files.contains(&format!("bin/{executable}")) {
        command.push(executable.to_owned());
    }
    command.push(agent.entrypoint.clone());
    command
}

impl RuntimeStep {
    /// Verb and object: ("Creating", "create", "runtime `x`").
    pub(crate) fn words(&self) -> (&'static str, &'static str, String) {
        match self {
            Self::Delete { id, why } => (
                "Deleting",
                "delete",
                format!("runtime `{id}`, because {why}"),
            ),
            Self::Create { name, tags: _ } => ("Creating", "create", format!("runtime `{name}`")),
            Self::Update { id, changes: _ } => ("Updating", "update", format!("runtime `{id}`")),
            Self::Tag { arn, tags } => {
                let keys: Vec<&str> = tags.keys().map(String::as_str).collect();
                (
                    "Tagging",
                    "tag",
                    format!("runtime `{arn}` with {}", keys.join(", ")),
                )
            }
            Self::Untag { arn, keys } => (
                "Removing",
                "remove",
                format!("tags {} of runtime `{arn}`", keys.join(", ")),
            ),
        }
    }

    /// Field by field, where the step replaces something.
    pub(crate) fn changes(&self) -> &[FieldChange] {
        match self {
            Self::Update { changes, .. } => changes,
            Self::Delete { .. } | Self::Create { .. } | Self::Tag { .. } | Self::Untag { .. } => {
                &[]
            }
        }
    }
}

#[cfg(test)]
mod tests;
