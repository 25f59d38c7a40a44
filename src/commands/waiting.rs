//! Waits until something is as it should be: bounded, and said on stderr what for, how long and until
//! when. Says of what takes its time how far it is.

use std::{pin::pin, time::Duration};

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

/// Looks until it is done. `what` ends the sentence "waiting for …", such as ``endpoint `prod` to be
/// READY``.
pub(super) async fn wait<T>(
    what: &str,
    limit: Duration,
    look: impl AsyncFn() -> Result<State<T>, Failure>,
    ui: &Ui,
) -> Result<T, Failure> {
    let start = clock::now();
    let until = humantime::format_rfc3339_seconds(clock::wall() + limit).to_string();
    let until = until
        .split_once('T')
        .map_or(until.as_str(), |(_, time)| time);
    let mut next = Duration::ZERO;
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
        let waited = start.elapsed();
        if waited >= limit {
            return Err(Failure::world(format!(
                "waited {} for {what}, and it is still {status}",
                shown(limit)
            ))
            .help("the service goes on by itself; `cargo agentcore status` shows how far it is"));
        }
        if waited >= next {
            next = waited + retry::WORD_EVERY;
            ui.status(
                "Waiting",
                &format!(
                    "for {what} ({status}, {} so far, at most until {until})",
                    shown(waited)
                ),
            );
        }
        let pause = retry::look(attempt, clock::jitter()).min(limit.saturating_sub(waited));
        clock::sleep(pause).await;
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
