//! Shortens policies without changing the permissions.
//!
//! Each step keeps exactly what the statements allow together: an `Allow` is a set of (action,
//! resource, condition), and two statements are joined only if their union is a full product.

use std::{cmp::Reverse, collections::BTreeSet};

use super::grant::{Grant, both, number};

/// Which statements may be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Across {
    /// Only those of one capability.
    OneKind,
    /// Any; the name then lists all capabilities.
    Kinds,
}

/// Joins grants until no two can be joined.
pub(super) fn compact(grants: Vec<Grant>, across: Across) -> Vec<Grant> {
    let mut joined: Vec<Grant> = grants;
    for grant in &mut joined {
        // The name of a joined statement contains only the capability, not each resource.
        grant.statement.sid = grant.kinds.concat();
        tidy(grant);
    }
    while let Some((one, other)) = pair(&joined, across) {
        let other = joined.remove(other);
        join(&mut joined[one], other);
    }
    number(&mut joined);
    joined
}

/// Joins two statements with equal conditions on resources of different services, starting with the
/// longest conditions. Returns false if there are none. An action of one service cannot apply to a
/// resource of the other, so the joined statement allows nothing more.
pub(super) fn join_services(grants: &mut Vec<Grant>) -> bool {
    let services: Vec<_> = grants.iter().map(services).collect();
    let pair = (0..grants.len())
        .flat_map(|one| (one + 1..grants.len()).map(move |other| (one, other)))
        .filter(|(one, other)| {
            let (a, b) = (&grants[*one].statement, &grants[*other].statement);
            let are_apart = match (&services[*one], &services[*other]) {
                (Some(one), Some(other)) => one.is_disjoint(other),
                _ => false,
            };
            are_apart && a.effect == b.effect && a.condition == b.condition
        })
        .min_by_key(|(one, other)| {
            let saved = format!("{:?}", grants[*one].statement.condition).len();
            (Reverse(saved), other - one, *one)
        });
    let Some((one, other)) = pair else {
        return false;
    };
    let other = grants.remove(other);
    join(&mut grants[one], other);
    number(grants);
    true
}

/// Returns the services of a statement if all its resources belong to them.
fn services(grant: &Grant) -> Option<BTreeSet<String>> {
    let of_actions = grant.statement.action.iter();
    let actions: BTreeSet<String> = of_actions
        .map(|action| action.split(':').next().unwrap_or_default().to_owned())
        .collect();
    let of_resources = grant.statement.resource.iter();
    let resources: Option<BTreeSet<String>> = of_resources
        .map(|resource| resource.split(':').nth(2).map(str::to_owned))
        .collect();
    (resources? == actions).then_some(actions)
}

fn pair(grants: &[Grant], across: Across) -> Option<(usize, usize)> {
    let indices = 0..grants.len();
    indices
        .flat_map(|one| (one + 1..grants.len()).map(move |other| (one, other)))
        .find(|(one, other)| {
            let (one, other) = (&grants[*one], &grants[*other]);
            (across == Across::Kinds || one.kinds == other.kinds) && joinable(one, other)
        })
}

/// Returns true if the two differ in at most one of: actions, resources, the values of one
/// condition.
fn joinable(one: &Grant, other: &Grant) -> bool {
    let (a, b) = (&one.statement, &other.statement);
    if a.effect != b.effect || !a.principal.is_empty() || !b.principal.is_empty() {
        return false;
    }
    let differences = [
        a.action != b.action,
        a.resource != b.resource,
        a.condition != b.condition,
    ];
    let count = differences.iter().filter(|differs| **differs).count();
    let conditions_join = || {
        let keys = |grant: &Grant| -> Vec<(String, String)> {
            let operators = &grant.statement.condition;
            operators
                .iter()
                .flat_map(|(operator, keys)| keys.keys().map(|key| (operator.clone(), key.clone())))
                .collect()
        };
        // With several keys, merging the values would allow additional combinations.
        keys(one) == keys(other) && keys(one).len() == 1
    };
    count == 0 || (count == 1 && (a.condition == b.condition || conditions_join()))
}

fn join(one: &mut Grant, other: Grant) {
    one.asked_by = other
        .asked_by
        .split("; ")
        .fold(one.asked_by.clone(), |all, by| both(&all, by));
    for kind in other.kinds {
        if !one.kinds.contains(&kind) {
            one.kinds.push(kind);
        }
    }
    one.statement.sid = one.kinds.concat();
    one.statement.action.extend(other.statement.action);
    one.statement.resource.extend(other.statement.resource);
    for (operator, keys) in other.statement.condition {
        for (key, values) in keys {
            let operators = one.statement.condition.entry(operator.clone()).or_default();
            operators.entry(key).or_default().extend(values);
        }
    }
    tidy(one);
}

/// Sorts the statement, and removes duplicates and resources that a pattern covers.
fn tidy(grant: &mut Grant) {
    let statement = &mut grant.statement;
    statement.action.sort();
    statement.action.dedup();
    statement.resource.sort();
    statement.resource.dedup();
    let all = statement.resource.clone();
    statement
        .resource
        .retain(|one| !all.iter().any(|other| other != one && covers(other, one)));
    for values in statement
        .condition
        .values_mut()
        .flat_map(|keys| keys.values_mut())
    {
        values.sort();
        values.dedup();
    }
}

/// Returns true if `wide`, a text that ends in `*`, matches everything that `narrow` matches.
/// Patterns with other wildcards are never merged.
fn covers(wide: &str, narrow: &str) -> bool {
    wide.strip_suffix('*')
        .is_some_and(|head| !head.contains(['*', '?']) && narrow.starts_with(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_trailing_star_surely_matches_is_dropped() {
        for (wide, narrow) in [
            ("a*", "a"),
            ("a-*", "a-*/endpoint/*"),
            ("*", "b"),
            ("a*", "a?"),
        ] {
            assert!(covers(wide, narrow), "{wide} {narrow}");
        }
        for (wide, narrow) in [("a-*", "a*"), ("a", "ab"), ("a:*:b", "a::b"), ("a?*", "a*")] {
            assert!(!covers(wide, narrow), "{wide} {narrow}");
        }
    }

    #[test]
    fn statements_join_only_where_nothing_is_added() {
        let grant = |kind: &str, action: &str, resource: &str| {
            Grant::allow(kind, "", [action], [resource]).by(kind)
        };
        // Same actions: resources are joined. If both differ, there are two statements.
        let joined = compact(
            vec![
                grant("A", "a:B", "x"),
                grant("A", "a:B", "y"),
                grant("A", "a:C", "z"),
            ],
            Across::OneKind,
        );
        assert_eq!(joined.len(), 2);
        assert_eq!(joined[0].statement.resource, ["x", "y"]);
        // The same resource for two capabilities: only joined if kinds may be mixed.
        let two = vec![grant("A", "a:B", "*"), grant("B", "b:C", "*")];
        assert_eq!(compact(two.clone(), Across::OneKind).len(), 2);
        let joined = compact(two, Across::Kinds);
        assert_eq!(joined[0].statement.sid, "AB");
        assert_eq!(joined[0].asked_by, "A; B");
    }

    #[test]
    fn values_of_one_condition_join_and_conditions_with_two_keys_do_not() {
        let one =
            |value: &str| Grant::allow("A", "", ["a:B"], ["x"]).when("StringEquals", "k", [value]);
        let joined = compact(vec![one("1"), one("2")], Across::OneKind);
        assert_eq!(joined.len(), 1);
        assert_eq!(
            joined[0].statement.condition["StringEquals"]["k"],
            ["1", "2"]
        );
        let two = |value: &str| one(value).when("StringEquals", "l", [value]);
        assert_eq!(compact(vec![two("1"), two("2")], Across::OneKind).len(), 2);
        let plain = Grant::allow("A", "", ["a:B"], ["x"]);
        assert_eq!(compact(vec![plain, one("1")], Across::OneKind).len(), 2);
    }
}
