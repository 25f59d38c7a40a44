//! A statement together with who asked for it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Document, Statement};

/// A statement and what asked for it: a line of the metadata, a command, or the service itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub asked_by: String,
    pub statement: Statement,
}

impl Grant {
    pub(super) fn new(asked_by: impl Into<String>, statement: Statement) -> Self {
        Self {
            asked_by: asked_by.into(),
            statement,
        }
    }
}

/// The document of these grants.
pub fn document(grants: &[Grant]) -> Document {
    Document::new(grants.iter().map(|grant| grant.statement.clone()).collect())
}

/// A statement's name: `kind`, then `id` in camel case. IAM takes letters and digits only.
pub(super) fn sid(kind: &str, id: &str) -> String {
    let words = id.split(|c: char| !c.is_ascii_alphanumeric());
    let camel = words.filter_map(|word| {
        let mut letters = word.chars();
        let first = letters.next()?.to_ascii_uppercase();
        Some(format!("{first}{}", letters.as_str()))
    });
    std::iter::once(kind.to_owned()).chain(camel).collect()
}

/// One statement where two grants ask for the same, and a number after a name that stands already:
/// IAM wants the names of one document to differ.
pub(super) fn settle(grants: Vec<Grant>) -> Vec<Grant> {
    let mut settled: Vec<Grant> = Vec::new();
    for grant in grants {
        let twin = settled.iter_mut().find(|other| {
            let mut renamed = other.statement.clone();
            renamed.sid.clone_from(&grant.statement.sid);
            renamed == grant.statement
        });
        match twin {
            Some(other) if other.asked_by == grant.asked_by => {}
            Some(other) => other.asked_by = format!("{}, {}", other.asked_by, grant.asked_by),
            None => settled.push(grant),
        }
    }
    let mut taken = BTreeSet::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for grant in &mut settled {
        let name = grant.statement.sid.clone();
        while !taken.insert(grant.statement.sid.clone()) {
            let count = seen.entry(name.clone()).or_insert(1);
            *count += 1;
            grant.statement.sid = format!("{name}x{count}");
        }
    }
    settled
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
        let memory = |id: &str| {
            Grant::new(
                format!("memory {id}"),
                Statement::allow(sid("Memory", id), ["a:B"], [id]),
            )
        };
        let settled = settle(vec![
            memory("a-b"),
            memory("a_b"),
            memory("aB"),
            memory("a-b"),
        ]);
        let names: Vec<&str> = settled.iter().map(|g| g.statement.sid.as_str()).collect();
        assert_eq!(names, ["MemoryAB", "MemoryABx2", "MemoryABx3"]);
        assert_eq!(settled[0].asked_by, "memory a-b");
    }

    #[test]
    fn one_statement_serves_everybody_who_asks_for_the_same() {
        let streams = |by: &str| Grant::new(by, Statement::allow("Streams", ["a:B"], ["*"]));
        let settled = settle(vec![streams("one"), streams("two")]);
        assert_eq!(settled.len(), 1);
        assert_eq!(settled[0].asked_by, "one, two");
    }
}
