//! Reports the progress of long steps.

use std::{pin::pin, time::Duration};

use crate::{
    effects::clock,
    plan::retry,
    ui::{Part, Ui},
};

/// How often the progress on a terminal is updated.
const SHOW_EVERY: Duration = Duration::from_millis(200);

/// The progress of some work.
pub(crate) struct HowFar {
    pub(crate) verb: &'static str,
    pub(crate) words: String,
    pub(crate) part: Option<Part>,
}

/// Does the work. Shows its progress on a terminal, beginning with `first`; otherwise prints
/// `how_far` every [`retry::WORD_EVERY`], with the elapsed time.
pub(crate) async fn telling<T>(
    work: impl Future<Output = T>,
    first: (&str, &str),
    how_far: impl Fn() -> Option<HowFar>,
    ui: &Ui,
) -> T {
    let start = clock::now();
    let shown_work = ui.working(first.0, first.1);
    let every = if ui.shows_work() {
        SHOW_EVERY
    } else {
        retry::WORD_EVERY
    };
    let mut work = pin!(work);
    loop {
        if let Some(value) = clock::within(every, work.as_mut()).await {
            return value;
        }
        let Some(HowFar { verb, words, part }) = how_far() else {
            continue;
        };
        if ui.shows_work() {
            shown_work.says(verb, &words, part);
        } else {
            ui.status(verb, &format!("{words}, {} so far", shown(start.elapsed())));
        }
    }
}

pub(crate) fn shown(duration: Duration) -> String {
    humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
}
