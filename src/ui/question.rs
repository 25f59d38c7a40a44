//! Questions, and who cannot be asked.

use std::{
    io::{self, Write},
    sync::PoisonError,
};

use super::{Ui, visible::visible};
use crate::{
    effects::interrupt::{line_typed_after, while_asking},
    error::Exit,
};

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// Ctrl-C.
    Interrupted,
    /// The question was left, or there is nobody to ask.
    Left,
}

impl Unanswered {
    /// The exit code of a command that cannot go on without the answer.
    pub fn exit(self) -> Exit {
        match self {
            Self::Interrupted => Exit::Interrupted,
            Self::Left => Exit::World,
        }
    }

    fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::Interrupted => Self::Interrupted,
            _ => Self::Left,
        }
    }
}

impl Ui {
    /// Asks for a yes or no, with `-q` too; only where [`Ui::is_interactive`].
    ///
    /// Only a whole line `y` or `yes`, typed after the question appeared, is a yes.
    pub fn confirm(&self, question: &str) -> Result<bool, Unanswered> {
        if !self.interactive {
            return Err(Unanswered::Left);
        }
        let line = line_typed_after(|| self.ask(&format!("{question} [y/N] ")));
        if !line.as_ref().is_ok_and(|line| line.ends_with(b"\n")) {
            // Ctrl-C and Ctrl-D leave the cursor behind the question.
            self.ask("\n");
        }
        match line {
            Ok(line) => Ok(is_yes(&line)),
            Err(error) => Err(Unanswered::of(&error)),
        }
    }

    pub(super) fn ask(&self, text: &str) {
        let text = visible(text);
        let mut err = self.err.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody is left to be asked when stderr is gone, and then nobody answers.
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Offers `items`.
    pub fn select(
        &self,
        prompt: &str,
        items: &[String],
        default: usize,
    ) -> Result<usize, Unanswered> {
        if !self.interactive {
            return Err(Unanswered::Left);
        }
        let items = items.iter().map(|item| visible(item));
        answered(|| {
            dialoguer::Select::new()
                .with_prompt(visible(prompt))
                .items(items)
                .default(default)
                .interact_opt()
        })?
        .ok_or(Unanswered::Left)
    }

    /// Asks for a line that `check` accepts.
    pub fn input(
        &self,
        prompt: &str,
        default: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, Unanswered> {
        if !self.interactive {
            return Err(Unanswered::Left);
        }
        let mut input = dialoguer::Input::<String>::new()
            .with_prompt(visible(prompt))
            .allow_empty(true)
            .validate_with(|text: &String| check(text.trim()).map_err(|why| visible(&why)));
        if !default.is_empty() {
            input = input.default(default.to_owned());
        }
        answered(|| input.interact_text()).map(|text| text.trim().to_owned())
    }
}

/// A line without its end was left with Ctrl-D, which is a no.
fn is_yes(line: &[u8]) -> bool {
    line.strip_suffix(b"\n").is_some_and(|answer| {
        let answer = answer.strip_suffix(b"\r").unwrap_or(answer);
        answer.eq_ignore_ascii_case(b"y") || answer.eq_ignore_ascii_case(b"yes")
    })
}

/// A dialogue that is cut off leaves the cursor hidden, and what was typed on its line.
fn answered<T>(ask: impl FnOnce() -> dialoguer::Result<T>) -> Result<T, Unanswered> {
    while_asking(ask).map_err(|dialoguer::Error::IO(error)| {
        let terminal = dialoguer::console::Term::stderr();
        // There is nobody left to tell.
        let _ = terminal
            .show_cursor()
            .and_then(|()| terminal.write_line(""));
        Unanswered::of(&error)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_yes;

    #[test]
    fn only_a_whole_line_with_the_word_is_a_yes() {
        for yes in ["y\n", "Y\n", "yes\n", "YES\n", "Yes\r\n"] {
            assert!(is_yes(yes.as_bytes()), "{yes:?}");
        }
        for no in [
            "", "\n", "y", "yes", "n\n", " y\n", "ye\n", "yes!\n", "cat my\n", "y\ny\n",
        ] {
            assert!(!is_yes(no.as_bytes()), "{no:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_else_is_a_yes(line in proptest::collection::vec(any::<u8>(), 0..6)) {
            let text = String::from_utf8_lossy(&line).to_ascii_lowercase();
            let words = ["y\n", "y\r\n", "yes\n", "yes\r\n"];
            prop_assert_eq!(is_yes(&line), words.contains(&text.as_str()));
        }
    }
}
