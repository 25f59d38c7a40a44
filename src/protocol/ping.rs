//! An agent's answer to `/ping`: what it means, and what is wrong with it.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;

/// A slower ping delays the service. This limit is ours; the service documents none.
pub const SLOW: Duration = Duration::from_secs(1);

/// This many pings in a row that claim a new status without a change are a problem.
const RESTAMPS: u32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The idle timeout runs.
    Healthy,
    /// The session is kept alive.
    HealthyBusy,
}

/// A problem with an agent's `/ping`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A status other than 200.
    Status(u16),
    NotJson,
    NoStatus,
    /// For example `healthy` instead of `Healthy`: the service compares the values exactly.
    WrongCase {
        given: String,
        meant: &'static str,
    },
    UnknownStatus(String),
    /// The time is not a number of seconds.
    TimeIsNoNumber,
    /// The time is in milliseconds, as in JavaScript.
    TimeInMilliseconds,
    /// The time is that of the ping, not of the last change, so the session never becomes idle.
    Restamped,
    /// The status is busy, but the time of the change is missing.
    NoTimeWhileBusy,
    Slow(Duration),
}

impl Problem {
    /// Returns a stable identifier.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Status(_) => "ping-status",
            Self::NotJson => "ping-not-json",
            Self::NoStatus => "ping-no-status",
            Self::WrongCase { .. } => "ping-wrong-case",
            Self::UnknownStatus(_) => "ping-unknown-status",
            Self::TimeIsNoNumber => "ping-time-no-number",
            Self::TimeInMilliseconds => "ping-time-milliseconds",
            Self::Restamped => "ping-restamped",
            Self::NoTimeWhileBusy => "ping-no-time-while-busy",
            Self::Slow(_) => "ping-slow",
        }
    }

    /// Describes what was observed.
    pub fn what(&self) -> String {
        match self {
            Self::Status(status) => format!("`/ping` answers with the status {status}"),
            Self::NotJson => "`/ping` does not answer with a JSON object".to_owned(),
            Self::NoStatus => "the answer of `/ping` has no `status`".to_owned(),
            Self::WrongCase { given, meant } => {
                format!("`/ping` answers `{given}`, and the service knows only `{meant}`")
            }
            Self::UnknownStatus(given) => format!("`/ping` answers with the status `{given}`"),
            Self::TimeIsNoNumber => "`time_of_last_update` is not a number".to_owned(),
            Self::TimeInMilliseconds => "`time_of_last_update` is in milliseconds".to_owned(),
            Self::Restamped => {
                "`time_of_last_update` is new with every ping, though the status does not change"
                    .to_owned()
            }
            Self::NoTimeWhileBusy => {
                "`/ping` answers `HealthyBusy` without `time_of_last_update`".to_owned()
            }
            Self::Slow(took) => format!("`/ping` took {:.1} s", took.as_secs_f64()),
        }
    }

    /// Describes how to fix it.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Status(_) => "answer with 200 while the agent works, whatever it is doing",
            Self::NotJson | Self::NoStatus => "answer with `{\"status\": \"Healthy\"}`",
            Self::WrongCase { .. } | Self::UnknownStatus(_) => {
                "the values are `Healthy` and `HealthyBusy`, in exactly this case"
            }
            Self::TimeIsNoNumber | Self::TimeInMilliseconds => {
                "give the seconds since 1970 as a number, or leave it out"
            }
            Self::Restamped => {
                "set it when the status changes, or leave it out: a session with a new time on every ping is never idle, and costs until its maximum lifetime"
            }
            Self::NoTimeWhileBusy => "give the time at which the status changed to `HealthyBusy`",
            Self::Slow(_) => {
                "answer without waiting for the work that is going on, as on a thread of its own"
            }
        }
    }
}

/// Follows an agent's pings. Reports each kind of problem once.
#[derive(Debug, Default)]
pub struct Watch {
    last: Option<(Status, Option<u64>)>,
    restamps: u32,
    told: BTreeSet<&'static str>,
}

/// The result of one ping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `None` if the answer has no status: the status is unchanged.
    pub status: Option<Status>,
    /// Problems that were not reported before.
    pub problems: Vec<Problem>,
}

impl Watch {
    /// Reads an answer: its status and body, how long it took, and the current time since the Unix
    /// epoch.
    pub fn see(&mut self, now: Duration, took: Duration, http_status: u16, body: &[u8]) -> Seen {
        let mut problems = Vec::new();
        if took >= SLOW {
            problems.push(Problem::Slow(took));
        }
        let read = read(http_status, body, now, &mut problems);
        if let Some((status, time)) = read {
            if status == Status::HealthyBusy && time.is_none() && !time_is_wrong(&problems) {
                problems.push(Problem::NoTimeWhileBusy);
            }
            if self.is_restamped(status, time, now) {
                problems.push(Problem::Restamped);
            }
            self.last = Some((status, time));
        }
        problems.retain(|problem| self.told.insert(problem.code()));
        Seen {
            status: read.map(|(status, _)| status),
            problems,
        }
    }

    /// Forgets the last status, because the agent was restarted.
    pub fn restart(&mut self) {
        self.last = None;
        self.restamps = 0;
    }

    /// Records that no answer came within this time.
    pub fn unanswered(&mut self, waited: Duration) -> Seen {
        let problem = Problem::Slow(waited);
        let is_new = self.told.insert(problem.code());
        Seen {
            status: None,
            problems: is_new.then_some(problem).into_iter().collect(),
        }
    }

    /// Returns true if the agent claims a change before several pings in a row. Two changes between
    /// two pings may be real.
    fn is_restamped(&mut self, status: Status, time: Option<u64>, now: Duration) -> bool {
        let is_new = match (self.last, time) {
            (Some((last, Some(before))), Some(time)) => {
                last == status && time > before && now.as_secs().abs_diff(time) <= 2
            }
            _ => false,
        };
        self.restamps = if is_new { self.restamps + 1 } else { 0 };
        self.restamps >= RESTAMPS
    }
}

fn time_is_wrong(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| {
        matches!(
            problem,
            Problem::TimeIsNoNumber | Problem::TimeInMilliseconds
        )
    })
}

/// Returns the status in an answer, or `None` if it contains none.
pub fn status_of(http_status: u16, body: &[u8]) -> Option<Status> {
    // The time of an answer does not change its status.
    let read = read(http_status, body, Duration::ZERO, &mut Vec::new());
    read.map(|(status, _)| status)
}

/// Reads one answer, regardless of earlier ones.
fn read(
    http_status: u16,
    body: &[u8],
    now: Duration,
    problems: &mut Vec<Problem>,
) -> Option<(Status, Option<u64>)> {
    if http_status != 200 {
        problems.push(Problem::Status(http_status));
        return None;
    }
    let Ok(Value::Object(answer)) = serde_json::from_slice(body) else {
        problems.push(Problem::NotJson);
        return None;
    };
    let status = match answer.get("status") {
        Some(Value::String(text)) => status(text, problems)?,
        Some(_) | None => {
            problems.push(Problem::NoStatus);
            return None;
        }
    };
    let time = match answer.get("time_of_last_update") {
        None | Some(Value::Null) => None,
        Some(value) => match value.as_f64() {
            Some(seconds) if seconds > now.as_secs_f64() * 100.0 => {
                problems.push(Problem::TimeInMilliseconds);
                None
            }
            Some(seconds) if seconds >= 0.0 => {
                Some(Duration::try_from_secs_f64(seconds).ok()?.as_secs())
            }
            Some(_) | None => {
                problems.push(Problem::TimeIsNoNumber);
                None
            }
        },
    };
    Some((status, time))
}

fn status(text: &str, problems: &mut Vec<Problem>) -> Option<Status> {
    for (status, meant) in [
        (Status::Healthy, "Healthy"),
        (Status::HealthyBusy, "HealthyBusy"),
    ] {
        if text == meant {
            return Some(status);
        }
        let letters = |text: &str| -> String {
            let letters = text.chars().filter(char::is_ascii_alphabetic);
            letters.collect::<String>().to_ascii_lowercase()
        };
        if letters(text) == letters(meant) {
            problems.push(Problem::WrongCase {
                given: text.to_owned(),
                meant,
            });
            return None;
        }
    }
    problems.push(Problem::UnknownStatus(text.to_owned()));
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_795_910_400;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(NOW + seconds)
    }

    fn see(watch: &mut Watch, seconds: u64, body: &str) -> Seen {
        watch.see(at(seconds), Duration::ZERO, 200, body.as_bytes())
    }

    fn codes(seen: &Seen) -> Vec<&'static str> {
        seen.problems.iter().map(Problem::code).collect()
    }

    fn healthy(time: u64) -> String {
        format!(r#"{{"status":"Healthy","time_of_last_update":{time}}}"#)
    }

    #[test]
    fn the_two_values_are_known() {
        let mut watch = Watch::default();
        let seen = see(&mut watch, 0, r#"{"status":"Healthy"}"#);
        assert_eq!((seen.status, codes(&seen)), (Some(Status::Healthy), vec![]));
        let busy = format!(r#"{{"status":"HealthyBusy","time_of_last_update":{NOW}.5}}"#);
        let seen = see(&mut watch, 1, &busy);
        assert_eq!(
            (seen.status, codes(&seen)),
            (Some(Status::HealthyBusy), vec![])
        );
    }

    #[test]
    fn what_the_service_does_not_understand_is_told_and_keeps_the_status() {
        for (body, code) in [
            (r#"{"status":"healthy"}"#, "ping-wrong-case"),
            (r#"{"status":"HEALTHY_BUSY"}"#, "ping-wrong-case"),
            (r#"{"status":"Healthy Busy"}"#, "ping-wrong-case"),
            (r#"{"status":"ok"}"#, "ping-unknown-status"),
            (r#"{"status":true}"#, "ping-no-status"),
            ("{}", "ping-no-status"),
            ("\"Healthy\"", "ping-not-json"),
            ("ok", "ping-not-json"),
            ("", "ping-not-json"),
        ] {
            let seen = see(&mut Watch::default(), 0, body);
            assert_eq!((seen.status, codes(&seen)), (None, vec![code]), "{body}");
            assert!(!seen.problems[0].what().is_empty() && !seen.problems[0].fix().is_empty());
        }
        let seen = Watch::default().see(at(0), Duration::ZERO, 404, b"{}");
        assert_eq!((seen.status, codes(&seen)), (None, vec!["ping-status"]));
    }

    #[test]
    fn a_status_is_known_whatever_the_time_says() {
        for (http, body, expected) in [
            (200, r#"{"status":"Healthy"}"#, Some(Status::Healthy)),
            (
                200,
                r#"{"status":"HealthyBusy","time_of_last_update":"now"}"#,
                Some(Status::HealthyBusy),
            ),
            (
                200,
                r#"{"status":"HealthyBusy","time_of_last_update":1795910400}"#,
                Some(Status::HealthyBusy),
            ),
            (200, r#"{"status":"busy"}"#, None),
            (503, r#"{"status":"HealthyBusy"}"#, None),
            (200, "", None),
        ] {
            assert_eq!(status_of(http, body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn a_wrong_time_is_told() {
        let milliseconds = NOW * 1000;
        for (time, code) in [
            (milliseconds.to_string().as_str(), "ping-time-milliseconds"),
            ("\"2026-11-29T00:00:00Z\"", "ping-time-no-number"),
            ("-1", "ping-time-no-number"),
        ] {
            for status in ["Healthy", "HealthyBusy"] {
                let body = format!(r#"{{"status":"{status}","time_of_last_update":{time}}}"#);
                let seen = see(&mut Watch::default(), 0, &body);
                assert_eq!(codes(&seen), [code], "{body}");
                assert!(seen.status.is_some(), "{body}");
            }
        }
    }

    #[test]
    fn a_busy_agent_says_since_when_and_each_problem_is_told_once() {
        let mut watch = Watch::default();
        let busy = r#"{"status":"HealthyBusy"}"#;
        assert_eq!(
            codes(&see(&mut watch, 0, busy)),
            ["ping-no-time-while-busy"]
        );
        assert_eq!(codes(&see(&mut watch, 1, busy)), Vec::<&str>::new());
    }

    #[test]
    fn a_time_that_is_new_on_every_ping_is_told() {
        let mut watch = Watch::default();
        let told: Vec<_> = (0..6)
            .map(|ping| codes(&see(&mut watch, ping * 5, &healthy(NOW + ping * 5))))
            .collect();
        assert_eq!(
            told.iter().position(|codes| codes == &["ping-restamped"]),
            Some(3)
        );
        assert_eq!(told.iter().flatten().count(), 1);
    }

    #[test]
    fn a_time_that_changes_with_the_status_is_right() {
        let mut watch = Watch::default();
        for ping in 0..20_u64 {
            // Busy for two pings, then healthy for two, with the time of the change.
            let status = if ping / 2 % 2 == 0 {
                "Healthy"
            } else {
                "HealthyBusy"
            };
            let since = NOW + ping / 2 * 10;
            let body = format!(r#"{{"status":"{status}","time_of_last_update":{since}}}"#);
            assert_eq!(
                codes(&see(&mut watch, ping * 5, &body)),
                Vec::<&str>::new(),
                "{ping}"
            );
        }
        // An old change that is reported late is not a current change.
        let mut watch = Watch::default();
        for ping in 0..10 {
            assert_eq!(
                codes(&see(&mut watch, ping, &healthy(NOW - 1000 + ping))),
                Vec::<&str>::new()
            );
        }
    }

    #[test]
    fn the_time_of_a_new_process_is_no_change_of_the_status() {
        let mut watch = Watch::default();
        for start in 0..10 {
            watch.restart();
            let seen = see(&mut watch, start * 3, &healthy(NOW + start * 3));
            assert_eq!(codes(&seen), Vec::<&str>::new());
        }
    }

    #[test]
    fn a_ping_that_takes_long_is_told() {
        let body = br#"{"status":"Healthy"}"#;
        let mut watch = Watch::default();
        let seen = watch.see(at(0), Duration::from_millis(999), 200, body);
        assert_eq!(codes(&seen), Vec::<&str>::new());
        let seen = watch.see(at(5), Duration::from_millis(2500), 200, body);
        assert_eq!(seen.problems[0].what(), "`/ping` took 2.5 s");
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(
            status in 100_u16..600,
            body in proptest::collection::vec(any::<u8>(), 0..60),
            time in any::<f64>(),
        ) {
            let mut watch = Watch::default();
            watch.see(at(0), Duration::ZERO, status, &body);
            let body = format!(r#"{{"status":"Healthy","time_of_last_update":{time:e}}}"#);
            watch.see(at(0), Duration::ZERO, 200, body.as_bytes());
        }
    }
}
