//! The only code that writes to a terminal.
//!
//! stdout contains what was asked for; everything else goes to stderr, in cargo's style. Used by
//! concurrent tasks: every call writes whole lines.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::ColorChoice;
use serde_json::{Value, json};

use crate::{error::Failure, redaction::without_logins};

mod local_agentcore;
mod message;
mod progress;
mod question;
mod row;
mod topic;
mod visible;

pub(crate) use self::local_agentcore::log;
use self::visible::{Escape, Filter, visible, visible_as};
use self::{progress::Board, question::Dialogue};
pub use self::{
    progress::{Part, Work},
    question::{Item, Unanswered},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    Quiet,
    Normal,
    Verbose,
    VeryVerbose,
}

/// Whether stdout still has a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    There,
    Gone,
}

/// Prints the message about a panic.
#[expect(clippy::print_stderr, reason = "what is broken cannot hold a `Ui`")]
pub(crate) fn ask_for_a_report(panic: &str) {
    eprintln!(
        "{}\nerror: this is a bug in cargo agentcore {}\n  help: please report it with the command and the \
         lines above; finished steps are kept, and the command can be run again",
        visible(panic),
        env!("CARGO_PKG_VERSION")
    );
}

pub struct Ui {
    out: Mutex<Box<dyn Write + Send>>,
    err: Mutex<Box<dyn Write + Send>>,
    color: bool,
    /// The user's choice for both streams.
    chosen: ColorChoice,
    verbosity: Verbosity,
    /// True if the user can be prompted: stdin and stderr are terminals.
    interactive: bool,
    out_is_terminal: bool,
    lost: Mutex<Option<io::Error>>,
    /// True if stdout and stderr go to the same place, so that their lines could mix.
    outputs_are_one: bool,
    /// True if the last output on stdout did not end its line.
    within_a_line: AtomicBool,
    /// Filters an answer that goes to a terminal in pieces.
    answer: Mutex<Filter>,
    /// The requested JSON document, kept until the command ends.
    document: Mutex<Option<Value>>,
    /// The warnings so far, as JSON.
    warned: Mutex<Vec<Value>>,
    lead: Lead,
    /// The answered questions of a dialogue.
    dialogue: Mutex<Dialogue>,
    /// Shows work in progress; `None` if that is not wanted.
    board: Option<Arc<Board>>,
}

/// Completes the commands in a text with the options of this run.
type Lead = Box<dyn Fn(&str, About) -> String + Send + Sync>;

/// What the commands in a text are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The agents and the stage of this run.
    ThisRun,
    /// Agents or a stage that the text names itself.
    Others,
}

/// The colors of the agents' names.
const AGENTS: [anstyle::AnsiColor; 5] = [
    anstyle::AnsiColor::Cyan,
    anstyle::AnsiColor::Yellow,
    anstyle::AnsiColor::Magenta,
    anstyle::AnsiColor::Blue,
    anstyle::AnsiColor::Green,
];

/// The version of all JSON documents.
const DOCUMENT: u32 = 1;

const VERB: anstyle::Style = anstyle::AnsiColor::Green.on_default().bold();

impl Ui {
    /// Uses the process's own terminal.
    pub fn new(verbosity: Verbosity, color: ColorChoice) -> Self {
        let err_is_terminal = io::stderr().is_terminal();
        // Consoles of Windows before version 11 show escape sequences only on request.
        let shows_color = anstyle_query::windows::enable_ansi_colors() != Some(false);
        let chosen = color;
        let color = match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                crate::effects::env::color_is_welcome(err_is_terminal && shows_color)
            }
        };
        Self {
            out: Mutex::new(Box::new(io::stdout())),
            err: Mutex::new(Box::new(io::stderr())),
            color,
            chosen,
            board: progress::is_wanted(err_is_terminal, verbosity).then(|| Board::new(color)),
            verbosity,
            out_is_terminal: io::stdout().is_terminal(),
            lost: Mutex::default(),
            interactive: io::stdin().is_terminal() && err_is_terminal,
            outputs_are_one: outputs_are_one(),
            within_a_line: AtomicBool::new(false),
            answer: Mutex::new(Filter::new(Escape::Text)),
            document: Mutex::new(None),
            warned: Mutex::default(),
            lead: Box::new(|text, _| text.to_owned()),
            dialogue: Mutex::default(),
        }
    }

    #[must_use]
    pub fn leading(mut self, lead: impl Fn(&str, About) -> String + Send + Sync + 'static) -> Self {
        self.lead = Box::new(lead);
        self
    }

    /// Completes the commands in a text with the options of this run. Notes, warnings and the
    /// command's failure are completed automatically.
    pub fn lead(&self, text: &str) -> String {
        (self.lead)(text, About::ThisRun)
    }

    /// Like [`Self::lead`], for a text that names another agent or stage.
    pub fn lead_elsewhere(&self, text: &str) -> String {
        (self.lead)(text, About::Others)
    }

    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    pub fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// Prints the result of a command, the only output on stdout. A closed pipe is not an error. On
    /// a terminal, control characters are escaped; otherwise, the bytes are unchanged.
    pub fn result(&self, text: &str) {
        self.offer(text);
    }

    /// Sets the requested JSON document, which is printed when the command ends.
    pub fn document(&self, document: Value) {
        *self.kept_document() = Some(document);
    }

    /// Prints the document with the errors. A failed command without a document gets one, so that
    /// there always is one.
    pub fn print_document(&self, command: &str, failure: Option<&Failure>) {
        let made = self.kept_document().take();
        let mut document = json!({ "version": DOCUMENT, "command": command });
        if let (Some(document), Some(Value::Object(made))) = (document.as_object_mut(), made) {
            document.extend(made);
        }
        document["warnings"] = std::mem::take(&mut *self.warned()).into();
        if let Some(failure) = failure {
            document["exit"] = json!(failure.exit as u8);
            document["errors"] = failure.values().into();
        }
        let text = serde_json::to_string_pretty(&document).expect("a JSON value can be written");
        self.offer_json(&without_logins(&text));
    }

    fn warned(&self) -> MutexGuard<'_, Vec<Value>> {
        self.warned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept_document(&self) -> MutexGuard<'_, Option<Value>> {
        self.document.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Like [`Ui::result`], for endless output: returns whether it still has a reader.
    pub fn offer(&self, text: &str) -> Reader {
        self.print(&self.shown(text, Escape::Text))
    }

    /// Like [`Ui::offer`], for JSON, which stays valid.
    pub fn offer_json(&self, text: &str) -> Reader {
        self.print(&self.shown(text, Escape::Json))
    }

    /// Like [`Ui::offer`], without escaping.
    pub fn offer_raw(&self, text: &str) -> Reader {
        self.print(text)
    }

    fn shown(&self, text: &str, escape: Escape) -> String {
        if self.out_is_terminal {
            visible_as(text, escape)
        } else {
            text.to_owned()
        }
    }

    fn print(&self, text: &str) -> Reader {
        let written = self.beside_the_work(|| {
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            writeln!(out, "{text}").and_then(|()| out.flush())
        });
        if self.has_arrived(written) {
            Reader::There
        } else {
            Reader::Gone
        }
    }

    /// Prints a line of an agent's output; with several agents, after the agent's name.
    pub fn agent_line(&self, agent: Option<(&str, usize)>, text: &str) -> Reader {
        let Some((name, number)) = agent else {
            return self.offer(text);
        };
        let name = if self.color && self.out_is_terminal {
            let style = AGENTS[number % AGENTS.len()].on_default();
            format!("{style}{name} |{style:#}")
        } else {
            format!("{name} |")
        };
        let text = self.shown(text, Escape::Text);
        let lines: Vec<String> = text.lines().map(|line| format!("{name} {line}")).collect();
        self.print(&lines.join("\n"))
    }

    /// Prints a piece of an answer immediately; returns false if the reader is gone.
    pub fn piece(&self, bytes: &[u8]) -> bool {
        if !self.out_is_terminal {
            return self.raw_piece(bytes);
        }
        let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = answer.push(bytes);
        self.raw_piece(shown.as_bytes())
    }

    /// Like [`Ui::piece`], without escaping.
    pub fn raw_piece(&self, bytes: &[u8]) -> bool {
        if let Some(last) = bytes.last() {
            self.within_a_line.store(*last != b'\n', Ordering::Relaxed);
        }
        let written = self.beside_the_work(|| {
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            out.write_all(bytes).and_then(|()| out.flush())
        });
        self.has_arrived(written)
    }

    /// Prints help and the version on stdout, and usage errors, which quote the command line, on
    /// stderr. `plain` is the same text without clap's styles.
    pub fn usage(&self, error: &clap::Error, plain: &str) {
        let is_colored = match self.chosen {
            ColorChoice::Auto if !error.use_stderr() => {
                crate::effects::env::color_is_welcome(self.out_is_terminal)
            }
            _ => self.color,
        };
        let shown = visible(plain);
        // The text without styles shows whether the command line contained control characters.
        let text = if is_colored && shown == plain {
            error.render().ansi().to_string()
        } else {
            shown
        };
        let text = without_logins(text.trim_end());
        if error.use_stderr() {
            self.line(&text);
        } else {
            self.print(&text);
        }
    }

    fn has_arrived(&self, written: io::Result<()>) -> bool {
        match written {
            Ok(()) => true,
            // The reader closed the pipe on purpose.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => false,
            Err(error) => {
                self.lost().get_or_insert(error);
                false
            }
        }
    }

    fn lost(&self) -> MutexGuard<'_, Option<io::Error>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins work that may take longer than a moment. On a terminal it is shown until the returned
    /// value is dropped, for example as `   Uploading the archive 3s`; otherwise not at all.
    pub fn working(&self, verb: &str, words: &str) -> Work {
        match &self.board {
            Some(board) => board.begin(verb, words),
            None => Work::unseen(),
        }
    }

    /// Returns whether work in progress is shown, so that no regular messages are needed.
    pub fn shows_work(&self) -> bool {
        self.board.is_some()
    }

    fn beside_the_work<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.board {
            Some(board) => board.aside(write),
            None => write(),
        }
    }

    /// Returns the failure if the result could not be written to stdout, for example on a full
    /// disk.
    pub fn unwritten(&self) -> Option<Failure> {
        let error = self.lost().take()?;
        Some(
            Failure::world("cannot write the output to stdout")
                .note(error.to_string())
                .help("the rest of the command was carried out"),
        )
    }

    /// Returns true if stdout is a terminal.
    pub fn result_is_read_on_a_terminal(&self) -> bool {
        self.out_is_terminal
    }

    /// Prints a status line, such as `    Creating role …`.
    pub fn status(&self, verb: &str, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.answer_status(verb, text);
        }
    }

    /// Like [`Ui::status`], for the requested output: printed with `-q` too.
    pub fn answer_status(&self, verb: &str, text: &str) {
        let (verb, text) = (visible(verb), visible(text));
        let padded = format!("{verb:>12}");
        let painted = if self.color {
            format!("{VERB}{padded}{VERB:#}")
        } else {
            padded
        };
        self.line(&format!("{painted} {text}"));
    }

    /// Like [`Ui::status`], but only with `-v`.
    pub fn detail(&self, verb: &str, text: &str) {
        if self.verbosity >= Verbosity::Verbose {
            self.status(verb, text);
        }
    }

    /// Prints an unformatted line: a part of a list or a diff.
    pub fn plain(&self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.answer_plain(text);
        }
    }

    /// Like [`Ui::plain`], for the requested output.
    pub fn answer_plain(&self, text: &str) {
        self.line(&visible(text));
    }

    /// Prints a line in which only this tool's colors affect the terminal.
    fn line(&self, text: &str) {
        let text = without_logins(text);
        if !self.kept_dialogue().is_new_line(&text) {
            return;
        }
        self.beside_the_work(|| {
            let mut err = self.err.lock().unwrap_or_else(PoisonError::into_inner);
            // The result on stdout must not change, so the missing line break is written here.
            if self.outputs_are_one && self.within_a_line.swap(false, Ordering::Relaxed) {
                let _ = err.write_all(b"\n");
            }
            // If stderr is gone, nothing can be reported.
            let _ = writeln!(err, "{text}").and_then(|()| err.flush());
        });
    }
}

#[cfg(unix)]
fn outputs_are_one() -> bool {
    crate::effects::env::is_one_file(io::stdout(), io::stderr())
}

/// Unknown; an extra line break on stderr is harmless.
#[cfg(not(unix))]
fn outputs_are_one() -> bool {
    true
}

#[cfg(test)]
mod tests;
