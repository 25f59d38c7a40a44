//! `cargo agentcore dev`: runs agents on this machine and restarts them at every edit.

mod background;

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use crate::{
    config::LocalModels,
    effects::{
        clock,
        dev::{self, Access, Manner, Served},
    },
    error::Failure,
    options,
    project::{
        self,
        building::CargoOptions,
        consent, developed,
        developing::{self, Build, Crew, DEBUG_PORT, Developed, Shown},
        emulator,
        environment::{self, Given},
    },
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
    #[arg(long, value_name = "PORT", default_value_t = DEBUG_PORT, requires = "debug")]
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
    let agents = developing::ports(&config.agents, args.port)?;
    if args.debug {
        developing::can_debug(&config.agents)?;
    }
    if args.detach && !args.detached {
        return background::run(&project, &config, ui).await;
    }
    // Before anything is started, so that nothing must be stopped after a failure.
    let held = developing::hold(&project, &config.agents).await?;
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
    let ended = developing::attend(
        &mut crew,
        &held,
        &mut heard,
        (args.no_reload || args.debug, &shown),
        ui,
    )
    .await;
    Box::pin(developing::end(crew, held, &mut heard, &shown, ui)).await;
    ended
}

fn manner(args: &Args) -> Manner {
    Manner {
        preloads: !args.no_preload,
        one_each: args.sessions == Sessions::Many,
    }
}
