//! A line being edited: how it reacts to keys, and how it is shown.

use dialoguer::console::{Key, measure_text_width};

use super::{
    sheet::View,
    wrap::{push, wrapped},
};

/// A key's effect outside the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pressed {
    /// None: it edited the line or did nothing.
    Edited,
    Enter,
    /// Goes back to the previous question.
    Back,
    /// Ctrl-D on an empty line.
    Left,
    /// A key that the line ignores.
    Other,
}

#[derive(Debug, Default)]
pub(super) struct Line {
    letters: Vec<char>,
    at: usize,
}

impl Line {
    pub(super) fn new(text: &str) -> Self {
        let letters: Vec<char> = text.chars().collect();
        let at = letters.len();
        Self { letters, at }
    }

    pub(super) fn text(&self) -> String {
        self.letters.iter().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn press(&mut self, key: &Key) -> Pressed {
        match key {
            Key::Enter => return Pressed::Enter,
            Key::Escape => return Pressed::Back,
            Key::Char('\x04') if self.is_empty() => return Pressed::Left,
            Key::Char('\x15') => {
                self.letters.drain(..self.at);
                self.at = 0;
            }
            Key::Char('\x17') => self.delete_word(),
            Key::Char(letter) if !letter.is_control() => {
                self.letters.insert(self.at, *letter);
                self.at += 1;
            }
            Key::Backspace if self.at > 0 => {
                self.at -= 1;
                self.letters.remove(self.at);
            }
            Key::Del if self.at < self.letters.len() => {
                self.letters.remove(self.at);
            }
            Key::ArrowLeft => self.at = self.at.saturating_sub(1),
            Key::ArrowRight => self.at = (self.at + 1).min(self.letters.len()),
            Key::Home => self.at = 0,
            Key::End => self.at = self.letters.len(),
            _ => return Pressed::Other,
        }
        Pressed::Edited
    }

    fn delete_word(&mut self) {
        let end = self.at;
        let before = |at: usize| at.checked_sub(1).map(|before| self.letters[before]);
        let mut start = end;
        while before(start) == Some(' ') {
            start -= 1;
        }
        while before(start).is_some_and(|letter| letter != ' ') {
            start -= 1;
        }
        self.letters.drain(start..end);
        self.at = start;
    }

    /// Returns the line after `lead`, in rows of `width` columns.
    pub(super) fn view(&self, lead: &str, width: usize) -> View {
        let mut rows = wrapped(lead, width);
        let mut cursor = end(&rows);
        for (number, letter) in self.letters.iter().enumerate() {
            push(&mut rows, *letter, width);
            if number + 1 == self.at {
                cursor = end(&rows);
            }
        }
        View { rows, cursor }
    }
}

/// Returns the position after the last character.
fn end(rows: &[String]) -> (usize, usize) {
    let column = rows.last().map_or(0, |row| measure_text_width(row));
    (rows.len().saturating_sub(1), column)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn typed(keys: &[Key]) -> Line {
        let mut line = Line::default();
        for key in keys {
            line.press(key);
        }
        line
    }

    #[test]
    fn the_keys_of_a_shell_edit_the_line() {
        let text = |keys: &[Key]| typed(keys).text();
        let abc = [Key::Char('a'), Key::Char('b'), Key::Char('c')];
        let with = |more: &[Key]| text(&[&abc, more].concat());
        assert_eq!(with(&[Key::Backspace]), "ab");
        assert_eq!(with(&[Key::Home, Key::Del, Key::Char('x')]), "xbc");
        assert_eq!(with(&[Key::ArrowLeft, Key::Char('x')]), "abxc");
        assert_eq!(with(&[Key::ArrowLeft, Key::Char('\x15')]), "c");
        assert_eq!(
            with(&[Key::Char(' '), Key::Char('d'), Key::Char('\x17')]),
            "abc "
        );
        assert_eq!(with(&[Key::Tab, Key::Char('\x01')]), "abc");
    }

    #[test]
    fn a_long_answer_goes_on_in_the_next_row() {
        let line = Line::new("eu-central-1");
        let view = line.view("AWS region: ", 20);
        assert_eq!(view.rows, ["AWS region: eu-centr", "al-1"]);
        assert_eq!(view.cursor, (1, 4));
    }

    #[test]
    fn control_d_leaves_an_empty_line_only() {
        assert_eq!(Line::default().press(&Key::Char('\x04')), Pressed::Left);
        assert_eq!(Line::new("a").press(&Key::Char('\x04')), Pressed::Other);
    }

    proptest! {
        #[test]
        fn the_cursor_is_always_in_the_picture(
            lead in "[a-z ]{0,50}: ",
            text in "[a-z東 ]{0,70}",
            left in 0_usize..80,
            width in 16_usize..60,
        ) {
            let mut line = Line::new(&text);
            for _ in 0..left {
                line.press(&Key::ArrowLeft);
            }
            let View { rows, cursor: (row, column) } = line.view(&lead, width);
            prop_assert!(row < rows.len());
            prop_assert!(column <= width);
        }
    }
}
