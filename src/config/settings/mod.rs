//! Members of the service's document of a runtime that the metadata sets: with separate keys
//! ([`keys`], [`claims`]), or with `runtime-settings` ([`escape`]).

pub(super) mod claims;
pub(super) mod escape;
pub(super) mod keys;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The path of a member in the document.
pub(crate) type Place<'a> = &'a [&'a str];

pub(crate) const PLATFORM: Place<'static> = &["platformVersion"];
const PORT: Place<'static> = &["protocolConfiguration", "port"];
const PATH: Place<'static> = &["protocolConfiguration", "path"];
const WARM_UP_PATH: Place<'static> = &[
    "hooksConfiguration",
    "build",
    "warmup",
    "action",
    "httpPost",
    "path",
];
const WARM_UP_PORT: Place<'static> = &[
    "hooksConfiguration",
    "build",
    "warmup",
    "action",
    "httpPost",
    "port",
];
const FILE_SYSTEMS: Place<'static> = &["filesystemConfigurations"];
const ALLOWED_PORTS: Place<'static> = &["allowedPorts"];
const MEMORY: Place<'static> = &["resourceConfigurations"];
const CAPACITY_PROVIDER: Place<'static> = &["capacityProviderConfiguration", "capacityProviderArn"];
const CLAIMS: Place<'static> = &[
    "authorizerConfiguration",
    "customJWTAuthorizer",
    "customClaims",
];

/// The keys for members of the document, by their name in the manifest.
const KEYS: [(&str, Place<'static>); 10] = [
    ("platform-version", PLATFORM),
    ("server.port", PORT),
    ("server.path", PATH),
    ("warm-up.path", WARM_UP_PATH),
    ("warm-up.port", WARM_UP_PORT),
    ("file-systems", FILE_SYSTEMS),
    ("allowed-ports", ALLOWED_PORTS),
    ("minimum-memory", MEMORY),
    ("capacity-provider", CAPACITY_PROVIDER),
    ("authorizer.custom-claims", CLAIMS),
];

/// Returns the manifest's name for a member.
pub(crate) fn key_of(place: &[String]) -> String {
    match KEYS.iter().find(|(_, known)| place.iter().eq(*known)) {
        Some((key, _)) => (*key).to_owned(),
        None => format!("runtime-settings.{}", place.join(".")),
    }
}

/// The members that the local AgentCore keeps. It accepts and ignores others.
const KEPT_LOCALLY: [&str; 3] = [
    "authorizerConfiguration",
    "filesystemConfigurations",
    "protocolConfiguration",
];

/// Returns whether the local AgentCore keeps a member.
pub(crate) fn is_kept_locally(place: &[String]) -> bool {
    let first = place.first().map(String::as_str);
    first.is_some_and(|first| KEPT_LOCALLY.contains(&first))
}

/// Members by path. No path is the prefix of another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings(BTreeMap<Vec<String>, Value>);

impl Settings {
    /// Returns a document's members. An object with keys chosen by the user is a single member.
    pub(crate) fn of(document: &Map<String, Value>) -> Self {
        let mut settings = Self::default();
        settings.collect(document, &mut Vec::new());
        settings
    }

    fn collect(&mut self, document: &Map<String, Value>, above: &mut Vec<String>) {
        for (name, value) in document {
            above.push(name.clone());
            match value {
                Value::Object(members) if is_structure(members) => self.collect(members, above),
                _ => {
                    self.0.insert(above.clone(), value.clone());
                }
            }
            above.pop();
        }
    }

    pub(crate) fn set(&mut self, place: Place<'_>, value: Value) {
        self.insert(place.iter().map(|&name| name.to_owned()).collect(), value);
    }

    fn insert(&mut self, place: Vec<String>, value: Value) {
        self.0.retain(|there, _| !meet(there, &place));
        self.0.insert(place, value);
    }

    /// Merges the settings over `below`.
    pub(crate) fn over(self, mut below: Self) -> Self {
        for (place, value) in self.0 {
            below.insert(place, value);
        }
        below
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Vec<String>, &Value)> {
        self.0.iter()
    }

    pub(crate) fn at(&self, place: &[String]) -> Option<&Value> {
        self.0.get(place)
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&[String]) -> bool) {
        self.0.retain(|place, _| keep(place));
    }

    fn get(&self, place: Place<'_>) -> Option<&Value> {
        let found = self.0.iter().find(|(there, _)| there.iter().eq(place));
        found.map(|(_, value)| value)
    }

    /// Returns the agent's port, if it is not the protocol's default.
    pub(crate) fn port(&self) -> Option<u16> {
        self.get(PORT)?.as_u64()?.try_into().ok()
    }

    /// Returns the path of requests, if it is not the protocol's default.
    pub(crate) fn path(&self) -> Option<&str> {
        self.get(PATH)?.as_str()
    }

    pub(crate) fn has_warm_up(&self) -> bool {
        self.get(WARM_UP_PATH).is_some()
    }

    /// Returns the list of file systems as the service has it.
    pub(crate) fn file_systems(&self) -> Option<&Value> {
        self.get(FILE_SYSTEMS)
    }

    /// Returns whether a mounted file system is only reachable from a VPC.
    /// Source:
    /// <https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/runtime-filesystem-configurations.html>
    pub(crate) fn mounts_from_vpc(&self) -> bool {
        let mounts = self.get(FILE_SYSTEMS).and_then(Value::as_array);
        let of_vpc = |mount: &Value| {
            ["efsAccessPoint", "s3FilesAccessPoint"]
                .iter()
                .any(|kind| mount.get(kind).is_some())
        };
        mounts.is_some_and(|mounts| mounts.iter().any(of_vpc))
    }
}

/// Returns whether the members are defined by the service: its names are alphanumeric, while the
/// keys of a map may be anything.
fn is_structure(members: &Map<String, Value>) -> bool {
    let is_word =
        |name: &String| !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric());
    !members.is_empty() && members.keys().all(is_word)
}

/// Returns whether one path is equal to the other or a prefix of it.
pub(crate) fn meet<A: PartialEq<B>, B>(one: &[A], other: &[B]) -> bool {
    one.iter().zip(other).all(|(a, b)| a == b)
}

#[cfg(test)]
mod in_the_table;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(document: &Value) -> Settings {
        Settings::of(document.as_object().unwrap())
    }

    #[test]
    fn members_are_taken_apart_as_far_as_their_names_are_the_services() {
        let found = settings(&json!({
            "a": { "b": 1, "c": { "d": [1, { "e": 2 }] } },
            "scopes": { "api/read": "x" },
            "empty": {},
        }));
        let places: Vec<String> = found.iter().map(|(place, _)| place.join(".")).collect();
        assert_eq!(places, ["a.b", "a.c.d", "empty", "scopes"]);
    }

    #[test]
    fn what_lies_above_wins_also_over_a_part_of_it_or_the_whole() {
        let below = settings(&json!({ "a": { "b": 1, "c": 2 }, "d": "x" }));
        let mut above = Settings::default();
        above.set(&["a", "b"], json!(3));
        above.set(&["d", "e"], json!(4));
        assert_eq!(
            above.over(below),
            settings(&json!({ "a": { "b": 3, "c": 2 }, "d": { "e": 4 } }))
        );
    }

    #[test]
    fn a_member_is_called_by_its_key_or_by_its_place() {
        let name = |place: &[&str]| {
            let place: Vec<String> = place.iter().map(|&name| name.to_owned()).collect();
            key_of(&place)
        };
        assert_eq!(name(PORT), "server.port");
        assert_eq!(
            name(&["future", "member"]),
            "runtime-settings.future.member"
        );
    }
}
