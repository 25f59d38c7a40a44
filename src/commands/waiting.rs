//! Waits until something is as it should be: bounded, and said on stderr what for, how long and until
//! when. Says of what takes its time how far it is.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use crate::{effects::clock, error::Failure, plan::retry, ui::Ui};

/// What one look came to.
#[derive(Debug)]
pub(super) enum State<T> {
    Done(T),
    /// Not yet; the status, in the service's word.
    Going(String),
    /// It will not come.
    Failed {
        status: String,
        reason: Option<String>,
    },
}

/// A wait that is said every [`retry::WORD_EVERY`], with how long it has been and until when it goes on.
pub(super) struct Patience {
    start: Instant,
    limit: Duration,
    until: String,
    next: Duration,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        let until = humantime::format_rfc3339_seconds(clock::wall() + limit).to_string();
        Self {
            start: clock::now(),
            limit,
            until: match until.split_once('T') {
                Some((_, time)) => time.to_owned(),
                None => until,
            },
            next: Duration::ZERO,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.start.elapsed() >= self.limit
    }

    /// `what` ends the sentence "waiting for …"; `how` is how far it is, in the service's words.
    pub(super) fn say(&mut self, what: &str, how: &str, ui: &Ui) {
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

    /// Until the next look is due, or the patience ends.
    pub(super) async fn pause(&self, attempt: u32) {
        let left = self.limit.saturating_sub(self.start.elapsed());
        clock::sleep(retry::look(attempt, clock::jitter()).min(left)).await;
    }
}

/// Looks until it is done. `what` ends the sentence "waiting for …", such as ``endpoint `prod` to be
/// READY``.
pub(super) async fn wait<T>(
    what: &str,
    limit: Duration,
    look: impl AsyncFn() -> Result<State<T>, Failure>,
    ui: &Ui,
) -> Result<T, Failure> {
    let mut patience = Patience::new(limit);
    for attempt in 1.. {
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
            .help("the service continues by itself; `cargo agentcore status` shows its progress"));
        }
        patience.say(what, &status, ui);
        patience.pause(attempt).await;
    }
    unreachable!("the loop ends by itself")
}

/// Does the work; `how_far` is asked every [`retry::WORD_EVERY`] for verb and words, with the time so far.
pub(super) async fn telling<T>(
    work: impl Future<Output = T>,
    how_far: impl Fn(Duration) -> Option<(&'static str, String)>,
    ui: &Ui,
) -> T {
    let start = clock::now();
    let mut work = pin!(work);
    loop {
        if let Some(value) = clock::within(retry::WORD_EVERY, work.as_mut()).await {
            return value;
        }
        if let Some((verb, words)) = how_far(start.elapsed()) {
            ui.status(verb, &words);
        }
    }
}

pub(super) fn shown(duration: Duration) -> String {
    humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
}
