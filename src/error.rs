//! What the user is told when a command cannot do its work, and the exit codes.
//!
//! A [`Failure`] is data: what went wrong, where, and what to do. Only `ui` renders it.

use std::{ops::Range, path::PathBuf};

use serde_json::{Value, json};

/// The exit codes, as `cargo agentcore help exit-codes` documents them. 101 is what a panic exits with: a bug of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// The command did what was asked.
    Ok = 0,
    /// The world refused: AWS, the disk, a program that was run.
    World = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The configuration is invalid.
    Config = 3,
    /// Credentials are missing, expired or not allowed to do this.
    Access = 4,
    /// `check`, `--check` or `doctor` found something.
    Findings = 5,
    /// Ctrl-C: 128 and the signal's number, as shells have it.
    Interrupted = 130,
}

/// A place in a text file that a message points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    pub file: PathBuf,
    /// The whole text of the file.
    pub text: String,
    /// Bytes of `text` that the message is about.
    pub span: Range<usize>,
    /// What is said beside the marked characters; may be empty.
    pub label: String,
}

impl Snippet {
    /// Line and column, both counted from 1.
    pub(crate) fn position(&self) -> (usize, usize) {
        let before = self.text.get(..self.span.start).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (line, before[start..].chars().count() + 1)
    }
}

/// One message with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// A lower-case phrase without a final period; names in backticks.
    pub what: String,
    pub at: Option<Snippet>,
    /// Circumstances, a line each.
    pub notes: Vec<String>,
    /// What to do, a line each.
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

    /// The same with each line of what to do as `change` has it.
    #[must_use]
    pub fn each_help(mut self, change: impl Fn(&str) -> String) -> Self {
        self.help.iter_mut().for_each(|line| *line = change(line));
        self
    }

    /// The message as it stands in a JSON document.
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

/// Why a command ends without having done its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .messages.iter().map(|m| m.what.as_str()).collect::<Vec<_>>().join("; "))]
pub struct Failure {
    pub exit: Exit,
    /// Every message, in the order in which it is shown. Empty where all has been said already.
    pub messages: Vec<Message>,
}

impl Failure {
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

    /// Ends with `exit` and says nothing more, because all has been said.
    pub fn silent(exit: Exit) -> Self {
        Self {
            exit,
            messages: Vec::new(),
        }
    }

    /// Several failures as one: all messages, the first failure's exit code.
    pub fn all(failures: impl IntoIterator<Item = Failure>) -> Option<Self> {
        failures.into_iter().reduce(|mut first, next| {
            first.messages.extend(next.messages);
            first
        })
    }

    /// The messages as they stand in a JSON document.
    pub fn values(&self) -> Vec<Value> {
        self.messages.iter().map(Message::value).collect()
    }

    /// [`Message::each_help`] of every message.
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

    /// Adds a line of what to do to the last message.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        if let Some(last) = self.messages.last_mut() {
            last.help.push(help.into());
        }
        self
    }
}
