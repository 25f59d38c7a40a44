//! Prints the events of the local AgentCore as lines of its log.

use super::visible;
use crate::effects::local::data_plane::{Event, Why};

/// Writes an event to stderr, which is the log of the background process.
#[expect(clippy::print_stderr, reason = "this process has no terminal")]
pub(crate) fn log(event: &Event) {
    eprintln!("{}", visible(&line(event)));
}

fn line(event: &Event) -> String {
    match event {
        Event::DirectoryTaken => {
            "another local AgentCore is already running in this directory".to_owned()
        }
        Event::SessionStarted {
            session,
            version,
            took,
        } => format!(
            "started session `{session}` with version {version} in {} ms",
            took.as_millis()
        ),
        Event::SessionNotStarted { session, why } => {
            format!("cannot start session `{session}`: {}", first_line(why))
        }
        Event::SessionEnded { session, why } => {
            format!("ended session `{session}`: {}", reason(*why))
        }
        Event::AnswerCut { session, why } => {
            format!(
                "cut off an answer of session `{session}`: {}",
                first_line(why)
            )
        }
        Event::LinesLost {
            session,
            count,
            why,
        } => format!(
            "lost {count} log lines of session `{session}`: {}",
            first_line(why)
        ),
        Event::SettingsNotKept(why) => {
            format!("cannot save the settings of a runtime: {}", first_line(why))
        }
    }
}

fn reason(why: Why) -> String {
    match why {
        Why::Stopped => "it was stopped".to_owned(),
        Why::Idle => "its idle timeout passed".to_owned(),
        Why::TooOld => "it reached its maximum lifetime".to_owned(),
        Why::Evicted => "another session needed its place".to_owned(),
        Why::AgentEnded(code) => format!("the agent exited with code {code}"),
    }
}

/// Returns the part of an error to log; the agent's own lines are in its log group.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let session = "s".to_owned();
        let why = "No space left\nsecond line".to_owned();
        for (event, expected) in [
            (
                Event::SessionStarted {
                    session: session.clone(),
                    version: "2".to_owned(),
                    took: Duration::from_millis(120),
                },
                "started session `s` with version 2 in 120 ms",
            ),
            (
                Event::SessionNotStarted {
                    session: session.clone(),
                    why: why.clone(),
                },
                "cannot start session `s`: No space left",
            ),
            (
                Event::SessionEnded {
                    session: session.clone(),
                    why: Why::AgentEnded(137),
                },
                "ended session `s`: the agent exited with code 137",
            ),
            (
                Event::LinesLost {
                    session,
                    count: 3,
                    why,
                },
                "lost 3 log lines of session `s`: No space left",
            ),
        ] {
            assert_eq!(line(&event), expected);
        }
    }
}
