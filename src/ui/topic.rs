//! Topics of `cargo agentcore help`.

use super::Ui;
use crate::{
    effects::pager,
    help::{Line, Topic, shown},
};

/// The maximum width of text, for readability.
const WIDEST: usize = 80;

impl Ui {
    /// Prints a help topic: unchanged, or formatted and in a pager on a terminal.
    pub fn topic(&self, topic: Topic) {
        if !self.out_is_terminal {
            self.result(topic.text.trim_end());
            return;
        }
        let (columns, rows) =
            terminal_size::terminal_size().map_or((80, 24), |(width, height)| (width.0, height.0));
        let styled = self.color;
        let lines: Vec<String> = shown(topic.text, usize::from(columns).clamp(20, WIDEST))
            .into_iter()
            .map(|line| match line {
                Line::Heading(text) if styled => {
                    let style = anstyle::Style::new().bold();
                    format!("{style}{text}{style:#}")
                }
                Line::Heading(text) | Line::Text(text) => text,
            })
            .collect();
        let text = format!("{}\n", lines.join("\n"));
        let is_long = lines.len() >= usize::from(rows);
        if !(is_long && self.interactive && pager::show(&text)) {
            self.raw_piece(text.as_bytes());
        }
    }
}
