//! A deployed agent, and how it differs from what is here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::code::Age;
use crate::{
    config::Settings,
    engine::runtime::find::Found,
    project::sessions::Placed,
    resources::{
        change::FieldChange,
        links,
        runtime::{
            managed_settings::{elsewhere, managed, recorded},
            observed::{Code, EndpointState},
        },
        tags::Tags,
    },
};

pub(crate) struct There<'a> {
    pub(crate) placed: &'a Placed<'a>,
    pub(crate) found: &'a Found,
    pub(crate) endpoints: Vec<EndpointState>,
    pub(crate) code: Code,
    /// The CodeBuild project that builds the image.
    pub(crate) build: Option<String>,
    /// Why the role was not compared.
    pub(crate) unread_role: Option<String>,
    /// The differences in configuration, role and code.
    pub(crate) differences: Vec<FieldChange>,
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
        let role = self.unread_role.as_ref();
        let same = match code {
            Some(_) => "matches the deployed configuration",
            None => "matches what is deployed",
        };
        let role = role.map(|why| format!("the role was not compared: {why}"));
        let mut unknown = code.into_iter().chain(role);
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
        let is_known = !matches!(self.code, Code::Unknown(_)) && self.unread_role.is_none();
        if self.differences.is_empty() {
            is_known.then_some(true)
        } else {
            Some(false)
        }
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
