//! Agents that `dev` runs on this machine: started from their sources, and restarted at every edit.

mod agent;
mod crew;
mod debugger;
mod events;
mod ground;
mod python;
mod rust;
mod rust_build;

use std::{collections::BTreeSet, path::Path, pin::pin};

use self::events::tell;
pub(crate) use self::{
    agent::Developed,
    crew::Crew,
    debugger::{PORT as DEBUG_PORT, can_debug},
    rust_build::Build,
};
use super::developed;
use crate::{
    config::{Agent, Protocol},
    effects::{
        cache::running::{self, Kind},
        clock,
        dev::{self, Heard, Hold, Reason, Record},
        files::Lock,
        folder::Folder,
        manifest::Project,
    },
    error::Failure,
    protocol::contract::Contract,
    ui::Ui,
};

/// Runs the agents and prints events until the run is stopped.
pub(crate) async fn attend(
    crew: &mut Crew,
    held: &[(Folder, Lock)],
    heard: &mut Heard,
    (no_reload, shown): (bool, &Shown<'_>),
    ui: &Ui,
) -> Result<(), Failure> {
    let nonce = crew.nonce.clone();
    let mut interrupt = pin!(clock::asked_to_end());
    let mut stopped = pin!(dev::stopped(held, &nonce));
    let mut working = Box::pin(crew.work(no_reload, ui));
    loop {
        tokio::select! {
            event = heard.next() => tell(event, shown, ui),
            () = &mut interrupt => return Ok(()),
            reason = &mut stopped => return stopped_by(reason),
            result = &mut working => return result,
        }
    }
}

fn stopped_by(reason: Reason) -> Result<(), Failure> {
    match reason {
        Reason::Asked => Ok(()),
        Reason::Homeless => Err(Failure::world(
            "the folder of `dev` below `target/agentcore` was removed",
        )
        .help("start `cargo agentcore dev` again")),
    }
}

/// Which lines of the agents are printed, and how.
pub(crate) struct Shown<'a> {
    pub(crate) names: &'a [String],
    /// False for a process in the background: the log files contain the lines.
    pub(crate) lines: bool,
}

/// Stops the agents, and prints their remaining output.
pub(crate) async fn end(
    crew: Crew,
    held: Vec<(Folder, Lock)>,
    heard: &mut Heard,
    shown: &Shown<'_>,
    ui: &Ui,
) {
    let names: Vec<String> = shown.names.iter().map(|name| format!("`{name}`")).collect();
    ui.status("Stopping", &names.join(", "));
    let mut ending = pin!(crew.end());
    loop {
        tokio::select! {
            event = heard.next() => tell(event, shown, ui),
            () = &mut ending => break,
        }
    }
    for event in heard.rest() {
        tell(event, shown, ui);
    }
    drop(held);
}

/// Returns the port of each agent: agents with the same protocol get consecutive ports.
pub(crate) fn ports(agents: &[Agent], wanted: Option<u16>) -> Result<Vec<(&Agent, u16)>, Failure> {
    if let (Some(port), [_, _, ..]) = (wanted, agents)
        && port != 0
    {
        return Err(
            Failure::usage("`--port` is for one agent, and the project has several")
                .help("choose one with `--agent NAME`"),
        );
    }
    let mut taken: BTreeSet<u16> = BTreeSet::new();
    let ports = agents.iter().map(|agent| {
        let default = Contract::of_agent(agent).port;
        let port = wanted.unwrap_or_else(|| {
            (default..=u16::MAX)
                .find(|port| !taken.contains(port))
                .unwrap_or(default)
        });
        taken.insert(port);
        (agent, port)
    });
    Ok(ports.collect())
}

/// Takes the folder of each agent, so that no other `dev` runs it.
pub(crate) async fn hold(
    project: &Project,
    agents: &[Agent],
) -> Result<Vec<(Folder, Lock)>, Failure> {
    let mut held = Vec::new();
    for agent in agents {
        let folder = developed::agent_folder(project, agent)?;
        let lock = match dev::hold(&folder).await? {
            Hold::Held(lock) => lock,
            Hold::Taken(record) => return Err(taken(agent.name.as_str(), record.as_ref())),
        };
        let name = Some(agent.name.as_str());
        running::note(Kind::Dev, &folder, &project.root, name);
        held.push((folder, lock));
    }
    Ok(held)
}

/// Another `dev` runs the agent.
pub(crate) fn taken(agent: &str, record: Option<&Record>) -> Failure {
    let what = format!("agent `{agent}` is already running");
    let failure = Failure::world(match record {
        Some(record) => format!("{what} at {} (process {})", record.url, record.pid),
        None => format!("{what} in another `cargo agentcore dev`"),
    });
    failure.help("`cargo agentcore dev --stop` stops it; `--agent NAME` runs another agent")
}

/// Returns an example of a call that can be pasted.
fn example(url: &str, protocol: Protocol) -> String {
    match protocol {
        Protocol::Http | Protocol::Agui => format!(
            "curl -N {url}/invocations -H 'Content-Type: application/json' -d '{{\"prompt\": \"hello\"}}'"
        ),
        Protocol::Mcp => format!("connect an MCP client to {url}/mcp"),
        Protocol::A2a => format!("curl {url}/.well-known/agent-card.json"),
    }
}

/// Returns a path for messages, relative to the project if possible.
fn within(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}
