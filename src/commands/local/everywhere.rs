//! `local status --all` and `local stop --all`: all of the user's local AgentCores and `dev` processes
//! on this machine.

use serde_json::{Value, json};

use crate::{
    commands::dev,
    effects::{
        cache::running::{self, Kind, Note},
        dev::{self as developed, Record, Sight},
        local::{self, Emulator, Stopped},
    },
    error::Failure,
    options::Output,
    ui::Ui,
};

/// A running process.
enum Running {
    Local(Emulator),
    Dev(Record),
    /// A `dev` that has not written its record yet.
    Starting,
}

impl Running {
    fn look(note: &Note) -> Result<Option<Self>, Failure> {
        let folder = note.folder();
        match note.kind {
            Kind::LocalAgentcore => Ok(local::observe(&folder)?.map(Self::Local)),
            Kind::Dev => Ok(match developed::look(&folder)? {
                Sight::Gone => None,
                Sight::Starting => Some(Self::Starting),
                Sight::Running(record) => Some(Self::Dev(record)),
            }),
        }
    }

    fn url(&self) -> Option<&str> {
        match self {
            Self::Local(emulator) => Some(&emulator.url),
            Self::Dev(record) => Some(&record.url),
            Self::Starting => None,
        }
    }

    fn pid(&self) -> Option<u32> {
        match self {
            Self::Local(emulator) => Some(emulator.pid),
            Self::Dev(record) => Some(record.pid),
            Self::Starting => None,
        }
    }
}

/// Describes it, for example `the local AgentCore of /home/ann/x`.
fn words(note: &Note) -> String {
    let of = format!("`{}`", note.workspace.display());
    match (note.kind, &note.agent) {
        (Kind::LocalAgentcore, _) => format!("local AgentCore of {of}"),
        (Kind::Dev, Some(agent)) => format!("`dev` of agent `{agent}` of {of}"),
        (Kind::Dev, None) => format!("`dev` of {of}"),
    }
}

pub(crate) fn show(output: Output, ui: &Ui) -> Result<(), Failure> {
    let all = running::all(Running::look)?;
    let mut failed = Vec::new();
    let mut values = Vec::new();
    for (note, state) in all {
        match state {
            Ok(running) => {
                values.push(value(&note, &running));
                if output == Output::Text {
                    ui.result(&line(&note, &running));
                }
            }
            Err(failure) => failed.push(failure.note(format!("of the {}", words(&note)))),
        }
    }
    match output {
        Output::Json => {
            ui.document(json!({ "all": values }));
        }
        Output::Text if values.is_empty() && failed.is_empty() => {
            ui.answer_plain("nothing is running");
        }
        Output::Text => {}
    }
    Failure::all(failed).map_or(Ok(()), Err)
}

fn line(note: &Note, running: &Running) -> String {
    let url = running.url().unwrap_or("(starting)");
    let pid = running.pid();
    let pid = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
    format!("{url}  {}{pid}", words(note))
}

fn value(note: &Note, running: &Running) -> Value {
    json!({
        "kind": match note.kind {
            Kind::LocalAgentcore => "local-agentcore",
            Kind::Dev => "dev",
        },
        "url": running.url(),
        "pid": running.pid(),
        "workspace": note.workspace,
        "agent": note.agent,
    })
}

/// Stops everything. A failure does not affect the others.
pub(crate) async fn stop(output: Output, ui: &Ui) -> Result<(), Failure> {
    let all = running::all(Running::look)?;
    let mut failed = Vec::new();
    let mut values = Vec::new();
    for (note, state) in all {
        let stopped = match state {
            Ok(running) => end(&note, &running).await.map(|()| running),
            Err(failure) => Err(failure),
        };
        match stopped {
            Ok(running) => {
                let url = running
                    .url()
                    .map_or_else(String::new, |url| format!(" at {url}"));
                ui.status("Stopped", &format!("{}{url}", words(&note)));
                values.push(value(&note, &running));
            }
            Err(failure) => failed.push(failure.note(format!("of the {}", words(&note)))),
        }
    }
    if values.is_empty() && failed.is_empty() {
        ui.note("no local AgentCore and no `dev` is running");
    }
    if output == Output::Json {
        ui.document(json!({ "stopped": values }));
    }
    // Removes the notes of what has ended.
    drop(running::all(Running::look)?);
    Failure::all(failed).map_or(Ok(()), Err)
}

async fn end(note: &Note, running: &Running) -> Result<(), Failure> {
    let folder = note.folder();
    match running {
        Running::Local(_) => match local::stop(&folder).await? {
            Stopped::WasRunning(_) | Stopped::NotRunning => Ok(()),
        },
        Running::Dev(record) => {
            developed::ask_to_stop(&folder, record)?;
            let agent = note.agent.as_deref().unwrap_or_default();
            dev::gone_in_time(&folder, record, agent).await
        }
        Running::Starting => {
            Err(Failure::world("it is still being started")
                .help("wait a moment, and run this again"))
        }
    }
}
