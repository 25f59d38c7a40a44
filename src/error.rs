//! Errors that end a command, and the exit codes.
//!
//! A [`Failure`] is data: what went wrong, where, and what to do. Only `ui` prints it.

use std::{ops::Range, path::PathBuf};

use serde_json::{Value, json};

/// The exit codes, documented in `cargo agentcore help exit-codes`. A panic exits with 101, which
/// means a bug in this tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// The command succeeded.
    Ok = 0,
    /// AWS, the disk or another program failed.
    World = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The configuration is invalid.
    Config = 3,
    /// Credentials are missing, expired or not allowed to do this.
    Access = 4,
    /// `check`, `--check` or `doctor` found something.
    Findings = 5,
    /// Ctrl-C: 128 plus the signal's number, as in shells.
    Interrupted = 130,
}

/// The place in a text file that a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    pub file: PathBuf,
    /// The file's whole text.
    pub text: String,
    /// The bytes of `text` to mark.
    pub span: Range<usize>,
    /// The text next to the mark; may be empty.
    pub label: String,
}

impl Snippet {
    /// Marks a line, counted from 1.
    pub(crate) fn line(file: PathBuf, text: String, line: usize) -> Self {
        let start = text
            .split_inclusive('\n')
            .take(line.saturating_sub(1))
            .map(str::len)
            .sum();
        let length = text[start..].lines().next().map_or(0, str::len);
        Self {
            file,
            text,
            span: start..start + length,
            label: String::new(),
        }
    }

    /// Marks a part of the text that occurs exactly once.
    pub(crate) fn single(file: PathBuf, text: String, part: &str) -> Option<Self> {
        let start = text
            .find(part)
            .filter(|start| text.rfind(part) == Some(*start))?;
        Some(Self {
            file,
            text,
            span: start..start + part.len(),
            label: String::new(),
        })
    }

    /// Marks the value in the only line of TOML that sets the key to it.
    pub(crate) fn value(file: PathBuf, text: String, key: &str, value: &str) -> Option<Self> {
        let quoted = format!("\"{value}\"");
        let mut before = 0;
        let mut starts = Vec::new();
        for line in text.split_inclusive('\n') {
            let rest = line.trim_start().strip_prefix(key).map(str::trim_start);
            let rest = rest.and_then(|rest| rest.strip_prefix('=').map(str::trim_start));
            if let Some(rest) = rest.filter(|rest| rest.starts_with(&quoted)) {
                starts.push(before + line.len() - rest.len());
            }
            before += line.len();
        }
        let [start] = starts[..] else {
            return None;
        };
        Some(Self {
            file,
            text,
            span: start..start + quoted.len(),
            label: String::new(),
        })
    }

    /// Returns line and column, both counted from 1.
    pub(crate) fn position(&self) -> (usize, usize) {
        let before = self.text.get(..self.span.start).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line, before[start..].chars().count() + 1)
    }
}

/// A message with its place, notes and help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// A lower-case phrase without a final period; names in backticks.
    pub what: String,
    pub at: Option<Snippet>,
    /// Additional facts, one per line.
    pub notes: Vec<String>,
    /// What to do, one step per line.
    pub help: Vec<String>,
}

impl Message {
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            at: None,
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    #[must_use]
    pub fn at(mut self, snippet: Snippet) -> Self {
        self.at = Some(snippet);
        self
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Applies `change` to each line of help.
    #[must_use]
    pub fn each_help(mut self, change: impl Fn(&str) -> String) -> Self {
        self.help.iter_mut().for_each(|line| *line = change(line));
        self
    }

    /// Returns the message as JSON.
    pub fn value(&self) -> Value {
        let Self {
            what,
            at,
            notes,
            help,
        } = self;
        let mut value = json!({ "message": what, "notes": notes, "help": help });
        if let Some(at) = at {
            let (line, column) = at.position();
            value["file"] = json!(at.file);
            value["line"] = json!(line);
            value["column"] = json!(column);
            if !at.label.is_empty() {
                value["notes"] = std::iter::once(&at.label).chain(notes).cloned().collect();
            }
        }
        value
    }
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .messages.iter().map(|m| m.what.as_str()).collect::<Vec<_>>().join("; "))]
pub struct Failure {
    pub exit: Exit,
    /// All messages, in the order in which they are printed. Empty if everything is already
    /// printed.
    pub messages: Vec<Message>,
}

impl Failure {
    /// Separates results from failures, so that a failure does not hide them.
    pub fn split<T>(results: Vec<Result<T, Self>>) -> (Vec<T>, Vec<Self>) {
        let mut good = Vec::new();
        let mut bad = Vec::new();
        for result in results {
            match result {
                Ok(value) => good.push(value),
                Err(failure) => bad.push(failure),
            }
        }
        (good, bad)
    }

    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            messages: vec![Message::new(what)],
        }
    }

    pub fn world(what: impl Into<String>) -> Self {
        Self::new(Exit::World, what)
    }

    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    pub fn config(what: impl Into<String>) -> Self {
        Self::new(Exit::Config, what)
    }

    pub fn access(what: impl Into<String>) -> Self {
        Self::new(Exit::Access, what)
    }

    /// Exits with `exit` without printing anything.
    pub fn silent(exit: Exit) -> Self {
        Self {
            exit,
            messages: Vec::new(),
        }
    }

    /// Combines several failures: all messages, and the first failure's exit code.
    pub fn all(failures: impl IntoIterator<Item = Failure>) -> Option<Self> {
        failures.into_iter().reduce(|mut first, next| {
            first.messages.extend(next.messages);
            first
        })
    }

    /// Returns the messages as JSON.
    pub fn values(&self) -> Vec<Value> {
        self.messages.iter().map(Message::value).collect()
    }

    /// Applies [`Message::each_help`] to every message.
    #[must_use]
    pub fn each_help(mut self, change: impl Fn(&str) -> String) -> Self {
        let messages = self.messages.into_iter();
        self.messages = messages.map(|message| message.each_help(&change)).collect();
        self
    }

    /// Adds a note to the last message.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        if let Some(last) = self.messages.last_mut() {
            last.notes.push(note.into());
        }
        self
    }

    /// Adds a line of help to the last message.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        if let Some(last) = self.messages.last_mut() {
            last.help.push(help.into());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_marked_only_where_one_line_sets_its_key() {
        let marked = |text: &str| {
            let found = Snippet::value("Cargo.toml".into(), text.to_owned(), "source", "a");
            found.map(|found| (found.position(), found.text[found.span].to_owned()))
        };
        let at = |line, column| Some(((line, column), "\"a\"".to_owned()));
        assert_eq!(marked("name = \"a\"\r\nsource = \"a\" # é\n"), at(2, 10));
        assert_eq!(marked("é = 1\n  source=\"a\"\n"), at(2, 10));
        for text in [
            "name = \"a\"\n",
            "source = \"ab\"\n",
            "sources = \"a\"\n",
            "source = \"a\"\nsource = \"a\"\n",
            "",
        ] {
            assert_eq!(marked(text), None, "{text}");
        }
    }
}
