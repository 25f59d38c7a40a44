//! Settings of runtimes that ministack accepts but does not return.

use std::{collections::BTreeMap, sync::Mutex};

use serde_json::{Map, Value};

use super::event::{Event, Events};
use crate::effects::folder::FolderFile;

/// The members of a runtime that determine how its agent runs.
const MEMBERS: [&str; 5] = [
    "lifecycleConfiguration",
    "protocolConfiguration",
    "requestHeaderConfiguration",
    "authorizerConfiguration",
    "filesystemConfigurations",
];

/// The settings by runtime and version, kept in a file like ministack's own state.
pub(super) struct Remembered {
    file: FolderFile,
    events: Events,
    versions: Mutex<BTreeMap<String, Value>>,
}

impl Remembered {
    pub(super) fn load(file: FolderFile, events: Events) -> Self {
        let text = file.read_text().ok().flatten();
        // An unreadable file counts as missing: the service's defaults apply.
        let versions = text.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            file,
            events,
            versions: Mutex::new(versions.unwrap_or_default()),
        }
    }

    /// Records the settings from a request that created a version, and its answer.
    pub(super) fn learn(&self, request: &[u8], answer: &[u8]) {
        let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
        let (request, answer) = (read(request), read(answer));
        let (Some(runtime), Some(version)) = (
            answer["agentRuntimeId"].as_str(),
            answer["agentRuntimeVersion"].as_str(),
        ) else {
            return;
        };
        let members: Map<String, Value> = MEMBERS
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), request.get(*name)?.clone())))
            .collect();
        let mut versions = self.versions.lock().expect("no thread panics with it");
        versions.insert(key(runtime, version), Value::Object(members));
        self.keep(&versions);
    }

    /// Forgets a deleted runtime.
    pub(super) fn forget(&self, runtime: &str) {
        let mut versions = self.versions.lock().expect("no thread panics with it");
        let count = versions.len();
        let of_it = key(runtime, "");
        versions.retain(|key, _| !key.starts_with(&of_it));
        if versions.len() < count {
            self.keep(&versions);
        }
    }

    fn keep(&self, versions: &BTreeMap<String, Value>) {
        let text = serde_json::to_vec(versions).unwrap_or_default();
        if let Err(error) = self.file.write(&text) {
            self.events.tell(Event::SettingsNotKept(error.to_string()));
        }
    }

    /// Adds the recorded settings to ministack's description of a version.
    pub(super) fn complete(&self, runtime: &str, version: &str, document: &mut Value) {
        let versions = self.versions.lock().expect("no thread panics with it");
        let Some(Value::Object(members)) = versions.get(&key(runtime, version)) else {
            return;
        };
        for (name, value) in members {
            if document[name].is_null() {
                document[name] = value.clone();
            }
        }
    }
}

fn key(runtime: &str, version: &str) -> String {
    format!("{runtime}/{version}")
}
