//! What happened at an agent, in the user's words.

use super::Shown;
use crate::{
    effects::dev::Event,
    error::{Failure, Message},
    plan::log_tail::line_shown,
    ui::{Reader, Ui},
};

pub(super) fn tell(event: Event, shown: &Shown<'_>, ui: &Ui) {
    let Shown { names, lines } = shown;
    match event {
        Event::Line { .. } if !lines => {}
        Event::Line { agent, text } => {
            let number = names.iter().position(|name| *name == agent);
            let shown = number
                .filter(|_| names.len() > 1)
                .map(|number| (agent.as_str(), number));
            match ui.agent_line(shown, &line_shown(&text)) {
                // The agents go on for those who call them.
                Reader::There | Reader::Gone => {}
            }
        }
        Event::Ended {
            agent,
            code,
            lines: _,
        } => ui.failure(
            &Failure::world(format!("agent `{agent}` ended with code {code}"))
                .help("it starts again at the next edit"),
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
                .note(format!("AgentCore's contract, rule `{code}`; told once"))
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
