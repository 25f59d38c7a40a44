//! Tags of resources: which of the user's own to set, and which to remove without touching foreign
//! ones.

pub(crate) mod replaced_runtime;
pub(crate) mod settings;

use std::collections::{BTreeMap, BTreeSet};

/// A resource's tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tags {
    Known(BTreeMap<String, String>),
    /// The service does not support tags on this kind of resource.
    Unknown,
}

/// Lists the user's own tags that this tool set, so that it can remove a tag that is no longer
/// declared.
pub(crate) const DECLARED: &str = "cargo-agentcore:tags";

/// Lists the managed policies that this tool attached to a role.
pub(crate) const POLICIES: &str = "cargo-agentcore:policies";

/// The tags that list what this tool set.
const LISTS: [&str; 2] = [DECLARED, POLICIES];

/// The prefix of tags that only AWS can set.
const OF_AWS: &str = "aws:";

/// The changes that turn the existing tags into the wanted ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TagChanges {
    /// To be removed before the list changes, so that the list still names them if that fails.
    pub(crate) take_off: Vec<String>,
    pub(crate) set: BTreeMap<String, String>,
}

/// Returns the identity, the user's own tags, and the list of those that this tool sets. A tag that
/// existed before it was declared is never listed, and so never removed.
pub(crate) fn wanted(
    identity: BTreeMap<String, String>,
    declared: &BTreeMap<String, String>,
    there: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let before = listed(there);
    let brought = list(
        declared
            .keys()
            .filter(|key| before.contains(key.as_str()) || !there.contains_key(*key)),
    );
    let mut tags = declared.clone();
    if !brought.is_empty() {
        tags.insert(DECLARED.to_owned(), brought);
    }
    tags.extend(identity);
    tags
}

pub(crate) fn changes(
    wanted: BTreeMap<String, String>,
    there: &BTreeMap<String, String>,
) -> TagChanges {
    let take_off = listed(there)
        .into_iter()
        .chain(there.keys().map(String::as_str).filter(|key| is_list(key)))
        .filter(|key| !wanted.contains_key(*key) && there.contains_key(*key))
        .map(str::to_owned)
        .collect();
    let set = wanted
        .into_iter()
        .filter(|(key, value)| there.get(key) != Some(value))
        .collect();
    TagChanges { take_off, set }
}

/// Returns the foreign tags, which are never changed.
pub(crate) fn foreign<'a>(
    wanted: &BTreeMap<String, String>,
    there: &'a BTreeMap<String, String>,
) -> Vec<&'a str> {
    let ours = listed(there);
    there
        .keys()
        .map(String::as_str)
        .filter(|key| !wanted.contains_key(*key) && !ours.contains(key) && !is_list(key))
        .filter(|key| !replaced_runtime::is_record(key))
        .filter(|key| !key.starts_with(OF_AWS))
        .collect()
}

/// Returns whether a tag is one of this tool's lists.
fn is_list(key: &str) -> bool {
    LISTS.contains(&key) || settings::is_record(key)
}

/// Returns the keys in a resource's list.
pub(crate) fn listed(there: &BTreeMap<String, String>) -> BTreeSet<&str> {
    let list = there.get(DECLARED).map(String::as_str).unwrap_or_default();
    list.split(' ').filter(|key| !key.is_empty()).collect()
}

/// Joins the keys to one value, up to a tag's limit of 256 characters. Keys with spaces are left
/// out, because the list could not be split again.
fn list<'a>(keys: impl Iterator<Item = &'a String>) -> String {
    let mut list = String::new();
    for key in keys.filter(|key| !key.contains(char::is_whitespace)) {
        if list.chars().count() + key.chars().count() < 256 {
            if !list.is_empty() {
                list.push(' ');
            }
            list.push_str(key);
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apply(there: &BTreeMap<String, String>, changes: &TagChanges) -> BTreeMap<String, String> {
        let mut tags = there.clone();
        tags.retain(|key, _| !changes.take_off.contains(key));
        tags.extend(changes.set.clone());
        tags
    }

    fn tag_map(keys: &'static str) -> impl Strategy<Value = BTreeMap<String, String>> {
        prop::collection::btree_map(keys, "[0-2]", 0..5)
    }

    proptest! {
        #[test]
        fn what_was_done_is_not_done_again_and_what_others_set_stays(
            theirs in tag_map("[a-f]"), first in tag_map("[a-d]( [a-b])?"), second in tag_map("[a-d]( [a-b])?"),
        ) {
            let identity = BTreeMap::from([("id".to_owned(), "1".to_owned())]);
            let mut tags = theirs.clone();
            for declared in [&first, &second, &BTreeMap::new()] {
                let made = wanted(identity.clone(), declared, &tags);
                tags = apply(&tags, &changes(made, &tags));
                let again = wanted(identity.clone(), declared, &tags);
                prop_assert_eq!(changes(again, &tags), TagChanges::default());
                for key in declared.keys().chain(theirs.keys()) {
                    prop_assert!(tags.contains_key(key), "{}", key);
                }
            }
            for key in tags.keys().filter(|key| !theirs.contains_key(*key) && !key.contains(' ')) {
                prop_assert_eq!(key, "id", "what we brought is gone again");
            }
        }
    }

    #[test]
    fn foreign_is_what_neither_we_nor_aws_set() {
        let tags = |keys: &[&str]| -> BTreeMap<String, String> {
            keys.iter()
                .map(|key| ((*key).to_owned(), "1".to_owned()))
                .collect()
        };
        let mut there = tags(&["team", "gone", "owner", "aws:cloudformation:stack-name"]);
        there.insert(DECLARED.to_owned(), "gone team".to_owned());
        assert_eq!(foreign(&tags(&["team"]), &there), ["owner"]);
    }
}
