//! The settings of a runtime that the metadata manages, as opposed to those made elsewhere.
//!
//! A key removed from the metadata is removed from the runtime, while settings made by others stay.
//! The documents do not tell the two apart, so tags of the runtime list what this tool has set
//! (`tags::settings`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    config::{
        Settings,
        settings::{PLATFORM, key_of, meet},
    },
    resources::{
        change::{FieldChange, Secrecy},
        tags::settings::LONGEST,
    },
};

/// Returns the list for these settings. It does not contain the platform, because a runtime keeps
/// its platform without the key.
pub(crate) fn managed(settings: &Settings) -> BTreeSet<String> {
    settings
        .iter()
        .filter(|(place, _)| !place.iter().eq(PLATFORM))
        .map(|(place, _)| place.join("."))
        .filter(|place| place.len() <= LONGEST)
        .collect()
}

/// Returns what is listed but no longer managed.
pub(crate) fn withdrawn(
    recorded: &BTreeSet<String>,
    managed: &BTreeSet<String>,
) -> BTreeSet<String> {
    recorded.difference(managed).cloned().collect()
}

/// Returns what an update would change, ordered by path.
pub(crate) fn changes(wanted: &Settings, observed: &Settings) -> Vec<FieldChange> {
    let mut found = Vec::new();
    for (place, value) in wanted.iter() {
        let before = observed.at(place);
        if !before.is_some_and(|before| holds(before, value)) {
            found.push(FieldChange {
                field: key_of(place),
                before: before.map(|before| shown(place, before)),
                after: Some(shown(place, value)),
                secrecy: Secrecy::Open,
            });
        }
    }
    found
}

/// Returns what an update would remove.
pub(crate) fn withdrawals(observed: &Settings, withdrawn: &BTreeSet<String>) -> Vec<FieldChange> {
    let of = |listed: &String| {
        let listed: Vec<&str> = listed.split('.').collect();
        observed
            .iter()
            .filter(|(place, _)| place.len() >= listed.len() && meet(place, &listed))
            .map(|(place, value)| FieldChange {
                field: key_of(place),
                before: Some(shown(place, value)),
                after: None,
                secrecy: Secrecy::Open,
            })
            .collect::<Vec<_>>()
    };
    withdrawn.iter().flat_map(of).collect()
}

/// Returns settings as lines: the key and its value.
pub(crate) fn lines(settings: &Settings) -> Vec<(String, String)> {
    settings
        .iter()
        .map(|(place, value)| (key_of(place), shown(place, value)))
        .collect()
}

/// Returns the settings made by others, by path. An object is one entry if nothing in it is
/// managed.
pub(crate) fn elsewhere(
    set: &BTreeMap<String, Value>,
    observed: &Settings,
    managed: &BTreeSet<String>,
) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for (name, value) in set {
        let place: Vec<&str> = name.split('.').collect();
        let of_ours = |ours: &String| meet(&ours.split('.').collect::<Vec<_>>(), &place);
        if !managed.iter().any(of_ours) {
            found.insert(name.clone(), value.clone());
            continue;
        }
        let parts = observed.iter().filter(|(part, _)| meet(part, &place));
        for (part, value) in parts {
            let part = part.join(".");
            if !managed.contains(&part) {
                found.insert(part, value.clone());
            }
        }
    }
    found
}

/// Returns whether a member has the wanted value. The service may add members and reorder lists.
fn holds(there: &Value, wanted: &Value) -> bool {
    match (there, wanted) {
        (Value::Object(there), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, wanted)| there.get(name).is_some_and(|there| holds(there, wanted))),
        (Value::Array(there), Value::Array(wanted)) => {
            let mut left: Vec<&Value> = there.iter().collect();
            there.len() == wanted.len()
                && wanted.iter().all(|wanted| {
                    let found = left.iter().position(|there| holds(there, wanted));
                    found.map(|found| left.swap_remove(found)).is_some()
                })
        }
        (Value::Number(there), Value::Number(wanted)) => there.as_f64() == wanted.as_f64(),
        _ => there == wanted,
    }
}

fn shown(place: &[String], value: &Value) -> String {
    match value {
        Value::String(text) if place.iter().eq(PLATFORM) => text.to_lowercase(),
        Value::String(text) => text.clone(),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(document: &Value) -> Settings {
        Settings::of(document.as_object().unwrap())
    }

    #[test]
    fn what_the_service_adds_and_reorders_is_no_difference() {
        let wanted = settings(&json!({
            "filesystemConfigurations": [{ "a": { "mountPath": "/mnt/a" } }, { "b": { "mountPath": "/mnt/b" } }],
            "memory": 1,
        }));
        let there = settings(&json!({
            "filesystemConfigurations": [
                { "b": { "mountPath": "/mnt/b", "prefix": "x" } }, { "a": { "mountPath": "/mnt/a" } }],
            "memory": 1.0, "other": true,
        }));
        assert_eq!(changes(&wanted, &there), []);
        let fewer =
            settings(&json!({ "filesystemConfigurations": [{ "a": { "mountPath": "/mnt/a" } }] }));
        let names = |changes: Vec<FieldChange>| -> Vec<String> {
            changes.into_iter().map(|change| change.field).collect()
        };
        assert_eq!(
            names(changes(&wanted, &fewer)),
            ["file-systems", "runtime-settings.memory"]
        );
    }

    #[test]
    fn what_others_set_beside_ours_is_told_apart() {
        let document = json!({
            "capacity": { "arn": "a", "system": { "linux": 1 } }, "future": { "x": 1, "y": 2 },
        });
        let observed = settings(&document);
        let set: BTreeMap<String, Value> =
            document.as_object().unwrap().clone().into_iter().collect();
        let ours = BTreeSet::from(["capacity.arn".to_owned()]);
        let found = elsewhere(&set, &observed, &ours);
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["capacity.system.linux", "future"]);
    }
}
