//! The problems in a text, with their positions.

use std::{collections::BTreeSet, ops::Range, path::Path};

use crate::error::{Message, Snippet};

/// A text and the problems found in it.
pub(in crate::config) struct Problems<'a> {
    file: &'a Path,
    text: &'a str,
    found: Vec<Message>,
    warnings: Vec<Message>,
    /// The keys of the workspace's table.
    pub(super) shared: BTreeSet<String>,
}

impl<'a> Problems<'a> {
    pub(in crate::config) fn new(file: &'a Path, text: &'a str) -> Self {
        Self {
            file,
            text,
            found: Vec::new(),
            warnings: Vec::new(),
            shared: BTreeSet::new(),
        }
    }

    /// Allows a package's table to inherit these keys of the workspace's.
    pub(in crate::config) fn may_inherit(&mut self, shared: BTreeSet<String>) {
        self.shared = shared;
    }

    /// Records a problem at `span`.
    pub(in crate::config) fn at(
        &mut self,
        span: Range<usize>,
        what: impl Into<String>,
        label: impl Into<String>,
    ) {
        let message = self.message(span, what, label);
        self.found.push(message);
    }

    pub(in crate::config) fn push(&mut self, message: Message) {
        self.found.push(message);
    }

    /// Returns a message about `span` without recording it.
    pub(in crate::config) fn message(
        &self,
        span: Range<usize>,
        what: impl Into<String>,
        label: impl Into<String>,
    ) -> Message {
        Message::new(what).at(Snippet {
            file: self.file.to_owned(),
            text: self.text.to_owned(),
            span,
            label: label.into(),
        })
    }

    /// Returns a message about `span` that masks the text at `hidden`.
    pub(in crate::config) fn masked(
        &self,
        span: Range<usize>,
        hidden: Range<usize>,
        what: impl Into<String>,
    ) -> Message {
        let mut message = self.message(span, what, "");
        if let Some(at) = &mut message.at {
            // Keep line breaks.
            let mask = |c: char| {
                if c == '\n' {
                    "\n".to_owned()
                } else {
                    "*".repeat(c.len_utf8())
                }
            };
            let masked: String = self.text[hidden.clone()].chars().map(mask).collect();
            at.text.replace_range(hidden, &masked);
        }
        message
    }

    pub(in crate::config) fn warn(&mut self, warning: Message) {
        self.warnings.push(warning);
    }

    /// Returns the errors and the warnings.
    pub(in crate::config) fn into_found(self) -> (Vec<Message>, Vec<Message>) {
        (self.found, self.warnings)
    }
}
