//! Sequences of questions whose answers can be corrected.
//!
//! Going back runs the dialogue again from the beginning: earlier questions get their recorded
//! answers, printed lines are not repeated, and the previous question is asked again with its old
//! answer. So commands ask their questions in order, without code for going back.

/// An answer, recorded for a repetition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    Place(usize),
    Names(Vec<String>),
}

/// An answer, and how many lines were printed before its question.
#[derive(Debug)]
struct Answered {
    given: Given,
    printed: usize,
}

#[derive(Debug, Default)]
pub(in crate::ui) struct Dialogue {
    is_open: bool,
    answered: Vec<Answered>,
    /// The next question, counted from 0.
    next: usize,
    /// The lines in this pass so far.
    printed: usize,
    /// How many of them are already on the terminal.
    known: usize,
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

    pub(super) fn answered(&mut self, given: Given) {
        if self.is_open {
            self.next += 1;
            self.answered.push(Answered {
                given,
                printed: self.printed,
            });
        }
    }

    /// Goes back to the previous question. Returns false if there is none.
    pub(super) fn back(&mut self) -> bool {
        let Some(last) = self.answered.pop() else {
            return false;
        };
        self.before = Some(last.given);
        self.known = last.printed;
        self.goes_back = true;
        true
    }

    /// Counts a line. Returns whether it is new on the terminal.
    pub(in crate::ui) fn is_new_line(&mut self) -> bool {
        if !self.is_open {
            return true;
        }
        self.printed += 1;
        self.printed > self.known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: usize) -> Given {
        Given::Place(number)
    }

    #[test]
    fn going_back_opens_the_question_before_with_its_answer() {
        let mut dialogue = Dialogue::default();
        dialogue.pass();
        assert!(dialogue.is_new_line());
        dialogue.answered(place(1));
        assert!(dialogue.is_new_line());
        dialogue.answered(place(2));
        assert!(dialogue.is_new_line());
        assert!(dialogue.back() && dialogue.goes_back());

        dialogue.pass();
        assert!(!dialogue.is_new_line());
        assert_eq!(dialogue.known_answer(), Some(place(1)));
        assert!(!dialogue.is_new_line());
        assert_eq!(dialogue.known_answer(), None);
        assert_eq!(dialogue.old_answer(), Some(place(2)));
        dialogue.answered(place(3));
        assert!(dialogue.is_new_line());
        assert!(!dialogue.goes_back());
    }

    #[test]
    fn there_is_nothing_before_the_first_question() {
        let mut dialogue = Dialogue::default();
        dialogue.pass();
        assert!(!dialogue.back());
        assert!(!dialogue.goes_back());
    }

    #[test]
    fn a_question_by_itself_is_no_dialogue() {
        let mut dialogue = Dialogue::default();
        dialogue.answered(place(1));
        assert!(!dialogue.back());
        assert!(dialogue.is_new_line());
    }
}
