//! Waits with a time limit, and reports on stderr for what, how long and until when.

use std::time::{Duration, Instant};

use crate::{
    effects::clock::{self, Pauses},
    error::Failure,
    plan::retry,
    project::progress::shown,
    ui::{Ui, Work},
};

/// The result of one check.
#[derive(Debug)]
pub(crate) enum State<T> {
    Done(T),
    /// Not done; the service's status.
    Going(String),
    /// It failed.
    Failed {
        status: String,
        reason: Option<String>,
    },
}

/// A wait that is reported every [`retry::WORD_EVERY`], with the time so far and the limit.
pub(crate) struct Patience {
    start: Instant,
    limit: Duration,
    until: String,
    next: Duration,
    pauses: Pauses,
    /// The progress on a terminal.
    work: Option<Work>,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        let until = humantime::format_rfc3339_seconds(clock::wall() + limit).to_string();
        Self {
            start: clock::now(),
            limit,
            until: match until.split_once('T') {
                Some((_, time)) => time.to_owned(),
                None => until,
            },
            next: Duration::ZERO,
            pauses: clock::looks(),
            work: None,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.start.elapsed() >= self.limit
    }

    /// `what` ends the sentence "waiting for …"; `how` is the service's status.
    pub(crate) fn say(&mut self, what: &str, how: &str, ui: &Ui) {
        if ui.shows_work() {
            let words = format!("for {what} ({how})");
            let work = self
                .work
                .get_or_insert_with(|| ui.working("Waiting", &words));
            work.says("Waiting", &words, None);
            return;
        }
        let waited = self.start.elapsed();
        if waited < self.next {
            return;
        }
        self.next = waited + retry::WORD_EVERY;
        ui.status(
            "Waiting",
            &format!(
                "for {what} ({how}, {} so far, at most until {})",
                shown(waited),
                self.until
            ),
        );
    }

    /// Waits for the next check or until the limit.
    pub(crate) async fn pause(&mut self) {
        let left = self.limit.saturating_sub(self.start.elapsed());
        clock::sleep(self.pauses.next().map_or(left, |pause| pause.min(left))).await;
    }
}

/// Checks until it is done. `what` ends the sentence "waiting for …", such as ``endpoint `prod` to
/// be READY``.
pub(crate) async fn wait<T>(
    what: &str,
    limit: Duration,
    look: impl AsyncFn() -> Result<State<T>, Failure>,
    ui: &Ui,
) -> Result<T, Failure> {
    let mut patience = Patience::new(limit);
    loop {
        let status = match look().await? {
            State::Done(value) => return Ok(value),
            State::Going(status) => status,
            State::Failed { status, reason } => {
                let failure = Failure::world(format!("waited for {what}, and it is {status}"));
                return Err(match reason {
                    Some(reason) => failure.note(reason),
                    None => failure,
                });
            }
        };
        if patience.is_over() {
            return Err(Failure::world(format!(
                "waited {} for {what}, and it is still {status}",
                shown(limit)
            ))
            .help(
                "the service continues on its own; `cargo agentcore status` shows its progress",
            ));
        }
        patience.say(what, &status, ui);
        patience.pause().await;
    }
}
