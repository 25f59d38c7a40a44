//! Sequences of questions whose answers can be corrected.
//!
//! Going back runs the dialogue again from the beginning: earlier questions get their recorded
//! answers, printed lines are not repeated, and the previous question is asked again with its old
//! answer. So commands ask their questions in order, without code for going back.

/// The names that were typed or chosen.
pub(super) type Given = Vec<String>;

/// An answer, and what was printed before it.
#[derive(Debug)]
struct Answered {
    given: Given,
    /// How many lines were printed before its question.
    printed: usize,
    /// How many lines were on the terminal before its line.
    shown: usize,
}

#[derive(Debug, Default)]
pub(in crate::ui) struct Dialogue {
    is_open: bool,
    answered: Vec<Answered>,
    /// The next question, counted from 0.
    next: usize,
    /// The number of lines printed in this pass so far.
    printed: usize,
    /// How many of them are already on the terminal.
    known: usize,
    /// The lines of this dialogue on the terminal, answers included.
    shown: Vec<String>,
    /// The answer to correct.
    before: Option<Given>,
    goes_back: bool,
}

impl Dialogue {
    /// Begins a pass.
    pub(super) fn pass(&mut self) {
        self.is_open = true;
        self.next = 0;
        self.printed = 0;
        self.goes_back = false;
    }

    /// Returns whether the pass ended in order to correct an answer. Otherwise the dialogue is
    /// over.
    pub(super) fn goes_back(&mut self) -> bool {
        if !self.goes_back {
            *self = Self::default();
        }
        self.goes_back
    }

    /// Returns the recorded answer to the next question.
    pub(super) fn known_answer(&mut self) -> Option<Given> {
        let known = self.answered.get(self.next)?;
        self.next += 1;
        Some(known.given.clone())
    }

    /// Returns the previous answer to the next question.
    pub(super) fn old_answer(&mut self) -> Option<Given> {
        self.before.take()
    }

    /// Returns whether there is a previous question.
    pub(super) fn can_go_back(&self) -> bool {
        !self.answered.is_empty()
    }

    /// Records an answer and the line that stays on the terminal for it.
    pub(super) fn answered(&mut self, given: Given, line: &str) {
        if self.is_open {
            self.next += 1;
            self.answered.push(Answered {
                given,
                printed: self.printed,
                shown: self.shown.len(),
            });
            self.shown.push(line.to_owned());
        }
    }

    /// Goes back to the previous question. Returns the lines to remove from the terminal: its
    /// answer and all lines after it. Returns `None` if there is no previous question.
    pub(super) fn back(&mut self) -> Option<Vec<String>> {
        let last = self.answered.pop()?;
        self.before = Some(last.given);
        self.known = last.printed;
        self.goes_back = true;
        Some(self.shown.split_off(last.shown))
    }

    /// Counts a line. Returns whether it is new on the terminal.
    pub(in crate::ui) fn is_new_line(&mut self, line: &str) -> bool {
        if !self.is_open {
            return true;
        }
        self.printed += 1;
        let is_new = self.printed > self.known;
        if is_new {
            self.shown.push(line.to_owned());
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(name: &str) -> Given {
        vec![name.to_owned()]
    }

    #[test]
    fn going_back_asks_the_previous_question_with_its_answer() {
        let mut dialogue = Dialogue::default();
        dialogue.pass();
        assert!(!dialogue.can_go_back());
        assert!(dialogue.is_new_line("a note"));
        dialogue.answered(given("1"), "One: 1");
        assert!(dialogue.is_new_line("a second note"));
        dialogue.answered(given("2"), "Two: 2");
        assert!(dialogue.is_new_line("a third note"));
        assert!(dialogue.can_go_back());
        let removed = ["Two: 2", "a third note"].map(str::to_owned).to_vec();
        assert_eq!(dialogue.back(), Some(removed));
        assert!(dialogue.goes_back());

        dialogue.pass();
        assert!(!dialogue.is_new_line("a note"));
        assert_eq!(dialogue.known_answer(), Some(given("1")));
        assert!(!dialogue.is_new_line("a second note"));
        assert_eq!(dialogue.known_answer(), None);
        assert_eq!(dialogue.old_answer(), Some(given("2")));
        dialogue.answered(given("3"), "Two: 3");
        assert!(dialogue.is_new_line("a fourth note"));
        let removed = ["Two: 3", "a fourth note"].map(str::to_owned).to_vec();
        assert_eq!(dialogue.back(), Some(removed));
        dialogue.pass();
        assert!(!dialogue.goes_back());
    }

    #[test]
    fn there_is_nothing_before_the_first_question() {
        let mut dialogue = Dialogue::default();
        dialogue.pass();
        assert_eq!(dialogue.back(), None);
        assert!(!dialogue.goes_back());
    }

    #[test]
    fn a_single_question_is_not_recorded() {
        let mut dialogue = Dialogue::default();
        dialogue.answered(given("1"), "One: 1");
        assert_eq!(dialogue.back(), None);
        assert!(dialogue.is_new_line("a note"));
    }
}
