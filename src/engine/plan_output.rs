//! Prints planned changes: the result of a dry run, or the subject of a question. Both are printed
//! even with `-q`.

use crate::{
    options::Output,
    plan::document_diff,
    resources::change::{Change, Details, Reveal, Step},
    ui::{Ui, Verbosity},
};

/// Prints the lines of a plan.
#[derive(Clone, Copy)]
pub(crate) struct Planned<'a> {
    ui: &'a Ui,
    /// True if the lines are the requested output rather than progress.
    asked: bool,
    /// True if only the differences are shown, without a document.
    brief: bool,
}

impl<'a> Planned<'a> {
    /// Returns the plan of a run that changes nothing. With JSON output, the lines are only progress.
    pub(crate) fn alone(output: Output, ui: &'a Ui) -> Self {
        Self {
            ui,
            asked: output == Output::Text,
            brief: ui.verbosity() == Verbosity::Quiet,
        }
    }

    /// Returns a plan about to be carried out. It must be visible for a question, unless `--yes`
    /// answers it.
    pub(crate) fn before_doing(yes: bool, ui: &'a Ui) -> Self {
        Self {
            ui,
            asked: !yes,
            brief: false,
        }
    }

    pub(crate) fn status(self, verb: &str, text: &str) {
        if self.asked {
            self.ui.answer_status(verb, text);
        } else {
            self.ui.status(verb, text);
        }
    }

    /// Prints a line of a diff.
    pub(crate) fn plain(self, text: &str) {
        if self.asked {
            self.ui.answer_plain(text);
        } else {
            self.ui.plain(text);
        }
    }

    /// Prints a change as a part of the plan: "Would create role `x`", with what is different.
    pub(crate) fn change(self, change: &Change, reveal: Reveal) {
        let Change {
            action: _,
            object: _,
            subject: _,
            details,
        } = change;
        self.status("Would", &change.words());
        match details {
            Details::None => {}
            Details::Fields(fields) => {
                for field in fields {
                    self.detail(&field.words(reveal));
                }
            }
            Details::Document { before: None, .. } if self.brief => {}
            Details::Document { before, after } => {
                for line in document_diff::lines(before.as_ref(), after) {
                    if !self.brief || !line.starts_with(' ') {
                        self.detail(&line);
                    }
                }
            }
        }
    }

    pub(crate) fn changes(self, changes: &[Change], reveal: Reveal) {
        for change in changes {
            self.change(change, reveal);
        }
    }

    /// Prints steps in their order.
    pub(crate) fn steps<S: Step>(self, steps: &[S], reveal: Reveal) {
        for step in steps {
            self.change(&step.change(), reveal);
        }
    }

    /// Prints a line below the object of a status line.
    pub(crate) fn detail(self, text: &str) {
        self.plain(&format!("{:15}{text}", ""));
    }
}

/// Reports a change that is about to be made: "Creating role `x`".
pub(crate) fn announce(change: &Change, ui: &Ui) {
    ui.status(change.action.doing(), &change.object);
}
