//! What would be done, as it is shown: the answer of a dry run, and what a question is about. Both are
//! wanted under `-q` too.

use crate::{
    cli::Output,
    ui::{Ui, Verbosity},
};

/// Where the lines of a plan go.
#[derive(Clone, Copy)]
pub(super) struct Planned<'a> {
    ui: &'a Ui,
    /// Whether they are what was asked for, and no mere company.
    asked: bool,
    /// Whether only what differs is shown, and no document around it.
    brief: bool,
}

impl<'a> Planned<'a> {
    /// The plan of a run that changes nothing. Where a document says it, the lines go with it.
    pub(super) fn alone(output: Output, ui: &'a Ui) -> Self {
        Self {
            ui,
            asked: output == Output::Text,
            brief: ui.verbosity() == Verbosity::Quiet,
        }
    }

    /// What is about to be done. Whoever is asked, or is told to answer beforehand, has to see it.
    pub(super) fn before_doing(yes: bool, ui: &'a Ui) -> Self {
        Self {
            ui,
            asked: !yes,
            brief: false,
        }
    }

    pub(super) fn is_brief(self) -> bool {
        self.brief
    }

    pub(super) fn status(self, verb: &str, text: &str) {
        if self.asked {
            self.ui.answer_status(verb, text);
        } else {
            self.ui.status(verb, text);
        }
    }

    /// The body of a difference.
    pub(super) fn plain(self, text: &str) {
        if self.asked {
            self.ui.answer_plain(text);
        } else {
            self.ui.plain(text);
        }
    }
}
