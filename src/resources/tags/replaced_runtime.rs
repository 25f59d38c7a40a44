//! The record of a runtime that is being replaced, in the tags of the agent's role: what the new
//! runtime needs again.

use std::collections::BTreeMap;

use crate::names::Region;

/// Begins the tags that record the named endpoints of a runtime, with the region and the name. The
/// value is the description.
const ENDPOINT: &str = "cargo-agentcore:endpoint:";

/// Begins the tags that record that the agent has a repository although its artifact is an archive,
/// with the region.
const REPOSITORY: &str = "cargo-agentcore:repository:";

/// Returns true for a tag of the record.
pub(crate) fn is_record(key: &str) -> bool {
    is_endpoint(key) || is_repository(key)
}

/// Returns true for a tag that records an endpoint.
pub(crate) fn is_endpoint(key: &str) -> bool {
    key.starts_with(ENDPOINT)
}

/// Returns true for a tag that records a repository.
pub(crate) fn is_repository(key: &str) -> bool {
    key.starts_with(REPOSITORY)
}

/// Returns the records of a region among a role's tags.
pub(crate) fn recorded(
    tags: &BTreeMap<String, String>,
    region: &Region,
) -> BTreeMap<String, String> {
    let (endpoint, repository) = (prefix(region), repository_record(region));
    tags.iter()
        .filter(|(key, _)| key.starts_with(&endpoint) || **key == repository)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Returns the endpoints in a role's records.
pub(crate) fn endpoints(
    recorded: &BTreeMap<String, String>,
    region: &Region,
) -> BTreeMap<String, Option<String>> {
    let prefix = prefix(region);
    let named = recorded
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?, value)));
    named
        .map(|(name, value)| {
            (
                name.to_owned(),
                Some(value.clone()).filter(|v| !v.is_empty()),
            )
        })
        .collect()
}

/// Returns the records of these endpoints. A description that a tag cannot have is not recorded.
pub(crate) fn endpoint_records(
    endpoints: &BTreeMap<String, Option<String>>,
    region: &Region,
) -> BTreeMap<String, String> {
    let is_legal = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    let records = endpoints.iter().map(|(name, description)| {
        let description = description.as_deref().unwrap_or_default();
        let value = if description.chars().all(is_legal) {
            description
        } else {
            ""
        };
        (format!("{}{name}", prefix(region)), value.to_owned())
    });
    records.collect()
}

/// Returns the key that records a repository.
pub(crate) fn repository_record(region: &Region) -> String {
    format!("{REPOSITORY}{region}")
}

/// Returns true if the tags record a repository.
pub(crate) fn records_repository(tags: &BTreeMap<String, String>) -> bool {
    tags.keys().any(|key| is_repository(key))
}

fn prefix(region: &Region) -> String {
    format!("{ENDPOINT}{region}:")
}
