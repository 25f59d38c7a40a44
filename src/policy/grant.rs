//! A statement with what asked for it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Document, Statement};

/// A statement and what asked for it: a line of the metadata, a command, or the service itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub asked_by: String,
    pub statement: Statement,
    /// The capabilities without their resources, with which the statement's name starts. Several if
    /// statements were joined.
    pub(super) kinds: Vec<String>,
}

impl Grant {
    /// Returns an `Allow` named after `kind` and `id`; [`Grant::by`] sets what asked for it.
    pub(super) fn allow<A: AsRef<str>, R: AsRef<str>>(
        kind: &str,
        id: &str,
        actions: impl IntoIterator<Item = A>,
        resources: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            asked_by: String::new(),
            statement: Statement::allow(sid(kind, id), actions, resources),
            kinds: vec![kind.to_owned()],
        }
    }

    pub(super) fn when<V: AsRef<str>>(
        self,
        operator: &str,
        key: &str,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        Self {
            statement: self.statement.when(operator, key, values),
            ..self
        }
    }

    pub(super) fn by(self, asked_by: impl Into<String>) -> Self {
        Self {
            asked_by: asked_by.into(),
            ..self
        }
    }
}

/// Returns the document of these grants.
pub fn document(grants: &[Grant]) -> Document {
    Document::new(grants.iter().map(|grant| grant.statement.clone()).collect())
}

/// Returns a statement's name: `kind`, then `id` in camel case. IAM accepts only letters and
/// digits.
fn sid(kind: &str, id: &str) -> String {
    let words = id.split(|c: char| !c.is_ascii_alphanumeric());
    let camel = words.filter_map(|word| {
        let mut letters = word.chars();
        let first = letters.next()?.to_ascii_uppercase();
        Some(format!("{first}{}", letters.as_str()))
    });
    std::iter::once(kind.to_owned()).chain(camel).collect()
}

/// Joins grants that are equal, and makes all names unique.
pub(super) fn settle(grants: Vec<Grant>) -> Vec<Grant> {
    let mut settled: Vec<Grant> = Vec::new();
    for grant in grants {
        let twin = settled.iter_mut().find(|other| {
            other.kinds == grant.kinds
                && other.statement.action == grant.statement.action
                && other.statement.resource == grant.statement.resource
                && other.statement.condition == grant.statement.condition
        });
        match twin {
            Some(other) => other.asked_by = both(&other.asked_by, &grant.asked_by),
            None => settled.push(grant),
        }
    }
    number(&mut settled);
    settled
}

/// Joins two texts of what asked for a grant.
pub(super) fn both(one: &str, other: &str) -> String {
    if one.split("; ").any(|by| by == other) {
        one.to_owned()
    } else {
        format!("{one}; {other}")
    }
}

/// Appends numbers to duplicate names, because IAM requires unique names in a document.
pub(super) fn number(grants: &mut [Grant]) {
    let mut taken = BTreeSet::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for grant in grants {
        let name = grant.statement.sid.clone();
        while !taken.insert(grant.statement.sid.clone()) {
            let count = counts.entry(name.clone()).or_insert(1);
            *count += 1;
            grant.statement.sid = format!("{name}x{count}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_holds_letters_and_digits_only() {
        assert_eq!(sid("Memory", "my_mem-AbC1"), "MemoryMyMemAbC1");
        assert_eq!(sid("Secret", "--"), "Secret");
    }

    #[test]
    fn equal_names_of_different_statements_are_told_apart() {
        let memory = |id: &str| Grant::allow("Memory", id, ["a:B"], [id]).by(id);
        let settled = settle(vec![
            memory("a-b"),
            memory("a_b"),
            memory("aB"),
            memory("a-b"),
        ]);
        let names: Vec<&str> = settled.iter().map(|g| g.statement.sid.as_str()).collect();
        assert_eq!(names, ["MemoryAB", "MemoryABx2", "MemoryABx3"]);
        assert_eq!(settled[0].asked_by, "a-b");
    }

    #[test]
    fn one_statement_serves_everybody_who_asks_for_the_same() {
        let streams = |by: &str| Grant::allow("Streams", "", ["a:B"], ["*"]).by(by);
        let settled = settle(vec![streams("one"), streams("two")]);
        assert_eq!(settled.len(), 1);
        assert_eq!(settled[0].asked_by, "one; two");
    }
}
