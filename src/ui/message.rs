//! Notes, warnings and errors, with the place in a file that they are about.

use annotate_snippets::{
    AnnotationKind, Group, Level, Renderer, Snippet as Source, renderer::DecorStyle,
};

use super::{
    Ui, Verbosity,
    visible::{Escape, Filter, visible},
};
use crate::{
    error::{Failure, Message, Snippet},
    redaction::with_masked_logins,
};

impl Ui {
    pub fn note(&self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.message(&Level::NOTE, &Message::new(self.lead(text)));
        }
    }

    /// Prints a note about a place in a file.
    pub fn note_at(&self, message: &Message) {
        if self.verbosity > Verbosity::Quiet {
            let message = message.clone().each_help(|line| self.lead(line));
            self.message(&Level::NOTE, &message);
        }
    }

    pub fn warning(&self, message: &Message) {
        let message = message.clone().each_help(|line| self.lead(line));
        self.warned().push(message.value());
        self.message(&Level::WARNING, &message);
    }

    pub fn failure(&self, failure: &Failure) {
        for message in &failure.messages {
            self.message(&Level::ERROR, message);
        }
    }

    fn message(&self, level: &Level<'_>, message: &Message) {
        let renderer = if self.color {
            Renderer::styled()
        } else {
            Renderer::plain()
        }
        .decor_style(DecorStyle::Ascii);
        let Message {
            what,
            at,
            notes,
            help,
        } = message;
        let what = visible(what);
        let at = at.as_ref().map(shown_snippet);
        let path;
        let mut group = Group::with_title(level.clone().primary_title(what.as_str()));
        if let Some(at) = &at {
            path = at.file.display().to_string();
            let mut mark = AnnotationKind::Primary.span(at.span.clone());
            if !at.label.is_empty() {
                mark = mark.label(at.label.as_str());
            }
            group = group.element(
                Source::source(at.text.as_str())
                    .path(path.as_str())
                    .annotation(mark),
            );
        }
        let mut text = renderer.render(&[group]).clone();
        for (word, lines) in [("note", notes), ("help", help)] {
            for line in lines {
                let word = if self.color {
                    let style = anstyle::Style::new().bold();
                    format!("{style}{word}{style:#}")
                } else {
                    word.to_owned()
                };
                let line = visible(line).replace('\n', "\n        ");
                text.extend(["\n  ", &word, ": ", &line]);
            }
        }
        self.line(&text);
    }
}

/// Escapes the text of a snippet, and adjusts the span.
fn shown_snippet(snippet: &Snippet) -> Snippet {
    let Snippet {
        file,
        text,
        span,
        label,
    } = snippet;
    // Keeps the length, so that the span stays valid.
    let text = with_masked_logins(text);
    let mut filter = Filter::new(Escape::Text);
    let mut shown = String::new();
    let (start, end) = (span.start.min(text.len()), span.end.min(text.len()));
    let ends = [start, end.max(start), text.len()].map(|end| text.floor_char_boundary(end));
    let mut from = 0;
    let ends = ends.map(|end| {
        shown += &filter.push(&text.as_bytes()[from..end]);
        from = end;
        shown.len()
    });
    shown += &filter.finish();
    Snippet {
        file: visible(&file.to_string_lossy()).into(),
        text: shown,
        span: ends[0]..ends[1],
        label: visible(label),
    }
}
