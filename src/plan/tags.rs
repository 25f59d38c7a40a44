//! The user's own tags on what this tool makes: which to write, and which to take off again without
//! touching anybody else's.

use std::collections::{BTreeMap, BTreeSet};

/// Names the user's own tags that this tool set: one that is no longer declared can be taken off by it.
pub(crate) const DECLARED: &str = "cargo-agentcore:tags";

/// Tells which of the managed policies on a role this tool attached.
pub(crate) const POLICIES: &str = "cargo-agentcore:policies";

/// The lists that this tool keeps of what it brought.
const LISTS: [&str; 2] = [DECLARED, POLICIES];

/// AWS sets these itself, and lets nobody else write them.
const OF_AWS: &str = "aws:";

/// What leads from the tags that are there to those that are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TagChanges {
    /// To be done before the list of our own changes: if that fails, the list still names them.
    pub(crate) take_off: Vec<String>,
    pub(crate) set: BTreeMap<String, String>,
}

/// Identity, the user's own, and the list of those of them that this tool brings. A tag that was there
/// before it was declared is never listed, and so never taken off.
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
        .chain(LISTS)
        .filter(|key| !wanted.contains_key(*key) && there.contains_key(*key))
        .map(str::to_owned)
        .collect();
    let set = wanted
        .into_iter()
        .filter(|(key, value)| there.get(key) != Some(value))
        .collect();
    TagChanges { take_off, set }
}

/// The tags that neither we nor AWS set: never changed.
pub(crate) fn foreign<'a>(
    wanted: &BTreeMap<String, String>,
    there: &'a BTreeMap<String, String>,
) -> Vec<&'a str> {
    let ours = listed(there);
    there
        .keys()
        .map(String::as_str)
        .filter(|key| !wanted.contains_key(*key) && !ours.contains(key) && !LISTS.contains(key))
        .filter(|key| !key.starts_with(OF_AWS))
        .collect()
}

/// The keys that the list on a thing names.
pub(crate) fn listed(there: &BTreeMap<String, String>) -> BTreeSet<&str> {
    let list = there.get(DECLARED).map(String::as_str).unwrap_or_default();
    list.split(' ').filter(|key| !key.is_empty()).collect()
}

/// The keys in one value, as far as a tag's 256 characters reach; keys with spaces cannot be told apart
/// in it and are left out.
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
