//! `cargo agentcore dev`: runs agents on this machine and restarts them at every edit.

mod agent;
mod background;
mod crew;
mod debugger;
mod events;
mod rust;

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    pin::pin,
};

use self::{agent::Developed, crew::Crew, events::tell, rust::Build};
use crate::{
    config::{Agent, LocalModels, Protocol},
    effects::{
        cache::running::{self, Kind},
        clock,
        dev::{self, Access, Heard, Hold, Manner, Reason, Record, Served},
        files::Lock,
        folder::Folder,
    },
    error::Failure,
    options,
    project::{
        self,
        building::CargoOptions,
        consent, developed, emulator,
        environment::{self, Given},
    },
    protocol::contract::Contract,
    ui::Ui,
};

pub(super) use self::background::gone_in_time;

/// Run the agents on this machine and restart them on every edit
///
/// Runs the sources as `deploy` would ship them, with the same dependencies, and serves them at the path
/// and port that AgentCore calls. The agents' AWS calls go to the project's emulator. Use `invoke --dev` and
/// `logs --dev` while it runs; Ctrl-C stops everything with exit code 0.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Agent's port; 0 picks a free one [default: 8080; 8000 for MCP, 9000 for A2A]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Don't restart the agents on edits
    #[arg(long)]
    no_reload: bool,
    /// Import the dependencies again at every start of an agent
    #[arg(long)]
    no_preload: bool,
    /// Start the agent under debugpy and wait for a debugger; implies `--no-reload`
    #[arg(long, conflicts_with_all = ["detach", "sessions"])]
    debug: bool,
    /// Debugger's port; 0 picks a free one
    #[arg(long, value_name = "PORT", default_value_t = debugger::PORT, requires = "debug")]
    debug_port: u16,
    /// Set a variable for the agents; without a value, take it from the environment (repeatable)
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// File of variables for the agents, one `NAME=VALUE` per line [default: .env.local beside Cargo.toml]
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Where model calls go in this run, instead of `local.models`: `emulator`, `aws`, or a URL
    #[arg(long, value_name = "MODELS")]
    models: Option<LocalModels>,
    /// Processes of an agent: one for all sessions, or one per session as in AgentCore
    #[arg(long, value_enum, default_value_t, value_name = "HOW MANY")]
    sessions: Sessions,
    /// Run in the background and print the agents' addresses once they are ready
    #[arg(long)]
    detach: bool,
    /// This is the process in the background.
    #[arg(long, hide = true)]
    detached: bool,
    /// Stop the running `dev`
    #[arg(long, conflicts_with_all = ["port", "host", "no_reload", "no_preload", "debug", "env", "env_file", "models", "sessions", "detach"])]
    stop: bool,
    #[command(flatten)]
    cargo: CargoOptions,
    #[command(flatten)]
    project: options::Project,
}

/// How many processes an agent has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Sessions {
    #[default]
    One,
    Many,
}

/// The option of the process in the background.
const DETACHED: &str = "--detached";

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    if args.stop {
        return background::stop(&developed::find(&args.project, ui)?, ui).await;
    }
    let stage = project::stage(&args.project, false);
    if args.detached {
        dev::leave_terminal();
    }
    let given = Given::read(&args.env, args.env_file.as_deref())?;
    let (project, mut config) = project::load(&args.project, &stage, ui)?;
    consent::sources(&project, &mut config.agents, None, ui)?;
    environment::note_resources(&config.agents, &given, ui);
    let agents = ports(&config.agents, args.port)?;
    if args.debug {
        can_debug(&config.agents)?;
    }
    if args.detach && !args.detached {
        return background::run(&project, &config, ui).await;
    }
    // Before anything is started, so that nothing must be stopped after a failure.
    let mut held = Vec::new();
    for agent in &config.agents {
        let folder = developed::agent_folder(&project, agent)?;
        let lock = hold(&folder, agent).await?;
        let name = Some(agent.name.as_str());
        running::note(Kind::Dev, &folder, &project.root, name);
        held.push((folder, lock));
    }
    let mut served = Vec::new();
    for ((agent, port), (folder, _)) in agents.into_iter().zip(&held) {
        let listener = dev::listen(args.host, port, agent.name.as_str()).await?;
        served.push((agent.clone(), folder.clone(), listener));
    }
    let names: Vec<String> = config.agents.iter().map(|a| a.name.to_string()).collect();
    let debug_port = if args.debug {
        Some(dev::debugger_port(args.debug_port).await?)
    } else {
        None
    };
    let emulator = emulator::run_for(&project, &config, args.models.as_ref(), ui).await?;
    let (events, mut heard) = dev::events();
    let mut crew = Crew {
        given,
        stage,
        manifest_path: args.project.manifest_path.clone(),
        project,
        declared: config.declared.clone(),
        emulator,
        is_detached: args.detached,
        nonce: clock::unique_id(),
        agents: Vec::new(),
    };
    for (agent, folder, listener) in served {
        dev::clear(&folder)?;
        let access = Access {
            agent: agent.name.to_string(),
            host: args.host,
            port: dev::port_of(&listener)?,
            protocol: agent.protocol,
            allowlist: agent.header_allowlist.clone(),
            has_authorizer: agent.authorizer.is_some(),
        };
        let served = Served::begin(
            listener,
            access.clone(),
            folder.clone(),
            manner(&args),
            events.clone(),
        )?;
        let build = Build::new(args.cargo.clone());
        crew.agents.push(Developed::new(
            agent, access, folder, served, debug_port, build,
        ));
    }
    let shown = Shown {
        names: &names,
        lines: !args.detached,
    };
    let ended = attend(
        &mut crew,
        &held,
        &mut heard,
        (args.no_reload || args.debug, &shown),
        ui,
    )
    .await;
    Box::pin(end(crew, held, &mut heard, &shown, ui)).await;
    ended
}

/// Refuses agents that debugpy cannot debug.
fn can_debug(agents: &[Agent]) -> Result<(), Failure> {
    if agents.len() > 1 {
        return Err(
            Failure::usage("`--debug` is for one agent, and the project has several")
                .help("choose one with `--agent NAME`"),
        );
    }
    match agents.iter().find(|agent| agent.rust().is_some()) {
        Some(agent) => Err(Failure::usage(format!(
            "`--debug` is for Python agents, and `{}` is written in Rust",
            agent.name
        ))
        .help(
            "run `cargo agentcore dev` without it, and attach a debugger to the agent's process",
        )),
        None => Ok(()),
    }
}

fn manner(args: &Args) -> Manner {
    Manner {
        preloads: !args.no_preload,
        one_each: args.sessions == Sessions::Many,
    }
}

/// Runs the agents and prints events until the run is stopped.
async fn attend(
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
struct Shown<'a> {
    names: &'a [String],
    /// False for a process in the background: the log files contain the lines.
    lines: bool,
}

/// Stops the agents, and prints their remaining output.
async fn end(crew: Crew, held: Vec<(Folder, Lock)>, heard: &mut Heard, shown: &Shown<'_>, ui: &Ui) {
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
fn ports(agents: &[Agent], wanted: Option<u16>) -> Result<Vec<(&Agent, u16)>, Failure> {
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

async fn hold(folder: &Folder, agent: &Agent) -> Result<Lock, Failure> {
    match dev::hold(folder).await? {
        Hold::Held(lock) => Ok(lock),
        Hold::Taken(record) => Err(taken(agent.name.as_str(), record.as_ref())),
    }
}

/// Another `dev` runs the agent.
fn taken(agent: &str, record: Option<&Record>) -> Failure {
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
