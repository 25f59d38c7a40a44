//! The managed policies on a role: those in the metadata, which this tool attaches and detaches,
//! and those of others.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::{resources::tags::POLICIES, text::hex};

/// The changes that turn the attached policies into the wanted ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Attachments<'a> {
    /// To be detached before the list in the role's tag changes, so that the list still names them
    /// if that fails.
    pub(crate) detach: Vec<&'a str>,
    /// To be attached after the list names them.
    pub(crate) attach: Vec<&'a str>,
    /// Attached by others; they stay.
    pub(crate) foreign: Vec<&'a str>,
    /// The new list of policies that this tool attached, for the tag. Policies that were attached
    /// before they were declared are never listed, and so never detached from a role that stays.
    pub(crate) listed: Option<String>,
}

pub(crate) fn attachments<'a>(
    wanted: &'a BTreeSet<String>,
    there: &'a [String],
    tags: &BTreeMap<String, String>,
) -> Attachments<'a> {
    let is_there = |arn: &String| there.contains(arn);
    let (kept, others): (Vec<&String>, Vec<&String>) =
        there.iter().partition(|arn| wanted.contains(*arn));
    drop(kept);
    let (ours, foreign): (Vec<&String>, Vec<&String>) =
        others.into_iter().partition(|arn| is_listed(arn, tags));
    let strs = |list: Vec<&'a String>| list.into_iter().map(String::as_str).collect();
    let brought = wanted
        .iter()
        .filter(|arn| is_listed(arn, tags) || !is_there(arn));
    let list: Vec<String> = brought.map(|arn| mark(arn)).collect();
    Attachments {
        detach: strs(ours),
        attach: strs(wanted.iter().filter(|arn| !is_there(arn)).collect()),
        foreign: strs(foreign),
        listed: (!list.is_empty()).then(|| list.join(" ")),
    }
}

/// Returns true if the tags say that this tool attached the policy.
pub(crate) fn is_listed(arn: &str, tags: &BTreeMap<String, String>) -> bool {
    let list = tags.get(POLICIES).map_or("", String::as_str);
    let mark = mark(arn);
    list.split(' ').any(|listed| listed == mark)
}

/// Returns the policy's entry in the list. A hash, because 20 ARNs do not fit into a tag's 256
/// characters, and a policy's name may contain commas, which a tag cannot.
pub(crate) fn mark(arn: &str) -> String {
    hex(&Sha256::digest(arn.as_bytes())[..4])
}
