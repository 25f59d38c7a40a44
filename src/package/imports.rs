//! Whether a file's imports are met by what is shipped beside it.

use std::{collections::BTreeSet, ops::Range};

use tree_sitter::Node;

use super::syntax;

/// A line a module, of every Python that the service has.
const STANDARD: &str = include_str!("standard_modules.txt");

/// The modules that the file cannot do without and that nothing brings: each once, with its place.
///
/// `shipped` are the names at the archive's root. Only imports that stand by themselves count: one
/// within `try`, `if` or a function may be meant to fail.
pub(crate) fn missing<'a>(
    text: &str,
    shipped: impl Iterator<Item = &'a str>,
) -> Vec<(Range<usize>, String)> {
    let mut known: BTreeSet<&str> = shipped.map(module).collect();
    known.extend(STANDARD.lines());
    let mut found: Vec<(Range<usize>, String)> = Vec::new();
    for (place, name) in imported(text) {
        if !known.contains(name.as_str()) && found.iter().all(|(_, other)| *other != name) {
            found.push((place, name));
        }
    }
    found
}

/// Modules that newer Pythons no longer have, so that packages bring them again.
const GONE: [&str; 22] = [
    "aifc",
    "asynchat",
    "asyncore",
    "audioop",
    "cgi",
    "cgitb",
    "chunk",
    "crypt",
    "distutils",
    "imghdr",
    "imp",
    "lib2to3",
    "mailcap",
    "nis",
    "nntplib",
    "pipes",
    "smtpd",
    "sndhdr",
    "spwd",
    "sunau",
    "telnetlib",
    "xdrlib",
];

/// Whether every Python that the service has brings this module itself.
pub(crate) fn is_in_every_python(name: &str) -> bool {
    is_standard(name) && !GONE.contains(&name)
}

/// Whether a package of that name would hide one of Python's own modules.
pub(crate) fn is_standard(name: &str) -> bool {
    STANDARD.lines().any(|module| module == name)
}

/// `six` of `six.py` and of `six.cpython-313-aarch64-linux-gnu.so`.
fn module(name: &str) -> &str {
    let ending = name.rsplit('.').next().unwrap_or_default();
    if ["py", "pyc", "so"].contains(&ending) {
        return name.split('.').next().unwrap_or(name);
    }
    name
}

/// The first words of the modules that are imported at the top of the file, with their places.
fn imported(text: &str) -> Vec<(Range<usize>, String)> {
    let tree = syntax::tree(text);
    let root = tree.root_node();
    let mut cursor = root.walk();
    let mut found = Vec::new();
    for statement in root.named_children(&mut cursor) {
        match statement.kind() {
            "import_statement" => {
                let mut names = statement.walk();
                found.extend(
                    statement
                        .children_by_field_name("name", &mut names)
                        .filter_map(|name| match name.kind() {
                            "aliased_import" => name.child_by_field_name("name"),
                            _ => Some(name),
                        }),
                );
            }
            "import_from_statement" => {
                found.extend(statement.child_by_field_name("module_name"));
            }
            _ => {}
        }
    }
    found
        .into_iter()
        .filter_map(|name| first_word(name, text))
        .collect()
}

/// `None` where the import is relative, or the parser could not read it.
fn first_word(name: Node<'_>, text: &str) -> Option<(Range<usize>, String)> {
    if name.kind() != "dotted_name" || name.has_error() {
        return None;
    }
    let word = text.get(name.byte_range())?.split('.').next()?.trim();
    let start = name.start_byte();
    Some((start..start + word.len(), word.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, shipped: &[&str]) -> Vec<String> {
        missing(text, shipped.iter().copied())
            .into_iter()
            .map(|(place, name)| {
                assert_eq!(&text[place], name);
                name
            })
            .collect()
    }

    #[test]
    fn what_nothing_brings_is_named_once() {
        let text = "from __future__ import annotations\nimport os, json as j\nimport boto3.session\n\
                    from bedrock_agentcore import App\nfrom bedrock_agentcore.x import y\n\
                    import six, native as n\nfrom my_agent.agent import answer\n";
        assert_eq!(
            names(
                text,
                &[
                    "my_agent",
                    "six.py",
                    "native.cpython-313-aarch64-linux-gnu.so"
                ]
            ),
            ["boto3", "bedrock_agentcore"]
        );
        assert_eq!(
            names(
                text,
                &["boto3", "bedrock_agentcore", "my_agent", "six", "native"]
            ),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_may_be_missing_is_not_asked_for() {
        let text = "from . import a\nfrom .b import c\ntry:\n    import uvloop\nexcept ImportError:\n    \
                    uvloop = None\nif False:\n    import typing_extensions\n\n\ndef f():\n    import pandas\n";
        assert_eq!(names(text, &[]), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_cannot_be_read_asks_for_what_was_understood() {
        assert_eq!(names("import a\ndef (:\n", &[]), ["a"]);
    }
}
