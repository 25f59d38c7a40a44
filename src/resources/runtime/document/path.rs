//! Members of a JSON document by their path: reads, sets, removes and merges them.

use serde_json::{Map, Value, json};

pub(crate) type Document = Map<String, Value>;

pub(super) fn at<'a>(document: &'a Document, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let start = document.get(*first)?;
    rest.iter().try_fold(start, |value, name| value.get(name))
}

/// Returns a text; some emulators return an empty one for an unset member.
pub(super) fn text(document: &Document, path: &[&str]) -> Option<String> {
    let text = at(document, path)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns true for an empty value, with which some emulators represent unset members.
pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Removes a member, and its parents if they become empty.
pub(super) fn without(document: &mut Document, path: &[&str]) {
    let (first, rest) = path.split_first().expect("a path has a member");
    if rest.is_empty() {
        document.remove(*first);
    } else if let Some(Value::Object(inner)) = document.get_mut(*first) {
        without(inner, rest);
        if inner.is_empty() {
            document.remove(*first);
        }
    }
}

/// Keeps only the wanted variant of a union.
pub(super) fn only_variant(rest: &mut Document, name: &str, wanted: &Value) {
    if let Some(Value::Object(there)) = rest.get_mut(name) {
        there.retain(|variant, _| wanted.get(variant).is_some());
    }
}

/// Sets the member at a path, replacing what is there.
pub(super) fn put(document: &mut Value, place: &[String], value: &Value) {
    let Some((first, rest)) = place.split_first() else {
        *document = value.clone();
        return;
    };
    if !document.is_object() {
        *document = json!({});
    }
    put(&mut document[first.as_str()], rest, value);
}

/// Merges the second document over the first: objects are merged, other values replaced.
pub(super) fn overlay(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (name, value) in above {
                match below.get_mut(&name) {
                    Some(there) => overlay(there, value),
                    None => {
                        below.insert(name, value);
                    }
                }
            }
        }
        (below, above) => *below = above,
    }
}
