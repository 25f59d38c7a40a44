//! The tool prints plain English: finds constructions that cargo, uv or gh would not print, in all
//! of the program's strings and in the help topics.

use std::fs;

use crate::{root, sources};

/// Each with what to write instead.
const BANNED: [(&str, &str); 16] = [
    ("knows no ", "has no, does not support"),
    (" stands in ", "is in"),
    (" stands on ", "is on, is attached to"),
    ("as it should be", "is up to date"),
    ("goes on with", "continues with, uses"),
    (" go on with", "continue with, use"),
    ("whatever comes of", "even if it fails"),
    ("at hand", "was found"),
    ("all the same", "anyway"),
    ("nobody ", "no one, or the passive"),
    ("any more", "no longer"),
    ("behind this tool's back", "elsewhere"),
    ("spoken to", "called"),
    ("allows to ", "allows doing"),
    ("and that is said", "with a note"),
    (" is no region", "is not a region"),
];

#[test]
fn nothing_that_is_printed_uses_a_banned_construction() {
    let mut found = Vec::new();
    let mut texts = 0;
    for source in sources() {
        for (line, text) in &source.texts {
            texts += 1;
            found.extend(offenses(&format!("src/{}:{line}", source.path), text));
        }
    }
    assert!(texts > 3_000, "{texts}");
    let topics = fs::read_dir(root().join("src/help")).unwrap();
    for path in topics.map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|ending| ending == "md") {
            let text = fs::read_to_string(&path).unwrap();
            found.extend(offenses(&path.display().to_string(), &text));
        }
    }
    found.extend(offenses(
        "README.md",
        &fs::read_to_string(root().join("README.md")).unwrap(),
    ));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn offenses(place: &str, text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let hits = BANNED.iter().filter(|(phrase, _)| lower.contains(phrase));
    hits.map(|(phrase, instead)| format!("{place}: `{}`: write {instead}", phrase.trim()))
        .collect()
}

#[test]
fn a_banned_construction_is_found() {
    let found = offenses("x", "the role Stands on our list");
    assert_eq!(found, ["x: `stands on`: write is on, is attached to"]);
}
