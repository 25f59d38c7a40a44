//! Policy documents, and their comparison.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

/// A policy document as IAM accepts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document {
    pub version: &'static str,
    pub statement: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// The capability that asked for the statement.
    pub sid: String,
    pub effect: Effect,
    /// Empty in a principal's policy.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        serialize_with = "principals"
    )]
    pub principal: BTreeMap<String, Vec<String>>,
    #[serde(serialize_with = "one_or_many")]
    pub action: Vec<String>,
    #[serde(serialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<String>,
    /// Operator, then key, then values.
    #[serde(
        skip_serializing_if = "BTreeMap::is_empty",
        serialize_with = "conditions"
    )]
    pub condition: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Effect {
    Allow,
    Deny,
}

impl Document {
    pub fn new(statement: Vec<Statement>) -> Self {
        Self {
            version: "2012-10-17",
            statement,
        }
    }

    /// Returns the text that is sent to IAM.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a document holds only strings")
    }

    /// Returns the text for printing.
    pub fn to_pretty_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a document holds only strings")
    }

    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("a document holds only strings")
    }

    /// Returns the number of characters that count against IAM's quotas: all but white space.
    pub fn size(&self) -> usize {
        self.to_json()
            .chars()
            .filter(|c| !c.is_whitespace())
            .count()
    }
}

impl Statement {
    /// Returns an `Allow` without conditions.
    pub fn allow<A: AsRef<str>, R: AsRef<str>>(
        sid: impl Into<String>,
        action: impl IntoIterator<Item = A>,
        resource: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            sid: sid.into(),
            effect: Effect::Allow,
            principal: BTreeMap::new(),
            action: action.into_iter().map(|a| a.as_ref().to_owned()).collect(),
            resource: resource
                .into_iter()
                .map(|r| r.as_ref().to_owned())
                .collect(),
            condition: BTreeMap::new(),
        }
    }

    #[must_use]
    pub fn when<V: AsRef<str>>(
        mut self,
        operator: &str,
        key: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        self.condition
            .entry(operator.to_owned())
            .or_default()
            .insert(
                key.to_owned(),
                values.into_iter().map(|v| v.as_ref().to_owned()).collect(),
            );
        self
    }
}

/// Returns true if two documents are equivalent: a single value equals a list of one, and the order
/// of lists and statements does not matter.
pub fn same(a: &Value, b: &Value) -> bool {
    normal(a) == normal(b)
}

fn normal(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> = map
                .iter()
                .map(|(key, value)| (key.clone(), as_list(normal(value))))
                .collect();
            Value::Object(sorted.into_iter().collect())
        }
        Value::Array(items) => {
            let sorted: BTreeSet<String> = items.iter().map(|i| normal(i).to_string()).collect();
            Value::Array(sorted.into_iter().map(Value::String).collect())
        }
        other => other.clone(),
    }
}

fn as_list(value: Value) -> Value {
    match value {
        Value::Array(_) => value,
        other => Value::Array(vec![Value::String(other.to_string())]),
    }
}

fn one_or_many<S: serde::Serializer>(list: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    match list {
        [one] => serializer.serialize_str(one),
        many => serializer.collect_seq(many),
    }
}

fn principals<S: serde::Serializer>(
    principal: &BTreeMap<String, Vec<String>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    shown(principal).serialize(serializer)
}

/// Writes a single value without a list.
fn shown<'a>(
    keys: impl IntoIterator<Item = (&'a String, &'a Vec<String>)>,
) -> BTreeMap<&'a String, Value> {
    keys.into_iter()
        .map(|(key, values)| {
            let value = match &values[..] {
                [one] => Value::from(one.as_str()),
                many => Value::from(many.to_vec()),
            };
            (key, value)
        })
        .collect()
}

fn conditions<S: serde::Serializer>(
    condition: &BTreeMap<String, BTreeMap<String, Vec<String>>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let operators: BTreeMap<&String, BTreeMap<&String, Value>> = condition
        .iter()
        .map(|(operator, keys)| (operator, shown(keys)))
        .collect();
    operators.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_value_equals_a_list_of_one_and_order_does_not_count() {
        let a =
            json!({"Statement": [{"Action": "a:B", "Resource": ["x", "y"]}, {"Action": "c:D"}]});
        let b = json!({"Statement": [{"Action": ["c:D"]}, {"Resource": ["y", "x"], "Action": ["a:B"]}]});
        assert!(same(&a, &b));
        let c = json!({"Statement": [{"Action": ["a:B"], "Resource": ["x"]}, {"Action": "c:D"}]});
        assert!(!same(&a, &c));
    }
}
