//! Files with environment variables, such as `.env.local`: one `NAME=VALUE` per line.

use std::{collections::BTreeMap, ops::Range, path::Path};

use crate::error::{Exit, Failure, Message, Snippet};

/// Parses a file. Reports all problems at once.
pub(crate) fn parse(path: &Path, text: &str) -> Result<BTreeMap<String, String>, Failure> {
    let mut variables = BTreeMap::new();
    let mut messages = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        match variable(content.trim_start_matches('\u{feff}')) {
            Ok(None) => {}
            Ok(Some((name, value))) => {
                variables.insert(name.to_owned(), value);
            }
            Err(what) => messages.push(Message::new(what).at(Snippet {
                file: path.to_owned(),
                text: text.to_owned(),
                span: span(start, content),
                label: String::new(),
            })),
        }
        start += line.len();
    }
    if messages.is_empty() {
        return Ok(variables);
    }
    Err(Failure {
        exit: Exit::Config,
        messages,
    })
}

fn span(start: usize, line: &str) -> Range<usize> {
    let indent = line.len() - line.trim_start().len();
    start + indent..start + line.trim_end().len().max(indent)
}

fn variable(line: &str) -> Result<Option<(&str, String)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let Some((name, value)) = line.split_once('=') else {
        return Err("expected `NAME=VALUE`");
    };
    let name = name.trim();
    if !is_name(name) {
        return Err("expected letters, digits and underscores, not starting with a digit");
    }
    value_of(value.trim()).map(|value| Some((name, value)))
}

/// Returns true for a valid name of a variable.
pub(crate) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn value_of(text: &str) -> Result<String, &'static str> {
    let (value, rest) = match text.chars().next() {
        Some('\'') => {
            let (value, rest) = text[1..].split_once('\'').ok_or(NOT_CLOSED)?;
            (value.to_owned(), rest)
        }
        Some('"') => quoted(&text[1..])?,
        _ => {
            // As in shells, a `#` within a word belongs to the word.
            let value = text.split(" #").next().unwrap_or(text).trim_end();
            return Ok(if value.starts_with('#') { "" } else { value }.to_owned());
        }
    };
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        Ok(value)
    } else {
        Err("there is text after the closing quote")
    }
}

const NOT_CLOSED: &str = "the quote is not closed on this line";

/// Parses the text after an opening double quote: returns the value and the rest of the line.
fn quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, escaped @ ('"' | '\\' | '$' | '`'))) => value.push(escaped),
                Some((_, other)) => value.extend(['\\', other]),
                None => return Err(NOT_CLOSED),
            },
            _ => value.push(character),
        }
    }
    Err(NOT_CLOSED)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> BTreeMap<String, String> {
        parse(Path::new(".env.local"), text).unwrap()
    }

    #[test]
    fn names_and_values_are_read_as_other_tools_read_them() {
        let text = "\u{feff}# a comment\nA=1\r\n\n export B = two words # and why\nC='$x # \\n'\nD=\"a\\nb\\\"\" # c\nE=\nF=a#b\nG=# none\nA=2";
        let expected = [
            ("A", "2"),
            ("B", "two words"),
            ("C", "$x # \\n"),
            ("D", "a\nb\""),
            ("E", ""),
            ("F", "a#b"),
            ("G", ""),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read(text), BTreeMap::from(expected));
    }

    #[test]
    fn every_line_that_is_wrong_is_shown() {
        let text = "A=1\nno value\n 2B=x\nC=\"open\nD='a' b\n";
        let failure = parse(Path::new(".env"), text).unwrap_err();
        assert_eq!(failure.exit, Exit::Config);
        let marked: Vec<&str> = failure
            .messages
            .iter()
            .map(|message| &text[message.at.clone().unwrap().span])
            .collect();
        assert_eq!(marked, ["no value", "2B=x", "C=\"open", "D='a' b"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
            if let Err(failure) = parse(Path::new("x"), &text) {
                for message in failure.messages {
                    let span = message.at.unwrap().span;
                    prop_assert!(text.get(span).is_some());
                }
            }
        }

        #[test]
        fn a_quoted_value_is_read_back(value in "[^\\n\\r]{0,40}") {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            let read = read(&format!("X=\"{escaped}\"\n"));
            prop_assert_eq!(&read["X"], &value);
        }
    }
}
