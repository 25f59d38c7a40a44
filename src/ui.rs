//! The only code that writes to a terminal.
//!
//! stdout carries what was asked for; everything else goes to stderr, in cargo's voice. Shared by
//! concurrent tasks: every call writes whole lines.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
};

use annotate_snippets::{
    AnnotationKind, Group, Level, Renderer, Snippet as Source, renderer::DecorStyle,
};
use clap::ColorChoice;

use crate::error::{Failure, Message};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    Quiet,
    Normal,
    Verbose,
    VeryVerbose,
}

/// Whether what is written to stdout is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    There,
    Gone,
}

pub struct Ui {
    out: Mutex<Box<dyn Write + Send>>,
    err: Mutex<Box<dyn Write + Send>>,
    color: bool,
    verbosity: Verbosity,
    /// Whether a person can be asked: stdin and stderr are terminals.
    interactive: bool,
    out_is_terminal: bool,
}

const VERB: anstyle::Style = anstyle::AnsiColor::Green.on_default().bold();

impl Ui {
    /// The process's own terminal.
    pub fn new(verbosity: Verbosity, color: ColorChoice) -> Self {
        let err_is_terminal = io::stderr().is_terminal();
        Self {
            out: Mutex::new(Box::new(io::stdout())),
            err: Mutex::new(Box::new(io::stderr())),
            color: match color {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto => err_is_terminal && crate::effects::env::color_is_welcome(),
            },
            verbosity,
            out_is_terminal: io::stdout().is_terminal(),
            interactive: io::stdin().is_terminal() && err_is_terminal,
        }
    }

    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    pub fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// What the command was asked for: the only thing that goes to stdout. A closed pipe is no error.
    pub fn result(&self, text: &str) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // A reader that has gone away has seen what it wanted.
        let _ = writeln!(out, "{text}").and_then(|()| out.flush());
    }

    /// Bytes that were asked for, as they are and at once; false where the reader has gone away.
    pub fn bytes(&self, bytes: &[u8]) -> bool {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(bytes).and_then(|()| out.flush()).is_ok()
    }

    /// Whether a person reads what was asked for.
    pub fn result_is_read_on_a_terminal(&self) -> bool {
        self.out_is_terminal
    }

    /// [`Ui::result`] for an output without an end: it tells whether somebody still reads it.
    pub fn offer(&self, text: &str) -> Reader {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        match writeln!(out, "{text}").and_then(|()| out.flush()) {
            Ok(()) => Reader::There,
            Err(_) => Reader::Gone,
        }
    }

    /// `    Creating role …`
    pub fn status(&self, verb: &str, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            let padded = format!("{verb:>12}");
            let painted = if self.color {
                format!("{VERB}{padded}{VERB:#}")
            } else {
                padded
            };
            self.line(&format!("{painted} {text}"));
        }
    }

    /// Like [`Ui::status`], shown with `-v` only.
    pub fn detail(&self, verb: &str, text: &str) {
        if self.verbosity >= Verbosity::Verbose {
            self.status(verb, text);
        }
    }

    /// A line as it is: the body of a list or a difference.
    pub fn plain(&self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.line(text);
        }
    }

    pub fn note(&self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.message(&Level::NOTE, &Message::new(text));
        }
    }

    pub fn warning(&self, message: &Message) {
        self.message(&Level::WARNING, message);
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
        let path;
        let mut group = Group::with_title(level.clone().primary_title(message.what.as_str()));
        if let Some(at) = &message.at {
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
        for (word, lines) in [("note", &message.notes), ("help", &message.help)] {
            for line in lines {
                let word = if self.color {
                    let style = anstyle::Style::new().bold();
                    format!("{style}{word}{style:#}")
                } else {
                    word.to_owned()
                };
                let line = line.replace('\n', "\n        ");
                text.extend(["\n  ", &word, ": ", &line]);
            }
        }
        self.line(&text);
    }

    fn line(&self, text: &str) {
        let mut err = self.err.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody is left to be told when stderr is gone.
        let _ = writeln!(err, "{text}").and_then(|()| err.flush());
    }

    /// Asks for a yes or no; only where [`Ui::is_interactive`]. `None`: the question was cut off.
    pub fn confirm(&self, question: &str) -> Option<bool> {
        if !self.interactive {
            return None;
        }
        let answer = dialoguer::Confirm::new()
            .with_prompt(question)
            .default(false)
            .interact_opt();
        answered(answer).flatten()
    }

    /// Offers `items`; `None`: the question was cut off.
    pub fn select(&self, prompt: &str, items: &[String], default: usize) -> Option<usize> {
        if !self.interactive {
            return None;
        }
        let chosen = dialoguer::Select::new()
            .with_prompt(prompt)
            .items(items)
            .default(default)
            .interact_opt();
        answered(chosen).flatten()
    }

    /// Asks for a line that `check` accepts; `None`: the question was cut off.
    pub fn input(
        &self,
        prompt: &str,
        default: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Option<String> {
        if !self.interactive {
            return None;
        }
        let mut input = dialoguer::Input::<String>::new()
            .with_prompt(prompt)
            .allow_empty(true)
            .validate_with(|text: &String| check(text.trim()));
        if !default.is_empty() {
            input = input.default(default.to_owned());
        }
        answered(input.interact_text()).map(|text| text.trim().to_owned())
    }
}

/// A dialogue that is cut off may have hidden the cursor.
fn answered<T>(answer: dialoguer::Result<T>) -> Option<T> {
    answer
        .inspect_err(|_| {
            // There is nobody left to tell.
            let _ = dialoguer::console::Term::stderr().show_cursor();
        })
        .ok()
}
