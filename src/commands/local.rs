//! `cargo agentcore local`, and the emulator behind `--local`.

use std::path::PathBuf;

use serde_json::json;

use crate::{
    cli,
    config::{Config, Stage},
    effects::{
        local::{self, Emulator, Progress, Stopped},
        manifest::Project,
    },
    error::Failure,
    ui::Ui,
};

/// Start, stop or show the AWS emulator of this project
///
/// `--local` on the other commands starts it by itself. It listens on 127.0.0.1 only, takes any
/// credentials, and answers pages that a browser on this machine has open: keep nothing secret in it.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(value_enum)]
    action: Action,
    /// The form of what goes to stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: cli::Output,
    #[command(flatten)]
    project: cli::Project,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Action {
    /// Start it, if it does not run
    Start,
    /// End it; its state is kept and is there again at the next start
    Stop,
    /// Show whether it runs, and where
    Status,
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let (project, config) = super::load(&args.project, &Stage::Local, ui)?;
    let dir = dir(&project, &config)?;
    let emulator = match args.action {
        Action::Start => Some(start(dir, ui).await?),
        Action::Status => local::observe(&dir)?,
        Action::Stop => {
            match local::stop(&dir).await? {
                Stopped::WasRunning(emulator) => {
                    ui.status("Stopped", &format!("the emulator at {}", emulator.url));
                }
                Stopped::NotRunning => {
                    ui.status("Stopped", "already: no emulator runs for this project");
                }
            }
            None
        }
    };
    match (args.output, emulator) {
        (cli::Output::Json, emulator) => {
            let running = emulator.is_some();
            let document = json!({ "version": 1, "command": "local", "running": running, "emulator": emulator });
            ui.document(document);
        }
        (cli::Output::Text, Some(emulator)) => ui.result(&emulator.url),
        (cli::Output::Text, None) if args.action == Action::Status => {
            ui.result("not running");
        }
        (cli::Output::Text, None) => {}
    }
    Ok(())
}

/// The emulator that `--local` asks for; `None` without it.
pub(super) async fn emulator(
    options: &cli::Aws,
    project: &Project,
    config: &Config,
    ui: &Ui,
) -> Result<Option<Emulator>, Failure> {
    if !options.local {
        return Ok(None);
    }
    Ok(Some(start(dir(project, config)?, ui).await?))
}

async fn start(dir: PathBuf, ui: &Ui) -> Result<Emulator, Failure> {
    let emulator = local::ensure(&dir, &|progress| match progress {
        Progress::Waiting => ui.status(
            "Blocking",
            "waiting for another run that starts the emulator",
        ),
        Progress::Installing { with } => ui.status(
            "Installing",
            &format!(
                "the AWS emulator ministack {} with {with}, once for all projects",
                local::VERSION
            ),
        ),
        Progress::Replacing { version } => ui.status(
            "Stopping",
            &format!("the AWS emulator: it is ministack {version}, its state is kept"),
        ),
        Progress::Starting => ui.detail("Starting", "the AWS emulator"),
    })
    .await?;
    if emulator.started {
        ui.status(
            "Started",
            &format!(
                "the AWS emulator at {}; it keeps running until `cargo agentcore local stop`",
                emulator.url
            ),
        );
    } else {
        ui.detail("Using", &format!("the AWS emulator at {}", emulator.url));
    }
    Ok(emulator)
}

/// Where the emulator of the project keeps its files.
pub(super) fn dir(project: &Project, config: &Config) -> Result<PathBuf, Failure> {
    let mut projects: Vec<_> = config.agents.iter().map(|agent| &agent.project).collect();
    projects.dedup();
    match projects[..] {
        [one] => Ok(project
            .target_dir
            .join("agentcore")
            .join(one.as_str())
            .join("local")),
        _ => Err(Failure::config(
            "the agents belong to several projects, and each has its own emulator",
        )
        .help("name the agents of one project with `--agent`")),
    }
}
