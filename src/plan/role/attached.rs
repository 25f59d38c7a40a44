//! The managed policies on a role: those of the metadata, which this tool attaches and detaches, and those
//! of others.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::plan::tags::POLICIES;

/// What leads from the attached policies to those that are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Attachments<'a> {
    /// To be done before the list in the role's tag changes: if that fails, the list still names them.
    pub(super) detach: Vec<&'a str>,
    /// To be done after the list names them.
    pub(super) attach: Vec<&'a str>,
    /// Those of others, which stay.
    pub(super) foreign: Vec<&'a str>,
    /// The list of what this tool brings, for the tag. What was attached before it was declared is never
    /// listed, and so never detached from a role that stays.
    pub(super) listed: Option<String>,
}

pub(super) fn attachments<'a>(
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

/// Whether the tags say that this tool attached the policy.
pub(crate) fn is_listed(arn: &str, tags: &BTreeMap<String, String>) -> bool {
    let list = tags.get(POLICIES).map_or("", String::as_str);
    let mark = mark(arn);
    list.split(' ').any(|listed| listed == mark)
}

/// Stands for a policy in the list: 20 ARNs do not fit into the 256 characters of a tag, and a name may
/// hold commas, which no tag holds.
pub(crate) fn mark(arn: &str) -> String {
    let digest = Sha256::digest(arn.as_bytes());
    format!(
        "{:02x}{:02x}{:02x}{:02x}",
        digest[0], digest[1], digest[2], digest[3]
    )
}
