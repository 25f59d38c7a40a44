//! Asks before a run takes over, replaces or loses something that is shown already.

use super::run::Run;
use crate::error::{Exit, Failure};

/// What a run asks for.
pub(crate) struct Question {
    /// Such as "adopt".
    pub(crate) verb: &'static str,
    /// Such as "the role `x`".
    pub(crate) what: String,
    /// "it" or "them".
    pub(crate) pronoun: &'static str,
    /// The whole question.
    pub(crate) text: String,
    /// Such as "the role `x` was not adopted".
    pub(crate) refused: String,
    /// What has not happened yet: "nothing was written".
    pub(crate) nothing: &'static str,
}

/// What a run does to a thing that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Adopt,
    Change,
}

impl Question {
    /// Returns the question about one thing, such as "the role `x`", at a place.
    pub(crate) fn about(verb: Verb, what: String, place: &str) -> Self {
        let (verb, begins, done) = match verb {
            Verb::Adopt => ("adopt", "Adopt", "adopted"),
            Verb::Change => ("change", "Change", "changed"),
        };
        Self {
            verb,
            pronoun: "it",
            text: format!("{begins} {what} ({place})?"),
            refused: format!("{what} was not {done}"),
            nothing: "nothing was written",
            what,
        }
    }
}

/// Fails unless the user agrees, or agreed with `--yes`.
pub(crate) fn agree(question: &Question, run: &Run<'_>) -> Result<(), Failure> {
    let Question {
        verb,
        what,
        pronoun,
        text,
        refused,
        nothing,
    } = question;
    if run.yes {
        return Ok(());
    }
    if !run.ui.is_interactive() {
        return Err(Failure::usage(format!(
            "cannot ask for confirmation to {verb} {what} without a terminal"
        ))
        .help(format!(
            "pass `--yes` to {verb} {pronoun} as shown above; {nothing}"
        )));
    }
    let exit = match run.ui.confirm(text) {
        Ok(true) => return Ok(()),
        Ok(false) => Exit::World,
        Err(why) => why.exit(),
    };
    Err(Failure::new(exit, refused.clone()).note(*nothing))
}
