//! The modules of Python's standard library.

use std::{collections::BTreeMap, sync::LazyLock};

/// One module per line, for any platform. A module that not every version has is followed by the
/// first and the last minor version with it, such as `tomllib 11-` and `cgi -12`.
const MODULES: &str = include_str!("standard_modules.txt");

static BY_NAME: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| modules().collect());

/// Returns true if any Python version of the service, past or present, has a module with this name.
pub(crate) fn is_standard(name: &str) -> bool {
    BY_NAME.contains_key(name)
}

/// Returns true if Python 3.`minor` has the module.
pub(crate) fn comes_with(minor: u32, name: &str) -> bool {
    BY_NAME
        .get(name)
        .is_some_and(|versions| contains(versions, minor))
}

/// Returns true if every Python version that the service supports has the module.
pub(crate) fn is_in_every_python(name: &str) -> bool {
    (12..=14).all(|minor| comes_with(minor, name))
}

/// Returns the public modules of Python 3.`minor`.
pub(crate) fn of(minor: u32) -> impl Iterator<Item = &'static str> {
    modules()
        .filter(move |(name, versions)| !name.starts_with('_') && contains(versions, minor))
        .map(|(name, _)| name)
}

fn modules() -> impl Iterator<Item = (&'static str, &'static str)> {
    MODULES
        .lines()
        .map(|line| line.split_once(' ').unwrap_or((line, "-")))
}

fn contains(versions: &str, minor: u32) -> bool {
    let (first, last) = versions.split_once('-').unwrap_or_default();
    first.parse().map_or(true, |first: u32| first <= minor)
        && last.parse().map_or(true, |last: u32| minor <= last)
}

/// Python's reserved words.
/// Source: <https://docs.python.org/3/reference/lexical_analysis.html#keywords>.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

pub(crate) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

/// Returns whether a module or a package with this name can be imported.
pub(crate) fn is_importable(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    starts && name.chars().all(|c| c.is_alphanumeric() || c == '_') && !is_keyword(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_its_own_modules() {
        for (name, versions) in [
            ("json", [true, true, true, true, true]),
            ("_thread", [true, true, true, true, true]),
            ("tomllib", [false, true, true, true, true]),
            ("distutils", [true, true, false, false, false]),
            ("cgi", [true, true, true, false, false]),
            ("annotationlib", [false, false, false, false, true]),
            ("requests", [false, false, false, false, false]),
        ] {
            let found = [10, 11, 12, 13, 14].map(|minor| comes_with(minor, name));
            assert_eq!(found, versions, "{name}");
            assert_eq!(is_standard(name), versions.contains(&true), "{name}");
        }
    }
}
