//! `cargo agentcore local`, and the emulator behind `--local`.

mod everywhere;

use serde_json::json;

use crate::{
    config::Stage,
    effects::local::{self, Stopped},
    error::Failure,
    options,
    project::{self, emulator, recovery},
    ui::Ui,
};

/// Start, stop or show this project's local AgentCore
///
/// The `--local` option of other commands starts it. It listens on 127.0.0.1 only and refuses requests from
/// web pages, but accepts any credentials from programs on this machine. Keep nothing secret in it.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(value_enum)]
    action: Action,
    /// Apply to all local AgentCores and `dev` processes on this machine (with `status` and `stop`)
    #[arg(long, conflicts_with_all = ["agent", "package", "workspace"])]
    all: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: options::Output,
    #[command(flatten)]
    project: options::Project,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Action {
    /// Start it if it is not running
    Start,
    /// Stop it; its state is kept for the next start
    Stop,
    /// Show whether and where it runs
    Status,
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    match (args.all, args.action) {
        (false, _) => {}
        (true, Action::Status) => return everywhere::show(args.output, ui),
        (true, Action::Stop) => return everywhere::stop(args.output, ui).await,
        (true, Action::Start) => {
            return Err(
                Failure::usage("`--all` can only be used with `status` and `stop`")
                    .help("start the local AgentCore of each project in its directory"),
            );
        }
    }
    let (dir, loaded) = match project::load(&args.project, &Stage::Local, ui) {
        Ok((project, config)) => (emulator::dir(&project, &config)?, Some((project, config))),
        // Stopping and showing it only needs its folder.
        Err(failure) if args.action != Action::Start => {
            let Some(recovered) = recovery::find(&args.project, &failure)? else {
                return Err(failure);
            };
            let what = format!("the emulator of project `{}`", recovered.id);
            recovery::warn(&what, &failure, ui);
            (recovered.folder.join(local::FOLDER), None)
        }
        Err(failure) => return Err(failure),
    };
    let emulator = match args.action {
        Action::Start => match loaded {
            Some((project, config)) => Some(emulator::run_for(&project, &config, None, ui).await?),
            None => None,
        },
        Action::Status => {
            let running = local::observe(&dir)?;
            if let (None, Some((project, _))) = (&running, &loaded) {
                emulator::warn_of_state_elsewhere(&dir, project, ui)?;
            }
            running
        }
        Action::Stop => {
            match local::stop(&dir).await? {
                Stopped::WasRunning(emulator) => {
                    ui.status("Stopped", &format!("the emulator at {}", emulator.url));
                }
                Stopped::NotRunning => {
                    if let Some((project, _)) = &loaded {
                        emulator::warn_of_state_elsewhere(&dir, project, ui)?;
                    }
                    ui.note("no emulator is running for this project");
                }
            }
            None
        }
    };
    match (args.output, emulator) {
        (options::Output::Json, emulator) => {
            let running = emulator.is_some();
            let document = json!({ "running": running, "emulator": emulator });
            ui.document(document);
        }
        (options::Output::Text, Some(emulator)) => {
            if args.action == Action::Status {
                ui.status("Models", &emulator::answered_by(&emulator.models));
            }
            ui.result(&emulator.url);
        }
        (options::Output::Text, None) if args.action == Action::Status => {
            // stdout is for the address.
            ui.answer_plain("not running");
        }
        (options::Output::Text, None) => {}
    }
    Ok(())
}
