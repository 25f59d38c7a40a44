//! Shows work in progress on the last row of a terminal while it lasts.

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use dialoguer::console::measure_text_width;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Verbosity, question::cut, row::Row, visible::visible};
use crate::effects::{
    clock::Stopwatch,
    env,
    interrupt::{self, OnInterrupt},
    runtime,
};

/// Shorter work is not shown.
const SHOWN_AFTER: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(100);
/// The columns reserved for the words before the number of other works is shown.
const MIN_WORDS: usize = 12;

/// Returns whether to show work in progress: on a terminal, unless the user's or cargo's settings
/// disable it.
pub(super) fn is_wanted(is_terminal: bool, verbosity: Verbosity) -> bool {
    let wanted = match env::var("CARGO_TERM_PROGRESS_WHEN").as_deref() {
        Some("never") => false,
        Some("always") => true,
        _ => env::var("CI").is_none() && env::var("TERM").is_none_or(|term| term != "dumb"),
    };
    wanted && is_terminal && verbosity > Verbosity::Quiet
}

/// All work in progress, and the row that shows one item of it.
#[derive(Default)]
pub(super) struct Board {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    works: Vec<Doing>,
    next: u64,
    bar: Option<ProgressBar>,
    has_ticker: bool,
    /// Clears the row if Ctrl-C ends the process.
    interrupted: Option<OnInterrupt>,
    /// The number of open questions.
    asking: usize,
    color: bool,
}

struct Doing {
    number: u64,
    began: Stopwatch,
    verb: String,
    words: String,
    part: Option<Part>,
}

/// The progress of something that can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub done: u64,
    pub of: u64,
}

/// Work in progress. It ends on drop.
pub struct Work {
    /// `None` if nothing is shown.
    on: Option<(Arc<Board>, u64)>,
}

impl Board {
    pub(super) fn new(color: bool) -> Arc<Self> {
        let board = Self::default();
        board.state().color = color;
        Arc::new(board)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(self: &Arc<Self>, verb: &str, words: &str) -> Work {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.works.push(Doing {
            number,
            began: Stopwatch::start(),
            verb: visible(verb),
            words: visible(words),
            part: None,
        });
        if !state.has_ticker {
            state.has_ticker = true;
            let board = Arc::clone(self);
            state.interrupted = Some(interrupt::on_interrupt(move || {
                let mut state = board.state();
                state.works.clear();
                state.clear();
            }));
            let board = Arc::clone(self);
            runtime::repeat(TICK, move || board.tick());
        }
        drop(state);
        Work {
            on: Some((Arc::clone(self), number)),
        }
    }

    /// Writes with the row hidden.
    pub(super) fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        let state = self.state();
        match &state.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Hides the row until there is an answer.
    pub(super) fn while_asking<T>(&self, ask: impl FnOnce() -> T) -> T {
        let mut state = self.state();
        state.asking += 1;
        state.clear();
        drop(state);
        let answer = ask();
        self.state().asking -= 1;
        answer
    }

    /// Redraws the row, and stops when no work is left.
    fn tick(&self) -> ControlFlow<()> {
        let mut state = self.state();
        if state.works.is_empty() {
            state.has_ticker = false;
            state.interrupted = None;
            return ControlFlow::Break(());
        }
        state.draw();
        ControlFlow::Continue(())
    }
}

impl State {
    fn draw(&mut self) {
        let lasting = self.works.iter().rev();
        let mut lasting = lasting.filter(|doing| doing.began.elapsed() >= SHOWN_AFTER);
        let (Some(doing), 0) = (lasting.next(), self.asking) else {
            return;
        };
        let others = lasting.count();
        let columns = usize::from(dialoguer::console::Term::stderr().size().1);
        let columns = env::var("CARGO_TERM_PROGRESS_WIDTH")
            .and_then(|width| width.parse().ok())
            .map_or(columns, |width: usize| width.min(columns));
        let Picture {
            template,
            prefix,
            message,
        } = picture(doing, others, columns, self.color);
        let bar = self.bar.get_or_insert_with(|| {
            ProgressBar::with_draw_target(
                None,
                ProgressDrawTarget::term_like(Box::new(Row::stderr())),
            )
        });
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.tick_chars("|/-\\ ").progress_chars("=> "));
        }
        bar.set_prefix(prefix);
        bar.set_message(message);
        if let Some(Part { done, of }) = doing.part {
            bar.set_length(of);
            bar.set_position(done);
        }
        bar.tick();
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// The row in indicatif's format.
struct Picture {
    template: &'static str,
    prefix: String,
    message: String,
}

fn picture(doing: &Doing, others: usize, columns: usize, color: bool) -> Picture {
    let Doing {
        number: _,
        began,
        verb,
        words,
        part,
    } = doing;
    let padded = format!("{verb:>12}");
    let prefix = if color {
        let style = anstyle::AnsiColor::Cyan.on_default().bold();
        format!("{style}{padded}{style:#}")
    } else {
        padded.clone()
    };
    let (template, drawn) = match part {
        Some(_) if columns >= 60 => ("{prefix} [{bar:20}] {msg}", 24),
        Some(_) => ("{prefix} [{bar:6}] {msg}", 10),
        None => ("{prefix} {spinner} {msg}", 3),
    };
    let seconds = began.elapsed().as_secs();
    let time = match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m {seconds:02}s"),
    };
    // The last column stays free, because some terminals wrap the row there.
    let room = columns.saturating_sub(measure_text_width(&padded) + drawn + 1);
    let mut end = format!(" {time}");
    if others > 0 {
        let with_others = format!("{end} (and {others} more)");
        if measure_text_width(&with_others) + MIN_WORDS <= room {
            end = with_others;
        }
    }
    let words = cut(words, room.saturating_sub(measure_text_width(&end)));
    let message = cut(&format!("{words}{end}"), room);
    Picture {
        template,
        prefix,
        message,
    }
}

impl Work {
    pub(super) fn unseen() -> Self {
        Self { on: None }
    }

    /// Sets what is being done now.
    pub fn says(&self, verb: &str, words: &str, part: Option<Part>) {
        let Some((board, number)) = &self.on else {
            return;
        };
        let mut state = board.state();
        let mut works = state.works.iter_mut();
        if let Some(doing) = works.find(|doing| doing.number == *number) {
            doing.verb = visible(verb);
            doing.words = visible(words);
            doing.part = part;
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let Some((board, number)) = &self.on else {
            return;
        };
        let mut state = board.state();
        state.works.retain(|doing| doing.number != *number);
        if !state
            .works
            .iter()
            .any(|doing| doing.began.elapsed() >= SHOWN_AFTER)
        {
            state.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn doing(words: &str, part: Option<Part>) -> Doing {
        Doing {
            number: 0,
            began: Stopwatch::start(),
            verb: "Uploading".to_owned(),
            words: words.to_owned(),
            part,
        }
    }

    #[test]
    fn long_words_are_shortened_and_the_time_stays() {
        let doing = doing("dependencies of `my_agent` with uv 0.9", None);
        let Picture { message, .. } = picture(&doing, 0, 40, false);
        assert_eq!(message, "dependencies of `my_… 0s");
        let Picture { message, .. } = picture(&doing, 2, 80, false);
        assert_eq!(
            message,
            "dependencies of `my_agent` with uv 0.9 0s (and 2 more)"
        );
    }

    proptest! {
        #[test]
        fn a_row_never_fills_its_last_column(
            words in "[a-z東` ]{0,80}",
            counted in any::<bool>(),
            others in 0_usize..3,
            columns in 30_usize..120,
        ) {
            let part = counted.then_some(Part { done: 1, of: 2 });
            let Picture { template, prefix, message } =
                picture(&doing(&words, part), others, columns, false);
            let drawn = match template {
                "{prefix} [{bar:20}] {msg}" => 24,
                "{prefix} [{bar:6}] {msg}" => 10,
                _ => 3,
            };
            let width = measure_text_width(&prefix) + drawn + measure_text_width(&message);
            prop_assert!(width < columns, "{width} of {columns}: {message}");
            prop_assert!(message.contains(" 0s"), "{columns}: {message}");
        }
    }
}
