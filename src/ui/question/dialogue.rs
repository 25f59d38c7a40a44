//! Questions that follow one another, so that an answer can be corrected.
//!
//! Going back runs the dialogue again from its beginning: what was answered answers itself, what was
//! printed is not printed again, and the question before is open with its old answer. So a command asks
//! one question after another and need not know about the way back.

/// An answer, kept to be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    Place(usize),
    Names(Vec<String>),
}

/// An answer and how many lines had been printed before its question.
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
    /// The lines of this pass so far.
    printed: usize,
    /// How many of them stand on the terminal already.
    known: usize,
    /// What is to be corrected.
    before: Option<Given>,
    goes_back: bool,
}

impl Dialogue {
    /// Begins, or begins again.
    pub(super) fn pass(&mut self) {
        self.is_open = true;
        self.next = 0;
        self.printed = 0;
        self.goes_back = false;
    }

    /// Whether the pass that ended was left to correct an answer. Otherwise the dialogue is over.
    pub(super) fn goes_back(&mut self) -> bool {
        if !self.goes_back {
            *self = Self::default();
        }
        self.goes_back
    }

    /// The answer that the next question has already.
    pub(super) fn known_answer(&mut self) -> Option<Given> {
        let known = self.answered.get(self.next)?;
        self.next += 1;
        Some(known.given.clone())
    }

    /// The answer that the next question had before.
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

    /// Back to the question before this one; false where there is none.
    pub(super) fn back(&mut self) -> bool {
        let Some(last) = self.answered.pop() else {
            return false;
        };
        self.before = Some(last.given);
        self.known = last.printed;
        self.goes_back = true;
        true
    }

    /// Counts a line; whether it is new to the terminal.
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
