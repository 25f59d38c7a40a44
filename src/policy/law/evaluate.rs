//! IAM's decision on a request, as far as the policies need it: `Allow` only, and the operators
//! they use. A key with several values has one per line.

use std::collections::{BTreeMap, BTreeSet};

use super::{Document, Statement};

pub(super) type Context = BTreeMap<String, String>;

pub(super) fn allows(document: &Document, action: &str, resource: &str, context: &Context) -> bool {
    about(document, action, resource)
        .into_iter()
        .any(|statement| is_met(statement, context))
}

/// Returns the statements that allow the action on the resource if their conditions are met.
pub(super) fn about<'d>(
    document: &'d Document,
    action: &str,
    resource: &str,
) -> Vec<&'d Statement> {
    let statements = document.statement.iter().filter(|statement| {
        statement.action.iter().any(|a| a == action)
            && statement
                .resource
                .iter()
                .any(|pattern| matches(pattern, resource))
    });
    statements.collect()
}

/// Returns whether the statement's conditions are met.
pub(super) fn is_met(statement: &Statement, context: &Context) -> bool {
    statement.condition.iter().all(|(operator, keys)| {
        keys.iter()
            .all(|(key, values)| holds(operator, values, context.get(key)))
    })
}

fn holds(operator: &str, values: &[String], actual: Option<&String>) -> bool {
    let is_one = |actual: &String| values.contains(actual);
    let is_like = |actual: &str| values.iter().any(|value| matches(value, actual));
    match operator {
        "StringEquals" | "ArnEquals" => actual.is_some_and(is_one),
        "StringEqualsIfExists" => actual.is_none_or(is_one),
        "StringLike" => actual.is_some_and(|actual| is_like(actual)),
        "ForAllValues:StringLike" => actual.is_none_or(|actual| actual.lines().all(is_like)),
        "Null" => values == [actual.is_none().to_string()],
        other => panic!("unknown operator `{other}`"),
    }
}

/// Matches a pattern: `*` is any text, `?` one character.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                // Let the last star match one more character.
                let Some((after, taken)) = retry else {
                    return false;
                };
                retry = Some((after, taken + 1));
                (p, t) = (after, taken + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// What requests could distinguish policies by: every action and resource in any of them, and no
/// condition or one in any of them.
pub(super) struct Samples {
    pub(super) actions: BTreeSet<String>,
    pub(super) resources: BTreeSet<String>,
    pub(super) contexts: BTreeSet<Context>,
}

pub(super) fn samples(documents: &[&Document]) -> Samples {
    let statements = || documents.iter().flat_map(|document| &document.statement);
    let concrete = |pattern: &str| pattern.replace('*', "x1").replace('?', "y");
    let actions = statements().flat_map(|s| s.action.clone()).collect();
    let resources = statements()
        .flat_map(|s| &s.resource)
        .flat_map(|pattern| [concrete(pattern), pattern.replace('*', "")])
        .collect();
    let mut contexts = BTreeSet::from([Context::new()]);
    for statement in statements() {
        for keys in statement.condition.values() {
            for (key, values) in keys {
                for value in values {
                    contexts.insert(Context::from([(key.clone(), concrete(value))]));
                }
            }
        }
    }
    Samples {
        actions,
        resources,
        contexts,
    }
}
