//! `logs --dev`: the output of the agents that `dev` runs, from their log files.

use std::time::Duration;

use super::{Args, Form};
use crate::{
    effects::{clock, dev::Tail},
    error::Failure,
    names::SessionId,
    plan::{log_tail::LogEvent, table::time_in_millis},
    project::developed,
    ui::{Reader, Ui},
};

const LOOK: Duration = Duration::from_millis(100);

/// The agents' log files, and which of their lines are printed.
struct Tails<'a> {
    files: Vec<Tail>,
    names: Vec<String>,
    since: i64,
    until: Option<i64>,
    session: Option<SessionId>,
    form: Form,
    shown: usize,
    ui: &'a Ui,
}

pub(super) async fn show(args: &Args, ui: &Ui) -> Result<(), Failure> {
    let now = clock::wall();
    let mut tails = Tails {
        files: Vec::new(),
        names: Vec::new(),
        since: args.since.millis(now),
        until: args.until.map(|until| until.millis(now)),
        session: args.session.clone(),
        form: Form::of(args),
        shown: 0,
        ui,
    };
    let mut exists = false;
    for found in developed::find(&args.project, ui)? {
        if args.follow {
            found.running()?;
        }
        let tail = found.tail();
        exists |= tail.exists()?;
        tails.files.push(tail);
        tails.names.push(found.name);
    }
    if !exists {
        let names = tails.names.join("`, `");
        return Err(
            Failure::world(format!("`{names}` has not run under `cargo agentcore dev`"))
                .help("`cargo agentcore dev` runs it"),
        );
    }
    if args.follow {
        return tokio::select! {
            result = tails.follow() => result,
            () = clock::interrupt() => Ok(()),
        };
    }
    if tails.show()? == Reader::There && tails.shown == 0 {
        ui.note(&format!(
            "nothing was printed since {}; `--since 1d` looks further back",
            time_in_millis(tails.since)
        ));
    }
    Ok(())
}

impl Tails<'_> {
    async fn follow(&mut self) -> Result<(), Failure> {
        while self.show()? == Reader::There {
            clock::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Prints new events since the last call, sorted by time.
    fn show(&mut self) -> Result<Reader, Failure> {
        let mut events: Vec<(usize, LogEvent)> = Vec::new();
        for (number, tail) in self.files.iter_mut().enumerate() {
            events.extend(tail.more()?.into_iter().map(|event| (number, event)));
        }
        events.sort_by_key(|(_, event)| event.timestamp);
        for (number, event) in events {
            if self.is_asked_for(&event)
                && let Some(line) = self.form.line(&event)
            {
                self.shown += 1;
                if self.offer(number, &line) == Reader::Gone {
                    return Ok(Reader::Gone);
                }
            }
        }
        Ok(Reader::There)
    }

    fn is_asked_for(&self, event: &LogEvent) -> bool {
        let session = self.session.as_ref();
        event.timestamp >= self.since
            && self.until.is_none_or(|until| event.timestamp <= until)
            && session.is_none_or(|session| event.is_about(session))
    }

    fn offer(&self, number: usize, line: &str) -> Reader {
        match (self.form, &self.names[..]) {
            (Form::Text { .. }, [_, _, ..]) => {
                let agent = Some((self.names[number].as_str(), number));
                self.ui.agent_line(agent, line)
            }
            _ => self.form.offer(line, self.ui),
        }
    }
}
