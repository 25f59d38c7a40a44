//! `exclude-packages`: distributions that a framework requires and the agent does not need.

use std::collections::BTreeSet;

use super::read::{Problems, Table};
use crate::{error::Message, names::distribution::normalized};

/// A distribution that is left out of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExcludedPackage {
    /// Normalized, as package indexes compare it.
    pub name: String,
    /// The error if it is not among what is installed, which is only known then.
    pub unknown: Message,
}

/// Takes the key `exclude-packages`.
pub(super) fn read(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Vec<ExcludedPackage> {
    let mut seen = BTreeSet::new();
    let mut excluded = Vec::new();
    for text in table
        .strings("exclude-packages", problems)
        .unwrap_or_default()
    {
        if !is_name(text.get_ref()) {
            problems.at(
                text.span(),
                format!("invalid package name `{}`", text.get_ref()),
                "expected a distribution's name without a version, such as `lancedb`",
            );
            continue;
        }
        let name = normalized(text.get_ref());
        if seen.insert(name.clone()) {
            let what = format!("the requirements install no package `{}`", text.get_ref());
            let unknown = problems.message(text.span(), what, "");
            excluded.push(ExcludedPackage { name, unknown });
        }
    }
    excluded
}

fn is_name(text: &str) -> bool {
    let ends = |c: Option<u8>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let mut bytes = text.bytes();
    let legal = |c: u8| c.is_ascii_alphanumeric() || b"-_.".contains(&c);
    text.bytes().all(legal) && ends(bytes.next()) && ends(text.bytes().last())
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn a_name_has_no_version() {
        for name in [
            "lancedb",
            "a",
            "zope.interface",
            "Typing_Extensions",
            "k8s-1",
        ] {
            assert!(is_name(name), "{name}");
        }
        for wrong in ["", "a==1", "a[b]", "-a", "a.", "a b", "\u{e9}"] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }
}
