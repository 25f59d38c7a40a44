//! The tool prints plain English, and its comments use it: finds constructions that cargo, uv or gh
//! would not print, in all of the program's strings and comments and in the help topics.

use std::fs;

use crate::{root, sources, texts};

/// Each with what to write instead.
const BANNED: [(&str, &str); 28] = [
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
    ("is not a valid ", "invalid X `…`: expected …"),
    (" names no ", "has no, does not name"),
    ("broke off", "was cut off"),
    ("which is there", "which exists"),
    (" is not there", "does not exist"),
    (" goes with ", "can only be used with"),
    ("and there is none", "which was not found"),
    (" anew", "again"),
    ("for instance", "for example"),
    ("whose it is", "its owner"),
    ("to be gone", "to be deleted"),
    ("may not be read", "cannot be read"),
];

/// Banned in comments too, each with what to write instead.
const BANNED_IN_COMMENTS: [(&str, &str); 11] = [
    ("anybody", "anyone, or the passive"),
    (" be it ", "whether"),
    (" is said ", "is printed, is reported"),
    (" it is told", "it is given"),
    (" lies in ", "is in"),
    (" lie in ", "are in"),
    (" what of ", "which of"),
    (" so many ", "this many"),
    (" in vain", "without success"),
    (" where there is no", "if there is no"),
    (" where nobody ", "if no one, or the passive"),
];

#[test]
fn nothing_that_is_printed_uses_a_banned_construction() {
    let mut found = Vec::new();
    let mut texts = 0;
    for source in sources() {
        for (line, text) in &source.texts {
            texts += 1;
            found.extend(offenses(
                &format!("src/{}:{line}", source.path),
                text,
                &BANNED,
            ));
        }
    }
    assert!(texts > 3_000, "{texts}");
    let topics = fs::read_dir(root().join("src/help")).unwrap();
    for path in topics.map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|ending| ending == "md") {
            let text = fs::read_to_string(&path).unwrap();
            found.extend(offenses(&path.display().to_string(), &text, &BANNED));
        }
    }
    found.extend(offenses(
        "README.md",
        &fs::read_to_string(root().join("README.md")).unwrap(),
        &BANNED,
    ));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_comment_uses_a_banned_construction() {
    let banned = [&BANNED[..], &BANNED_IN_COMMENTS].concat();
    let mut found = Vec::new();
    let mut count = 0;
    for (path, text) in texts() {
        for (line, comment) in comments(&text) {
            count += 1;
            found.extend(offenses(&format!("src/{path}:{line}"), &comment, &banned));
        }
    }
    assert!(count > 3_000, "{count}");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Returns the comments in a source with their first lines' numbers.
fn comments(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut continues = false;
    for (number, line) in (1..).zip(text.lines()) {
        let Some(comment) = line.trim_start().strip_prefix("//") else {
            continues = false;
            continue;
        };
        let words = comment.trim_start_matches(['/', '!']).trim();
        match found.last_mut().filter(|_| continues) {
            Some((_, before)) => {
                before.push(' ');
                before.push_str(words);
            }
            None => found.push((number, words.to_owned())),
        }
        continues = true;
    }
    found
}

fn offenses(place: &str, text: &str, banned: &[(&str, &str)]) -> Vec<String> {
    let lower = text.to_lowercase();
    let hits = banned.iter().filter(|(phrase, _)| lower.contains(phrase));
    hits.map(|(phrase, instead)| format!("{place}: `{}`: write {instead}", phrase.trim()))
        .collect()
}

#[test]
fn a_banned_construction_is_found() {
    let found = offenses("x", "the role Stands on our list", &BANNED);
    assert_eq!(found, ["x: `stands on`: write is on, is attached to"]);
    let text = "fn f() {\n    // Nothing, be\n    // it so.\n    g();\n}\n";
    assert_eq!(comments(text), [(2, "Nothing, be it so.".to_owned())]);
}
