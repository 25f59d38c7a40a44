//! Judges an agent's answers to `/ping`.

use std::time::Duration;

use super::{
    answer::{NoAnswer, Outcome},
    report::{Finding, Report},
    rule::Rule,
};
use crate::protocol::ping::{Problem, SLOW, Watch};

/// The outcome of one ping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pong {
    /// The time since 1970.
    pub at: Duration,
    pub took: Duration,
    pub outcome: Outcome,
}

/// The limit for a single ping on a busy machine.
const WAITING: Duration = Duration::from_secs(2);

/// This many pings show whether the time always changes.
const ENOUGH: usize = 5;

/// The rules about `/ping`.
pub const RULES: [Rule; 11] = [
    Rule::PingNoAnswer,
    Rule::PingStatus,
    Rule::PingNotJson,
    Rule::PingNoStatus,
    Rule::PingWrongCase,
    Rule::PingUnknownStatus,
    Rule::PingTimeNoNumber,
    Rule::PingTimeMilliseconds,
    Rule::PingRestamped,
    Rule::PingNoTimeWhileBusy,
    Rule::PingSlow,
];

/// Returns whether more pings would add nothing: once two times were equal, the time does not
/// always change.
pub fn is_enough(pongs: &[Pong]) -> bool {
    let times: Vec<Option<serde_json::Value>> = pongs
        .iter()
        .filter_map(|pong| pong.outcome.as_ref().ok())
        .map(|answer| answer.json()?.get("time_of_last_update").cloned())
        .collect();
    let is_settled =
        times.windows(2).any(|two| two[0] == two[1]) || times.first().is_some_and(Option::is_none);
    pongs.len() >= ENOUGH || (is_settled && !pongs.is_empty())
}

pub fn judge(pongs: &[Pong], report: &mut Report) {
    let mut watch = Watch::default();
    let is_slow = is_slow(pongs);
    for pong in pongs {
        match &pong.outcome {
            Ok(answer) => {
                let took = if is_slow { pong.took } else { Duration::ZERO };
                let seen = watch.see(pong.at, took, answer.status, &answer.body);
                for problem in seen.problems {
                    report.find(finding(&problem));
                }
            }
            Err(why @ (NoAnswer::Closed | NoAnswer::Late(_))) => report.find(Finding::error(
                Rule::PingNoAnswer,
                format!("asked for `/ping`, the agent {}", why.words()),
            )),
            // The agent is restarting; the test that ended it reports why.
            Err(NoAnswer::NotConnected) => {}
        }
    }
    for rule in RULES {
        report.keep(rule);
    }
}

/// Returns whether `/ping` is slow. A single slow answer can come from a busy machine; a blocked
/// agent takes longer or is slow more than once.
fn is_slow(pongs: &[Pong]) -> bool {
    let took = |least: Duration| pongs.iter().filter(|pong| pong.took >= least).count();
    took(WAITING) > 0 || took(SLOW) > 1
}

fn finding(problem: &Problem) -> Finding {
    let rule = Rule::find(problem.code()).expect("every problem of a ping is a rule");
    match problem {
        Problem::Status(_)
        | Problem::NotJson
        | Problem::NoStatus
        | Problem::WrongCase { .. }
        | Problem::UnknownStatus(_) => Finding::error(rule, problem.what()),
        Problem::TimeIsNoNumber
        | Problem::TimeInMilliseconds
        | Problem::Restamped
        | Problem::NoTimeWhileBusy
        | Problem::Slow(_) => Finding::warning(rule, problem.what()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check::Answer, config::Protocol};

    fn pong(second: u64, took: u64, body: &str) -> Pong {
        Pong {
            at: Duration::from_secs(1_795_910_400 + second),
            took: Duration::from_millis(took),
            outcome: Ok(Answer {
                status: 200,
                body: body.into(),
                is_whole: true,
                ..Answer::default()
            }),
        }
    }

    fn codes(pongs: &[Pong]) -> Vec<&'static str> {
        let mut report = Report::begin(Protocol::Http, |_| true);
        judge(pongs, &mut report);
        report.findings().map(|found| found.rule.code()).collect()
    }

    #[test]
    fn every_problem_of_a_ping_is_a_rule() {
        for problem in [
            Problem::Status(404),
            Problem::NotJson,
            Problem::NoStatus,
            Problem::WrongCase {
                given: "healthy".to_owned(),
                meant: "Healthy",
            },
            Problem::UnknownStatus("ok".to_owned()),
            Problem::TimeIsNoNumber,
            Problem::TimeInMilliseconds,
            Problem::Restamped,
            Problem::NoTimeWhileBusy,
            Problem::Slow(Duration::from_secs(2)),
        ] {
            assert_eq!(finding(&problem).rule.code(), problem.code());
        }
    }

    #[test]
    fn pings_are_judged_together() {
        let well = r#"{"status":"Healthy"}"#;
        assert_eq!(codes(&[pong(0, 1, well)]), Vec::<&str>::new());
        assert_eq!(
            codes(&[pong(0, 1, well), pong(1, 3000, r#"{"status":"ok"}"#)]),
            ["ping-unknown-status", "ping-slow"]
        );
        let mut late = pong(0, 5000, well);
        late.outcome = Err(NoAnswer::Late(Duration::from_secs(5)));
        assert_eq!(codes(&[late]), ["ping-no-answer"]);
    }

    #[test]
    fn one_ping_that_is_a_little_slow_may_be_the_machines() {
        let well = r#"{"status":"Healthy"}"#;
        assert_eq!(codes(&[pong(0, 1900, well)]), Vec::<&str>::new());
        assert_eq!(codes(&[pong(0, 2000, well)]), ["ping-slow"]);
        assert_eq!(
            codes(&[pong(0, 1000, well), pong(2, 1, well), pong(3, 1000, well)]),
            ["ping-slow"]
        );
    }

    #[test]
    fn pings_go_on_while_the_time_is_always_new() {
        let at = |time: u64| {
            let body = format!(r#"{{"status":"Healthy","time_of_last_update":{time}}}"#);
            pong(time, 1, &body)
        };
        assert!(!is_enough(&[]));
        assert!(is_enough(&[pong(0, 1, r#"{"status":"Healthy"}"#)]));
        assert!(!is_enough(&[at(1), at(2), at(3)]));
        assert!(is_enough(&[at(1), at(1)]));
        assert!(is_enough(&[at(1), at(2), at(3), at(4), at(5)]));
    }
}
