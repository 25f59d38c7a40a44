//! Questions to the user.

mod dialogue;
mod line;
mod list;
mod sheet;
mod wrap;

use std::{
    io::{self, Write},
    sync::{MutexGuard, PoisonError},
};

pub(super) use self::dialogue::Dialogue;
pub use self::list::Item;
pub(super) use self::wrap::cut;
use self::{
    dialogue::Given,
    line::{Line, Pressed},
    list::{Choice, List, Reached},
    sheet::{Sheet, View},
    wrap::wrapped,
};
use super::{Ui, visible::visible};
use crate::{
    effects::interrupt::{line_typed_after, while_asking},
    error::{Exit, Failure},
};

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// Ctrl-C.
    Interrupted,
    /// The user left the question, or there is no terminal.
    Left,
}

impl Unanswered {
    /// Returns the exit code of a command that needs the answer.
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
    /// Asks for a yes or no, even with `-q`, but only if [`Ui::is_interactive`].
    ///
    /// Only a complete line `y` or `yes`, typed after the question appeared, is a yes.
    pub fn confirm(&self, question: &str) -> Result<bool, Unanswered> {
        if !self.interactive {
            return Err(Unanswered::Left);
        }
        let ask = || line_typed_after(|| self.ask(&format!("{question} [y/N] ")));
        let line = match &self.board {
            Some(board) => board.while_asking(ask),
            None => ask(),
        };
        if !line.as_ref().is_ok_and(|line| line.ends_with(b"\n")) {
            // Ctrl-C and Ctrl-D leave the cursor after the question.
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
        // Without stderr the question gets no answer.
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Runs a dialogue with several questions, in which Esc goes back to the previous one. `ask`
    /// must only ask, read and print.
    pub async fn dialogue<T>(
        &self,
        ask: impl AsyncFn() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        loop {
            self.kept_dialogue().pass();
            let result = ask().await;
            if !self.kept_dialogue().goes_back() {
                return result;
            }
        }
    }

    /// Offers `items`, the first of which is the default. Returns the chosen item's place.
    pub fn choose(&self, prompt: &str, items: &[Item]) -> Result<usize, Unanswered> {
        let default: Vec<String> = items
            .first()
            .map(|item| item.name.clone())
            .into_iter()
            .collect();
        let other = |text: &str| Err(format!("`{text}` is not in the list"));
        let chosen = self.list(prompt, items, Choice::One, &default, other)?;
        let place = items.iter().position(|item| chosen == [item.name.as_str()]);
        place.ok_or(Unanswered::Left)
    }

    /// Asks for a line that `check` accepts. Text in parentheses at the prompt's end does not stay
    /// on the terminal.
    pub fn input(
        &self,
        prompt: &str,
        default: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, Unanswered> {
        let prompt = visible(prompt);
        let lead = match default {
            "" => format!("{prompt}: "),
            default => format!("{prompt} [{}]: ", visible(default)),
        };
        let given = self.question(&prompt, |before, leave| {
            let before = before.as_ref().and_then(|names| names.first());
            let old = before.filter(|old| *old != default);
            let mut line = Line::new(old.map_or("", String::as_str));
            let mut sheet = Sheet::new();
            let mut error = None;
            let keys = format!("Enter to confirm, {}", leave.words());
            loop {
                let (_, width) = sheet.size();
                let mut view = line.view(&lead, width);
                view.rows.extend(wrapped(&keys, width));
                sheet.draw(&below(error.as_deref(), view, width))?;
                match line.press(&sheet.key()?) {
                    Pressed::Edited | Pressed::Other => continue,
                    Pressed::Back => return sheet.wipe().map(|()| Asked::Back),
                    Pressed::Left => return sheet.wipe().map(|()| Asked::Left),
                    Pressed::Enter => {}
                }
                let typed = line.text();
                let answer = match typed.trim() {
                    "" => default,
                    typed => typed,
                };
                match check(answer) {
                    Ok(()) => {
                        sheet.wipe()?;
                        return Ok(Asked::Given(vec![answer.to_owned()]));
                    }
                    Err(why) => error = Some(visible(&why)),
                }
            }
        })?;
        Ok(given.into_iter().next().unwrap_or_default())
    }

    /// Offers a list to choose one item from; `check` validates other values.
    pub fn pick(
        &self,
        prompt: &str,
        items: &[Item],
        default: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String, Unanswered> {
        let check = |text: &str| check(text).map(|()| vec![text.to_owned()]);
        let default = [default.to_owned()];
        let chosen = self.list(prompt, items, Choice::One, &default, check)?;
        Ok(chosen.into_iter().next().unwrap_or_default())
    }

    /// Offers a list to choose any number of items from; `read` parses other values into names.
    pub fn pick_several(
        &self,
        prompt: &str,
        items: &[Item],
        read: impl Fn(&str) -> Result<Vec<String>, String>,
    ) -> Result<Vec<String>, Unanswered> {
        self.list(prompt, items, Choice::Several, &[], read)
    }

    fn list(
        &self,
        prompt: &str,
        items: &[Item],
        choice: Choice,
        chosen: &[String],
        read: impl Fn(&str) -> Result<Vec<String>, String>,
    ) -> Result<Vec<String>, Unanswered> {
        let prompt = visible(prompt);
        self.question(&prompt, |before, leave| {
            let chosen = before.as_deref().unwrap_or(chosen);
            let mut list = List::new(items, choice, chosen);
            let mut sheet = Sheet::new();
            let mut error = None;
            loop {
                let (rows, width) = sheet.size();
                let free = rows
                    - error
                        .as_deref()
                        .map_or(0, |why| error_rows(why, width).len());
                let typed = list.typed();
                let view = list.view(&prompt, (free, width), leave, read(&typed).is_ok());
                sheet.draw(&below(error.as_deref(), view, width))?;
                match list.press(&sheet.key()?) {
                    Reached::Open => error = error.filter(|_| !list.typed().is_empty()),
                    Reached::Back => return sheet.wipe().map(|()| Asked::Back),
                    Reached::Left => return sheet.wipe().map(|()| Asked::Left),
                    Reached::Chosen(names) => {
                        sheet.wipe()?;
                        return Ok(Asked::Given(names));
                    }
                    Reached::Typed(text) => match (read(&text), choice) {
                        (Err(why), _) => error = Some(visible(&why)),
                        (Ok(names), Choice::One) => {
                            sheet.wipe()?;
                            return Ok(Asked::Given(names));
                        }
                        (Ok(names), Choice::Several) => {
                            error = None;
                            for name in &names {
                                list.add(name);
                            }
                        }
                    },
                }
            }
        })
    }

    /// Asks, unless the dialogue has a recorded answer. `ask` gets the answer to correct.
    fn question(
        &self,
        prompt: &str,
        ask: impl FnOnce(Option<Given>, Leave) -> io::Result<Asked>,
    ) -> Result<Given, Unanswered> {
        if !self.interactive {
            return Err(Unanswered::Left);
        }
        if let Some(known) = self.kept_dialogue().known_answer() {
            return Ok(known);
        }
        let before = self.kept_dialogue().old_answer();
        let leave = if self.kept_dialogue().can_go_back() {
            Leave::Back
        } else {
            Leave::Cancel
        };
        let ask = || while_asking(|| ask(before, leave));
        let answer = || match ask()? {
            Asked::Given(given) => {
                let (_, width) = Sheet::new().size();
                let line = kept(prompt, &visible(&given.join(", ")), width);
                self.ask(&format!("{line}\n"));
                self.kept_dialogue().answered(given.clone(), &line);
                Ok(Some(given))
            }
            Asked::Left => Ok(None),
            Asked::Back => {
                if let Some(lines) = self.kept_dialogue().back() {
                    Sheet::new().remove(&lines)?;
                }
                Ok(None)
            }
        };
        let answered = match &self.board {
            Some(board) => board.while_asking(answer),
            None => answer(),
        };
        answered
            .map_err(|error| Unanswered::of(&error))?
            .ok_or(Unanswered::Left)
    }

    pub(super) fn kept_dialogue(&self) -> MutexGuard<'_, Dialogue> {
        self.dialogue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a question ended.
enum Asked {
    Given(Given),
    Back,
    Left,
}

/// What Esc does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    /// It goes back to the previous question.
    Back,
    /// It cancels the command.
    Cancel,
}

impl Leave {
    fn words(self) -> &'static str {
        match self {
            Self::Back => "Esc to go back",
            Self::Cancel => "Esc to cancel",
        }
    }
}

/// Returns the line that stays on the terminal for a question and its answer, in rows.
fn kept(prompt: &str, answer: &str, width: usize) -> String {
    let prompt = prompt.split_once(" (").map_or(prompt, |(prompt, _)| prompt);
    let answer = if answer.is_empty() { "none" } else { answer };
    let rows = wrapped(&format!("{prompt}: {answer}"), width);
    let rows: Vec<&str> = rows.iter().map(|row| row.trim_end()).collect();
    rows.join("\n")
}

fn error_rows(why: &str, width: usize) -> Vec<String> {
    wrapped(&format!("error: {why}"), width)
}

/// Returns the question below the problem with the last answer.
fn below(error: Option<&str>, view: View, width: usize) -> View {
    let Some(why) = error else {
        return view;
    };
    let View { rows, cursor } = view;
    let mut all = error_rows(why, width);
    let cursor = (cursor.0 + all.len(), cursor.1);
    all.extend(rows);
    View { rows: all, cursor }
}

/// Returns whether the line is a yes. One without a newline was ended with Ctrl-D, which is a no.
fn is_yes(line: &[u8]) -> bool {
    line.strip_suffix(b"\n").is_some_and(|answer| {
        let answer = answer.strip_suffix(b"\r").unwrap_or(answer);
        answer.eq_ignore_ascii_case(b"y") || answer.eq_ignore_ascii_case(b"yes")
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
