//! Resources that the metadata declares besides agents, such as memories. What is the same for all
//! kinds is decided here; a kind adds how it is compared and updated.

pub(crate) mod gateway;
mod memory;
mod step;
#[cfg(test)]
mod tests;
mod used;

pub(crate) use self::step::{DeclaredStep, DeletionStep};

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

pub(crate) use self::used::{used_by, used_in};
use crate::{
    config::{Resource, ResourceKind},
    error::Failure,
    names::{
        RuntimeName,
        ours::{ADOPTED, PROJECT, SETTINGS_HASH},
    },
    protocol::control::{Parts, api},
    resources::{
        change::{FieldChange, Secrecy, Subject},
        deletion::Deletion,
        ownership::Identity,
        role::Adopt,
        tags::{self, Tags},
    },
    text::hex,
};

/// Shown instead of what the service has not given yet, such as an ID.
pub(crate) const UNKNOWN: &str = "(known after it is created)";

/// A resource in AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedResource {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) status: String,
    pub(crate) failure: Option<String>,
    /// The service's document.
    pub(crate) document: Map<String, Value>,
    /// The parts by name.
    pub(crate) parts: BTreeMap<String, ObservedPart>,
    pub(crate) tags: Tags,
}

/// A part of a resource in AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedPart {
    pub(crate) id: String,
    pub(crate) document: Map<String, Value>,
}

/// Who owns a resource with the name of a declared one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim {
    Ours,
    NotOurs(String),
}

/// Whether a resource without tags is ours, in a store that keeps no tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Untagged {
    /// The store belongs to the project.
    IsOurs,
    ProvesNothing,
}

/// What an update must send, and what is different.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Update {
    body: Map<String, Value>,
    fields: Vec<FieldChange>,
    loses: Vec<String>,
    /// Settings that the service cannot change.
    fixed: Vec<FieldChange>,
}

/// Completes the parts that lead to agents with the ARNs of their runtimes, as far as these exist.
pub(crate) fn lead_to(resource: &mut Resource, runtimes: &BTreeMap<RuntimeName, String>) {
    for part in resource.parts.values_mut() {
        if let Some(agent) = &part.agent {
            let arn = runtimes.get(&agent.runtime);
            let arn = arn.map_or(UNKNOWN, String::as_str);
            gateway::lead_to(&mut part.settings, arn);
        }
    }
}

/// Decides who owns a resource that has the name of the declared one.
pub(crate) fn claim(resource: &Resource, there: &ObservedResource, untagged: Untagged) -> Claim {
    let there = match &there.tags {
        Tags::Known(tags) => tags,
        Tags::Unknown if untagged == Untagged::IsOurs => return Claim::Ours,
        Tags::Unknown => {
            return Claim::NotOurs("this service keeps no tags, so nothing proves it".to_owned());
        }
    };
    match Identity::of_resource(resource).ownership(there).proven() {
        Ok(()) => Claim::Ours,
        Err(why) => Claim::NotOurs(why),
    }
}

/// Returns the steps that make the resource what the metadata declares.
pub(crate) fn plan(
    resource: &Resource,
    there: Option<&ObservedResource>,
    (untagged, adopt): (Untagged, Adopt),
) -> Result<Vec<DeclaredStep>, Failure> {
    let subject = subject(resource);
    let Some(there) = there else {
        let mut steps = vec![create(resource, subject)];
        steps.extend(part_steps(resource, &BTreeMap::new(), false));
        return Ok(steps);
    };
    if let Claim::NotOurs(why) = claim(resource, there, untagged)
        && (adopt == Adopt::No || has_project(&there.tags))
    {
        return Err(not_ours(resource, there, &why));
    }
    let known = match &there.tags {
        Tags::Known(tags) => Some(tags),
        Tags::Unknown => None,
    };
    let hash = hash(resource);
    let adopts = claim(resource, there, untagged) != Claim::Ours;
    // Without a record, nothing tells that hidden settings differ.
    let hidden = known
        .and_then(|tags| tags.get(SETTINGS_HASH))
        .is_some_and(|there| *there != hash);
    let mut steps = Vec::new();
    let Update {
        body,
        fields,
        loses,
        fixed,
    } = compare(resource, &there.document, hidden);
    if !fixed.is_empty() {
        return Err(cannot_change(resource, &fixed));
    }
    if !body.is_empty() {
        steps.push(DeclaredStep::Update {
            body,
            subject: subject.clone(),
            fields,
            loses,
        });
    }
    steps.extend(part_steps(resource, &there.parts, hidden));
    if let Some(known) = known {
        let mut wanted = wanted_tags(resource, known);
        if adopts {
            wanted.insert(ADOPTED.to_owned(), "true".to_owned());
        }
        let tags::TagChanges { take_off, set } = tags::changes(wanted, known);
        if !take_off.is_empty() {
            steps.push(DeclaredStep::Untag {
                subject: subject.clone(),
                keys: take_off,
            });
        }
        if !set.is_empty() {
            steps.push(DeclaredStep::Tag { subject, tags: set });
        }
    }
    Ok(steps)
}

/// Compares the settings with the service's document. `hidden` means that a setting changed that the
/// document may not show.
fn compare(resource: &Resource, there: &Map<String, Value>, hidden: bool) -> Update {
    let settings = &resource.settings;
    match resource.kind {
        ResourceKind::Gateway => gateway::update(settings, there, &resource.service_name, hidden),
        ResourceKind::Memory => memory::update(settings, there, hidden),
    }
}

/// Returns the steps for the parts. Those that the metadata does not declare go first, because their
/// number is limited.
fn part_steps(
    resource: &Resource,
    there: &BTreeMap<String, ObservedPart>,
    hidden: bool,
) -> Vec<DeclaredStep> {
    let Some(parts) = api(resource.kind).parts else {
        return Vec::new();
    };
    let mut steps: Vec<DeclaredStep> = there
        .iter()
        .filter(|(name, _)| !resource.parts.contains_key(*name))
        .map(|(name, part)| DeclaredStep::DeletePart {
            id: part.id.clone(),
            subject: part_subject(resource, parts, name),
        })
        .collect();
    for (name, part) in &resource.parts {
        let observed = there.get(name);
        let document = observed.map(|part| part.document.clone());
        let fields = gateway::part_differences(part, &document.unwrap_or_default(), hidden);
        let subject = part_subject(resource, parts, name);
        let body = gateway::named(&part.settings, name);
        match observed {
            None => steps.push(DeclaredStep::CreatePart {
                body,
                subject,
                fields,
            }),
            Some(_) if fields.is_empty() => {}
            Some(observed) => steps.push(DeclaredStep::UpdatePart {
                id: observed.id.clone(),
                body,
                subject,
                fields,
            }),
        }
    }
    steps
}

fn part_subject(resource: &Resource, parts: &Parts, name: &str) -> Subject {
    Subject::new(parts.word, name).of(resource.service_name.clone())
}

/// Returns what `clean` does with a resource that the project may own: parts go before the whole.
pub(crate) fn deletion(
    resource: &Resource,
    there: &ObservedResource,
    untagged: Untagged,
) -> Deletion<DeletionStep> {
    let is_adopted = matches!(&there.tags, Tags::Known(tags) if tags.contains_key(ADOPTED));
    let why = match claim(resource, there, untagged) {
        Claim::NotOurs(why) => why,
        Claim::Ours if resource.retain => "the metadata says `retain = true`".to_owned(),
        Claim::Ours if is_adopted => "it existed before this project adopted it".to_owned(),
        Claim::Ours => {
            let api = api(resource.kind).parts.into_iter();
            let parts = api.flat_map(|parts| {
                let there = there.parts.iter();
                there.map(move |(name, part)| DeletionStep::DeletePart {
                    id: part.id.clone(),
                    subject: part_subject(resource, parts, name),
                })
            });
            let subject = subject(resource);
            return Deletion::of(parts.chain([DeletionStep::Delete { subject }]));
        }
    };
    Deletion::keeping(subject(resource), why)
}

/// Returns the resource's name and kind for messages.
pub(crate) fn subject(resource: &Resource) -> Subject {
    Subject::new(resource.kind.word(), resource.service_name.clone())
}

fn create(resource: &Resource, subject: Subject) -> DeclaredStep {
    let mut body = resource.settings.clone();
    body.insert("name".to_owned(), resource.service_name.clone().into());
    let tags = wanted_tags(resource, &BTreeMap::new());
    body.insert(
        "tags".to_owned(),
        tags.into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect::<Map<_, _>>()
            .into(),
    );
    let fields = compare(resource, &Map::new(), false);
    DeclaredStep::Create {
        body,
        subject,
        fields: [fields.fields, fields.fixed].concat(),
    }
}

fn wanted_tags(resource: &Resource, there: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut wanted = tags::wanted(
        Identity::of_resource(resource).tags(),
        &resource.tags,
        there,
    );
    wanted.insert(SETTINGS_HASH.to_owned(), hash(resource));
    wanted
}

/// Returns a hash of the settings, which tells that a setting changed that the service does not
/// return as it was sent.
fn hash(resource: &Resource) -> String {
    let mut settings = resource.settings.clone();
    for (name, part) in &resource.parts {
        let mut own = part.settings.clone();
        if let Some(agent) = &part.agent {
            // It does not change when the runtime is created.
            gateway::lead_to(&mut own, agent.name.as_str());
        }
        // No setting contains a slash.
        settings.insert(format!("/{name}"), own.into());
    }
    let text = Value::Object(settings).to_string();
    hex(&Sha256::digest(text.as_bytes())[..8])
}

fn has_project(tags: &Tags) -> bool {
    matches!(tags, Tags::Known(tags) if tags.contains_key(PROJECT))
}

fn not_ours(resource: &Resource, there: &ObservedResource, why: &str) -> Failure {
    let word = resource.kind.word();
    let failure = Failure::world(format!(
        "a {word} `{}` already exists and is not provably this project's",
        resource.service_name
    ))
    .note(format!("`{}`: {why}", there.id));
    if has_project(&there.tags) {
        failure.help(format!(
            "give this {word} another name in the metadata; nothing was written"
        ))
    } else {
        failure.help(format!(
            "`--adopt` takes it over, another name in the metadata creates a new one, and `{{ {word} = \"{}\" }}` in `permissions` uses it as it is; nothing was written",
            there.id
        ))
    }
}

fn cannot_change(resource: &Resource, fixed: &[FieldChange]) -> Failure {
    let word = resource.kind.word();
    let failure = Failure::config(format!(
        "a setting of the {word} `{}` cannot be changed after it is created",
        resource.service_name
    ));
    fixed
        .iter()
        .fold(failure, |failure, field| {
            failure.note(field.words(crate::resources::change::Reveal::Keys))
        })
        .help(format!(
            "restore the setting, or declare a {word} with another name; the old one keeps its content until you delete it"
        ))
}

/// Returns one difference, if there is one.
fn field(name: &str, before: Option<String>, after: Option<String>) -> Option<FieldChange> {
    (before != after).then(|| FieldChange {
        field: name.to_owned(),
        before,
        after,
        secrecy: Secrecy::Open,
    })
}

/// Returns a value as people write it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
