//! The list of the settings that this tool has set on a runtime, in the runtime's tags.

use std::collections::{BTreeMap, BTreeSet};

/// The tag that lists what this tool has set. A list that is too long for one tag continues in
/// `…:settings-2` and so on.
const TAG: &str = "cargo-agentcore:settings";

/// The length limit of a tag's value, and so of one entry.
pub(crate) const LONGEST: usize = 256;

/// The entry for callers from other accounts, which are in resource policies.
pub(crate) const CALLERS: &str = "callers";

/// Returns whether a tag is a part of the list.
pub(crate) fn is_record(key: &str) -> bool {
    key.strip_prefix(TAG)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Returns the list as tags.
pub(crate) fn record(managed: &BTreeSet<String>) -> BTreeMap<String, String> {
    let mut values: Vec<String> = Vec::new();
    for place in managed {
        match values.last_mut() {
            Some(value) if value.len() + 1 + place.len() <= LONGEST => {
                value.push(' ');
                value.push_str(place);
            }
            _ => values.push(place.clone()),
        }
    }
    let keys = (1..).map(|number| match number {
        1 => TAG.to_owned(),
        _ => format!("{TAG}-{number}"),
    });
    keys.zip(values).collect()
}

/// Returns the list in a runtime's tags.
pub(crate) fn recorded(tags: &BTreeMap<String, String>) -> BTreeSet<String> {
    tags.iter()
        .filter(|(key, _)| is_record(key))
        .flat_map(|(_, value)| value.split(' '))
        .filter(|place| !place.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_says_what_was_put_into_it(places in prop::collection::btree_set("[a-z.]{1,80}", 0..40)) {
            let tags = record(&places);
            for (key, value) in &tags {
                prop_assert!(is_record(key) && value.len() <= LONGEST, "{}", key);
            }
            prop_assert_eq!(recorded(&tags), places);
        }
    }
}
