//! A deployed agent, and how it differs from what is here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::code::Age;
use crate::{
    config::{Agent, Settings},
    engine::{
        agent::in_aws::{Compared, Gap, Why},
        build_project::BuildWork,
        runtime::{find::Found, own},
    },
    error::Failure,
    project::sessions::Placed,
    resources::{
        callers::{CallersStep, for_new_runtime},
        change::Step as _,
        difference::{Difference, Part},
        links,
        runtime::{
            RuntimeStep,
            fields::{Artifact, CodeObject},
            managed_settings::{elsewhere, managed},
            observed::{Code, EndpointState, Standing},
        },
        tags::{Tags, settings::recorded},
    },
};

pub(crate) struct There<'a> {
    pub(crate) placed: &'a Placed<'a>,
    pub(crate) found: Found,
    /// `None` without permission to read them.
    pub(crate) endpoints: Option<Vec<EndpointState>>,
    pub(crate) code: Code,
    /// The CodeBuild project that builds the image.
    pub(crate) build: Option<String>,
    /// The parts that were not compared.
    pub(crate) gaps: Vec<Gap>,
    /// What a deploy would change or stop at.
    pub(crate) differences: Vec<Difference>,
    pub(crate) age: Age,
    /// The address of the service.
    pub(crate) base: String,
    /// The current time, in seconds since 1970.
    pub(crate) now: i64,
}

impl There<'_> {
    pub(crate) fn url(&self, endpoint: &str) -> String {
        links::invocation(&self.base, &self.found.state.arn, endpoint)
    }

    /// Returns the page with the agent's traces, if it can send any.
    pub(crate) fn traces(&self) -> Option<String> {
        let session = &self.placed.session;
        // A Rust agent sends its traces itself.
        let has_traces =
            self.placed.agent.rust().is_some() || self.found.state.fields.artifact.can_trace();
        (session.capabilities().traces && has_traces)
            .then(|| links::observability(session.partition, &session.region))
    }

    /// Returns the lines if nothing differs, and for what was not compared.
    pub(crate) fn sameness(&self) -> Vec<(&'static str, String)> {
        let code = match &self.code {
            Code::Unknown(why) => Some(format!("the code was not compared: {why}")),
            Code::Equal | Code::Differs(_) => None,
        };
        let same = match code {
            Some(_) => "matches the deployed configuration",
            None => "matches what is deployed",
        };
        let mut unknown = code.into_iter().chain(self.unread().map(|part| {
            let (noun, verb) = part.words();
            format!(
                "the {noun} {verb} not compared: reading {} is not permitted",
                match verb {
                    "was" => "it",
                    _ => "them",
                }
            )
        }));
        let mut rows = Vec::new();
        if self.differences.is_empty() {
            let first = unknown.next().map(|first| format!("; {first}"));
            rows.push(("here", format!("{same}{}", first.unwrap_or_default())));
        }
        rows.extend(unknown.map(|text| ("", text)));
        rows
    }

    /// Returns `None` if no difference is known but not everything could be compared.
    pub(crate) fn equal(&self) -> Option<bool> {
        let is_known = !matches!(self.code, Code::Unknown(_)) && self.unread().next().is_none();
        if self.differences.is_empty() {
            is_known.then_some(true)
        } else {
            Some(false)
        }
    }

    /// Returns the parts that cannot be read.
    pub(crate) fn unread(&self) -> impl Iterator<Item = Part> {
        let denied = |gap: &&Gap| matches!(gap.why, Why::Denied(_));
        self.gaps.iter().filter(denied).map(|gap| gap.part)
    }

    /// Returns the runtime's values of the settings that the metadata sets or has set.
    pub(crate) fn managed(&self) -> Settings {
        let mut settings = self.found.state.fields.settings.clone();
        let places = self.managed_places();
        settings.retain(|place| {
            let place = place.join(".");
            places.contains(&place)
        });
        settings
    }

    pub(crate) fn managed_places(&self) -> BTreeSet<String> {
        let mut places = managed(&self.placed.agent.settings);
        if let Tags::Known(tags) = &self.found.tags {
            places.extend(recorded(tags));
        }
        places
    }

    /// Returns the settings made by others.
    pub(crate) fn set_elsewhere(&self) -> BTreeMap<String, Value> {
        let state = &self.found.state;
        elsewhere(
            &state.set_elsewhere,
            &state.fields.settings,
            &self.managed_places(),
        )
    }
}

/// Returns what a deploy would change or stop at, apart from the artifact, which is compared for
/// itself.
pub(super) fn differences(
    compared: &Compared<'_>,
    found: &Found,
    gaps: &[Gap],
) -> Result<Vec<Difference>, Failure> {
    let agent = compared.placed.agent;
    let artifact = as_here(agent, &found.state.fields.artifact);
    let (desired, steps) = compared.runtime(artifact)?;
    let mut all = Vec::new();
    let is_role_unread = gaps
        .iter()
        .any(|gap| gap.part == Part::Role && matches!(gap.why, Why::Denied(_)));
    if let Standing::NotOurs(_) = found.standing
        && !is_role_unread
    {
        let name = &agent.runtime_name;
        all.push(Difference::stop("runtime", &own::in_the_way(name)));
    }
    for step in &steps {
        let change = step.change();
        match step {
            RuntimeStep::Update { changes, .. } if !changes.is_empty() => {
                all.extend(changes.iter().cloned().map(Difference::Field));
            }
            _ => all.push(Difference::step(
                change.subject.kind.replace(' ', "_"),
                &change,
            )),
        }
    }
    if compared.replaces().is_some() {
        all.extend(for_new_runtime(&desired.callers).map(Difference::Field));
    }
    let callers = compared.callers.steps.iter().map(CallersStep::callers);
    all.extend(callers.map(Difference::Field));
    let role = compared.role.steps().iter();
    all.extend(role.map(|step| Difference::step(Part::Role.name(), &step.change())));
    all.extend(compared.build.iter().flat_map(BuildWork::differences));
    all.extend(gaps.iter().filter_map(|gap| match &gap.why {
        Why::Stops(why) => Some(Difference::stop(gap.part.name(), why)),
        Why::Denied(_) => None,
    }));
    Ok(all)
}

/// Returns the deployed artifact as it is with the agent's settings. The archive and the
/// instrumentation of its entry point are assumed to be unchanged.
fn as_here(agent: &Agent, deployed: &Artifact) -> Artifact {
    match (deployed, agent.has_image()) {
        (Artifact::Unknown, _) | (Artifact::Container { .. }, true) => deployed.clone(),
        (Artifact::Code { .. }, true) => Artifact::Container { uri: String::new() },
        (Artifact::Container { .. }, false) => code(agent, None, Vec::new()),
        (
            Artifact::Code {
                object,
                runtime: _,
                entry_point,
            },
            false,
        ) => {
            let mut entry_point = entry_point.clone();
            entry_point.pop();
            code(agent, object.clone(), entry_point)
        }
    }
}

fn code(agent: &Agent, object: Option<CodeObject>, mut entry_point: Vec<String>) -> Artifact {
    entry_point.push(agent.entrypoint.clone());
    Artifact::Code {
        object,
        runtime: agent.runtime.service_name().to_owned(),
        entry_point,
    }
}
