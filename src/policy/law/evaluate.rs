//! IAM's decision on a request, as far as our documents go: `Allow` only, two operators.

use std::collections::{BTreeMap, BTreeSet};

use super::Document;

pub(super) type Context = BTreeMap<String, String>;

pub(super) fn allows(document: &Document, action: &str, resource: &str, context: &Context) -> bool {
    document.statement.iter().any(|statement| {
        statement.action.iter().any(|a| a == action)
            && statement
                .resource
                .iter()
                .any(|pattern| matches(pattern, resource))
            && statement.condition.iter().all(|(operator, keys)| {
                keys.iter().all(|(key, values)| {
                    let Some(actual) = context.get(key) else {
                        return false;
                    };
                    values.iter().any(|value| match operator.as_str() {
                        "StringEquals" => value == actual,
                        "StringLike" => matches(value, actual),
                        other => panic!("unknown operator `{other}`"),
                    })
                })
            })
    })
}

/// `*` is any text, `?` one character.
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
                // Let the last star take one character more.
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

/// Requests that could tell the documents apart: every action on every thing that any of them names,
/// without a condition and with each one that any of them names.
pub(super) fn samples(documents: &[&Document]) -> Vec<(String, String, Context)> {
    let statements = || documents.iter().flat_map(|document| &document.statement);
    let concrete = |pattern: &str| pattern.replace('*', "x1").replace('?', "y");
    let actions: BTreeSet<String> = statements().flat_map(|s| s.action.clone()).collect();
    let resources: BTreeSet<String> = statements()
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
    let mut requests = Vec::new();
    for action in &actions {
        for resource in &resources {
            for context in &contexts {
                requests.push((action.clone(), resource.clone(), context.clone()));
            }
        }
    }
    requests
}
