//! Prints events of agents.

use super::Shown;
use crate::{
    effects::dev::{Birth, Event, STARTS_AGAIN},
    error::{Failure, Message},
    plan::log_tail::line_shown,
    ui::{Reader, Ui},
};

/// Describes how a process was started.
pub(crate) fn how(birth: &Birth) -> String {
    match birth {
        Birth::Forked => " with preloaded dependencies".to_owned(),
        Birth::Cold(Some(why)) => format!(" (cold start: {why})"),
        Birth::Cold(None) => String::new(),
    }
}

pub(crate) fn tell(event: Event, shown: &Shown<'_>, ui: &Ui) {
    let Shown { names, lines } = shown;
    match event {
        Event::Line { .. } if !lines => {}
        Event::Line { agent, text } => {
            let number = names.iter().position(|name| *name == agent);
            let shown = number
                .filter(|_| names.len() > 1)
                .map(|number| (agent.as_str(), number));
            match ui.agent_line(shown, &line_shown(&text)) {
                // The agents keep running for their callers.
                Reader::There | Reader::Gone => {}
            }
        }
        Event::Ended {
            agent,
            code,
            lines: _,
            session,
        } => {
            let failure = Failure::world(format!("agent `{agent}` ended with code {code}"));
            ui.failure(&match session {
                Some(session) => failure
                    .note(format!("it was the process of session {session}"))
                    .help("the session's next request starts another"),
                None => failure.help(STARTS_AGAIN),
            });
        }
        Event::SessionStarted {
            agent,
            session,
            took,
            birth,
        } => ui.detail(
            "Started",
            &format!(
                "session {session} of `{agent}` after {:.2} s{}",
                took.as_secs_f64(),
                how(&birth)
            ),
        ),
        Event::Cut { agent, requests } => {
            let requests = match requests {
                1 => "1 request".to_owned(),
                several => format!("{several} requests"),
            };
            ui.warning(&Message::new(format!(
                "{requests} of agent `{agent}` did not finish within 5 s after an edit and were cut off"
            )));
        }
        Event::Contract {
            agent,
            code,
            what,
            fix,
        } => ui.warning(
            &Message::new(format!("agent `{agent}`: {what}"))
                .note(format!(
                    "AgentCore's contract, rule `{code}`; reported once"
                ))
                .help(fix),
        ),
        Event::LogLost { agent, why } => ui.warning(
            &Message::new(format!(
                "lines of agent `{agent}` are missing in its log file"
            ))
            .note(why),
        ),
        Event::HeaderLeftOut { agent, header } => ui.warning(
            &Message::new(format!(
                "the header `{header}` does not reach agent `{agent}`, as it would not in AWS"
            ))
            .help(format!(
                "add it to the agent's `header-allowlist = [\"{header}\"]`"
            )),
        ),
    }
}
