//! Plans the changes that make an agent's runtime match the metadata and the archive.
//!
//! An update replaces the whole runtime, so all fields are compared at once; tags are separate
//! steps. A runtime that is not provably this project's is never changed.

pub(crate) mod deletion;
pub(crate) mod document;
pub(crate) mod fields;
pub(crate) mod managed_settings;
pub(crate) mod observed;
pub(crate) mod refusal;
pub(crate) mod replacement;

use std::collections::{BTreeMap, BTreeSet};

use self::{
    fields::{Artifact, INSTRUMENTATION, RuntimeFields, changes},
    managed_settings::{managed, withdrawn},
    observed::RuntimeState,
    replacement::Replacement,
};
use crate::{
    config::{
        Agent, Caller, Settings,
        variable::{self, Size},
    },
    error::Failure,
    names::{Region, RoleName, RuntimeName},
    resources::{
        callers,
        change::{Action, Change, Details, FieldChange, Step, Subject},
        ownership::Identity,
        tags::{
            self, TagChanges, Tags,
            settings::{self, record, recorded},
        },
    },
};

/// The service's limits for environment variables.
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
    /// Those of other accounts, if the service has resource policies.
    pub(crate) callers: BTreeSet<Caller>,
    pub(crate) replacement: Replacement,
}

/// An existing runtime that is proven to be this project's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedRuntime {
    pub(crate) state: RuntimeState,
    pub(crate) tags: Tags,
}

/// Whether another change of the runtime must end first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settling {
    Settled,
    /// It is being created or changed.
    Changing,
    /// It is being deleted.
    Going,
}

/// One change in the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RuntimeStep {
    /// So that a later `clean --logs` can prove the log group of a runtime that is gone.
    TagLogGroup {
        name: String,
        arn: String,
        tags: BTreeMap<String, String>,
    },
    /// Records on the role what a replaced runtime had.
    Record {
        role: RoleName,
        tags: BTreeMap<String, String>,
    },
    DeleteEndpoint {
        id: String,
        name: String,
    },
    /// A runtime whose creation failed, or whose kind of artifact changes, can only be replaced.
    Delete {
        id: String,
        why: String,
    },
    Create {
        name: RuntimeName,
        tags: BTreeMap<String, String>,
        /// The settings besides the fields that every runtime has, and the callers.
        settings: Vec<FieldChange>,
    },
    Update {
        id: String,
        /// Empty if the last update failed and is repeated.
        changes: Vec<FieldChange>,
        /// Members that the metadata no longer sets, by path in the service's document.
        withdrawn: BTreeSet<String>,
    },
    /// Gives the new runtime an endpoint of the old one, at its version.
    CreateEndpoint {
        name: String,
        description: Option<String>,
    },
    /// Takes off the record of [`Self::Record`].
    Forget {
        role: RoleName,
        keys: Vec<String>,
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

/// Returns the steps that make the runtime match; none if nothing differs.
///
/// A runtime that is still changing is planned for as if it was ready.
pub(crate) fn plan(
    desired: &DesiredRuntime,
    observed: Option<&ObservedRuntime>,
) -> Result<Vec<RuntimeStep>, Failure> {
    let DesiredRuntime {
        name: _,
        identity,
        tags: _,
        fields,
        callers: _,
        replacement,
    } = desired;
    let Some(ObservedRuntime { state, tags }) = observed else {
        return Ok(desired.creation());
    };
    let why = state.failure.clone().unwrap_or_default();
    match state.status.as_str() {
        "DELETING" => return Ok(desired.creation()),
        "CREATE_FAILED" | "DELETE_FAILED" => {
            let delete = RuntimeStep::Delete {
                id: state.id.clone(),
                why: format!("it is {}: {why}", state.status),
            };
            return Ok([vec![delete], desired.creation()].concat());
        }
        _ => {}
    }
    let is_image = matches!(fields.artifact, Artifact::Container { .. });
    if let Some(why) = replacement::other_kind(state, is_image) {
        if replacement.of.as_ref() != Some(&state.id) {
            return Err(replacement::unasked(state, &why));
        }
        return Ok([replacement.removal(state, identity), desired.creation()].concat());
    }
    let mut steps = Vec::new();
    let mut there = tags.clone();
    let withdrawn = desired.withdrawn(tags);
    if let Tags::Known(there) = &mut there
        && let Some(tags) = desired.record_first(there)
    {
        there.extend(tags.clone());
        steps.push(RuntimeStep::Tag {
            arn: state.arn.clone(),
            tags,
        });
    }
    let changes = desired.changes(state, &withdrawn);
    if !changes.is_empty() || state.status == "UPDATE_FAILED" {
        steps.push(RuntimeStep::Update {
            id: state.id.clone(),
            changes,
            withdrawn,
        });
    }
    if let Tags::Known(tags) = &there {
        steps.extend(desired.tag_steps(&state.arn, tags));
    }
    steps.extend(replacement.rest());
    Ok(steps)
}

impl DesiredRuntime {
    /// Returns the steps that create the runtime, with the endpoints that it must have.
    fn creation(&self) -> Vec<RuntimeStep> {
        let mut tags = self.all_tags(&BTreeMap::new());
        tags.extend(self.replacement.tags_of_runtime());
        let mut settings = managed_settings::changes(&self.fields.settings, &Settings::default());
        settings.extend(callers::for_new_runtime(&self.callers));
        let create = RuntimeStep::Create {
            name: self.name.clone(),
            tags,
            settings,
        };
        [vec![create], self.replacement.restoring()].concat()
    }

    fn all_tags(&self, there: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut tags = tags::wanted(self.identity.tags(), &self.tags, there);
        tags.extend(record(&self.managed()));
        tags
    }

    /// Returns what the runtime's list of settings must contain.
    fn managed(&self) -> BTreeSet<String> {
        let mut managed = managed(&self.fields.settings);
        if !self.callers.is_empty() {
            managed.insert(settings::CALLERS.to_owned());
        }
        managed
    }

    /// Returns what this tool has set and is no longer wanted.
    pub(crate) fn withdrawn(&self, tags: &Tags) -> BTreeSet<String> {
        match tags {
            Tags::Known(tags) => withdrawn(&recorded(tags), &self.managed()),
            Tags::Unknown => BTreeSet::new(),
        }
    }

    /// Returns the tags that list what is about to be set, so that a run killed between the two
    /// writes leaves no setting that seems to be someone else's. They include our identity, because
    /// tagging may be allowed only with it.
    fn record_first(&self, there: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
        let before = recorded(there);
        let managed = self.managed();
        if managed.is_subset(&before) {
            return None;
        }
        let both = before.union(&managed).cloned().collect();
        let mut tags = self.identity.tags();
        tags.extend(record(&both));
        Some(tags)
    }

    /// Returns what an update would change in the runtime.
    pub(crate) fn changes(
        &self,
        state: &RuntimeState,
        withdrawn: &BTreeSet<String>,
    ) -> Vec<FieldChange> {
        let mut found = changes(&self.fields, &state.fields);
        found.extend(managed_settings::withdrawals(
            &state.fields.settings,
            withdrawn,
        ));
        found
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

/// Returns the variables that every runtime gets; the agent's own override them.
pub(crate) fn own_variables(region: &Region) -> BTreeMap<String, String> {
    [
        // boto3 reads only the second one, the other SDKs the first one.
        ("AWS_REGION", region.as_str()),
        ("AWS_DEFAULT_REGION", region.as_str()),
        // The Python SDK listens on every interface only if this is set.
        ("DOCKER_CONTAINER", "1"),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}

/// Checks the service's limits for the variables of the agent, of `--env` and of this tool
/// together.
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
    if let Size::Exceeds(what) = Size::of(name.as_str(), variables, agent.platform) {
        return Err(Failure::config(what).help(variable::SMALLER));
    }
    let illegal = |(key, value): &(&String, &String)| {
        key.is_empty() || key.len() > KEY_LENGTH || value.chars().count() > VALUE_LENGTH
    };
    match variables.iter().find(illegal) {
        Some((key, _)) if key.is_empty() => Err(Failure::config(format!(
            "an environment variable of agent `{name}` has no name"
        ))),
        Some((key, _)) => Err(Failure::config(format!(
            "the environment variable `{key}` of agent `{name}` is too long"
        ))
        .note(format!(
            "a name has 1 to {KEY_LENGTH} characters, a value at most {VALUE_LENGTH}"
        ))),
        None => Ok(()),
    }
}

/// Returns the command that the service starts, with the instrumentation if the archive contains
/// it.
pub(crate) fn entry_point(agent: &Agent, archive_files: &BTreeSet<String>) -> Vec<String> {
    let distribution = archive_files
        .iter()
        .any(|file| file.starts_with("aws_opentelemetry_distro-"));
    let mut command = Vec::new();
    if distribution && archive_files.contains(&format!("bin/{INSTRUMENTATION}")) {
        command.push(INSTRUMENTATION.to_owned());
    }
    command.push(agent.entrypoint.clone());
    command
}

impl Step for RuntimeStep {
    fn change(&self) -> Change {
        let whole = |name: &str| Subject::new("runtime", name);
        let fields = Details::Fields(self.changes().to_vec());
        match self {
            Self::Delete { id, why } => Change::new(
                Action::Delete,
                format!("runtime `{id}`, because {why}"),
                whole(id),
            ),
            Self::Create { name, .. } => {
                Change::of(Action::Create, whole(name.as_str())).with(fields)
            }
            Self::Update { id, .. } => Change::of(Action::Update, whole(id)).with(fields),
            Self::Tag { arn, tags } => {
                let keys: Vec<&str> = tags.keys().map(String::as_str).collect();
                let object = format!("runtime `{arn}` with {}", keys.join(", "));
                Change::new(Action::Tag, object, whole(arn))
            }
            Self::TagLogGroup { name, .. } => {
                Change::of(Action::Tag, Subject::new("log group", name))
            }
            Self::Record { role, tags } => {
                let keys: Vec<&str> = tags.keys().map(String::as_str).collect();
                let object = format!("role `{role}` with {}", keys.join(", "));
                Change::new(Action::Tag, object, Subject::new("role", role.to_string()))
            }
            Self::DeleteEndpoint { id, name } => Change::new(
                Action::Delete,
                format!("endpoint `{name}` of runtime `{id}`"),
                Subject::new("endpoint", name).of(id),
            ),
            Self::CreateEndpoint { name, .. } => Change::new(
                Action::Create,
                format!("endpoint `{name}` at the new version"),
                Subject::new("endpoint", name),
            ),
            Self::Forget { role, keys } => Change::new(
                Action::Remove,
                format!("tags {} of role `{role}`", keys.join(", ")),
                Subject::new("tags", keys.join(", ")).of(role.to_string()),
            ),
            Self::Untag { arn, keys } => Change::new(
                Action::Remove,
                format!("tags {} of runtime `{arn}`", keys.join(", ")),
                Subject::new("tags", keys.join(", ")).of(arn),
            ),
        }
    }
}

impl RuntimeStep {
    /// Returns the changed fields of an update.
    pub(crate) fn changes(&self) -> &[FieldChange] {
        match self {
            Self::Update { changes, .. } => changes,
            Self::Create { settings, .. } => settings,
            Self::TagLogGroup { .. }
            | Self::Record { .. }
            | Self::DeleteEndpoint { .. }
            | Self::Delete { .. }
            | Self::CreateEndpoint { .. }
            | Self::Forget { .. }
            | Self::Tag { .. }
            | Self::Untag { .. } => &[],
        }
    }
}

#[cfg(test)]
mod tests;
