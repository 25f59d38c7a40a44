//! What is on a role of this tool but does not belong to it.

use std::collections::BTreeMap;

use super::{DesiredRole, ObservedRole, region_of};
use crate::{error::Message, resources::tags};

/// Reports foreign policies and settings on the role. They are never changed.
pub(crate) fn foreign(
    desired: &DesiredRole,
    observed: &ObservedRole,
    attached: &[&str],
    wanted: &BTreeMap<String, String>,
) -> Vec<Message> {
    let name = &desired.name;
    let mut found = Vec::new();
    let inline: Vec<String> = observed
        .inline
        .keys()
        .filter(|policy| region_of(policy).is_none())
        .map(|policy| format!("`{policy}`"))
        .collect();
    if !inline.is_empty() {
        found.push(
            Message::new(format!(
                "the role `{name}` has inline policies that are not ours: {}",
                inline.join(", ")
            ))
            .note("they give the agent more than the metadata declares; they are left unchanged"),
        );
    }
    if !attached.is_empty() {
        let attached: Vec<String> = attached.iter().map(|arn| format!("`{arn}`")).collect();
        found.push(
            Message::new(format!(
                "policies are attached to the role `{name}` that the metadata does not declare: {}",
                attached.join(", ")
            ))
            .note("they give the agent more than the metadata declares; they are left unchanged")
            .help("declare them under `managed-policies`, or detach them by hand"),
        );
    }
    let tags: Vec<String> = tags::foreign(wanted, &observed.tags)
        .into_iter()
        .map(|key| format!("`{key}`"))
        .collect();
    if !tags.is_empty() {
        found.push(
            Message::new(format!(
                "the role `{name}` has tags that are not ours: {}",
                tags.join(", ")
            ))
            .note("they are left unchanged")
            .help("declare them under `tags` in the metadata, or remove them by hand"),
        );
    }
    found
}
