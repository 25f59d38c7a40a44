//! The rows of an open question on the terminal, redrawn after each key.

use std::io;

use dialoguer::console::{Key, Term, measure_text_width};

use super::wrap::cut;

pub(super) struct Sheet {
    terminal: Term,
    /// The cursor's row, counted from the question's first row.
    cursor: usize,
}

/// The rows to show, and the cursor's row and column.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) rows: Vec<String>,
    pub(super) cursor: (usize, usize),
}

impl Sheet {
    pub(super) fn new() -> Self {
        Self {
            terminal: Term::stderr(),
            cursor: 0,
        }
    }

    /// Returns the rows and columns available to a question. The last column stays free, because
    /// terminals differ in where they put the cursor after it.
    pub(super) fn size(&self) -> (usize, usize) {
        let (rows, columns) = self.terminal.size();
        (
            usize::from(rows).max(8),
            usize::from(columns).saturating_sub(1).max(16),
        )
    }

    pub(super) fn draw(&mut self, view: &View) -> io::Result<()> {
        let View { rows, cursor } = view;
        let (_, width) = self.size();
        let rows: Vec<String> = rows.iter().map(|row| cut(row, width)).collect();
        self.terminal.hide_cursor()?;
        self.wipe()?;
        self.terminal.write_str(&rows.join("\n"))?;
        let below = rows.len().saturating_sub(1).saturating_sub(cursor.0);
        self.terminal.move_cursor_up(below)?;
        self.terminal.write_str("\r")?;
        self.terminal.move_cursor_right(cursor.1)?;
        self.terminal.show_cursor()?;
        self.cursor = cursor.0;
        self.terminal.flush()
    }

    /// Removes the question.
    pub(super) fn wipe(&mut self) -> io::Result<()> {
        self.terminal.write_str("\r")?;
        self.terminal.move_cursor_up(self.cursor)?;
        self.terminal.clear_to_end_of_screen()?;
        self.cursor = 0;
        self.terminal.flush()
    }

    /// Removes lines above the question, which is not drawn.
    pub(super) fn remove(&self, lines: &[String]) -> io::Result<()> {
        let columns = usize::from(self.terminal.size().1).max(1);
        let rows = lines.iter().flat_map(|line| line.split('\n'));
        let rows = rows.map(|row| measure_text_width(row).div_ceil(columns).max(1));
        self.terminal.move_cursor_up(rows.sum())?;
        self.terminal.clear_to_end_of_screen()?;
        self.terminal.flush()
    }

    /// Reads the next key. Removes the question if it is interrupted.
    pub(super) fn key(&mut self) -> io::Result<Key> {
        let key = self.terminal.read_key();
        if key.is_err() {
            // The error of the key is the one to report.
            let _ = self.wipe();
        }
        key
    }
}
