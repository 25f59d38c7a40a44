//! The local AgentCore behind `--local`: where its files are, and how commands start, use and leave it.

use std::{path::PathBuf, time::Duration};

use crate::{
    config::{Config, Local, LocalModels},
    effects::{
        aws,
        folder::Folder,
        local::{self, Emulator, Progress, models::Models},
        manifest::Project,
    },
    error::{Failure, Message},
    names::ProjectId,
    options,
    plan::init::different_projects,
    project::consent,
    ui::Ui,
};

/// The time limit for reaching a model server.
const REACHING: Duration = Duration::from_secs(2);

/// Returns the emulator for `--local`; `None` without the option.
pub(crate) async fn emulator(
    options: &options::Aws,
    project: &Project,
    config: &Config,
    ui: &Ui,
) -> Result<Option<Emulator>, Failure> {
    if !options.local {
        return Ok(None);
    }
    run_for(project, config, None, ui).await.map(Some)
}

/// Returns the emulator that replaces AWS for agents on this machine. `models` overrides the
/// table's setting.
pub(crate) async fn run_for(
    project: &Project,
    config: &Config,
    models: Option<&LocalModels>,
    ui: &Ui,
) -> Result<Emulator, Failure> {
    let models = models_for(project, config, models, ui)?;
    start(dir(project, config)?, project, Some(&models), ui).await
}

/// Returns where the model calls of the project's agents go. `instead` overrides the table.
pub(crate) fn models_for(
    project: &Project,
    config: &Config,
    instead: Option<&LocalModels>,
    ui: &Ui,
) -> Result<Models, Failure> {
    let mut local = settings(config)?;
    if let Some(instead) = instead {
        local.models = instead.clone();
    }
    let models = Models::of(&local);
    if let Models::Aws(caller) = &models
        && let Some(profile) = caller.request().profile_of_the_metadata()
    {
        consent::models_profile(project, &profile, ui)?;
    }
    Ok(models)
}

/// Returns the settings that the project's agents share.
fn settings(config: &Config) -> Result<Local, Failure> {
    let Some(first) = config.agents.first() else {
        return Ok(Local::default());
    };
    let other = config
        .agents
        .iter()
        .find(|other| other.project == first.project && other.local.models != first.local.models);
    match other {
        None => Ok(first.local.clone()),
        Some(other) => Err(Failure::config(format!(
            "`local.models` is `{}` for agent `{}` and `{}` for agent `{}`, and all agents of a project share \
             one local AgentCore",
            first.local.models, first.name, other.local.models, other.name
        ))
        .help("set it once, in `[workspace.metadata.agentcore.local]`")),
    }
}

/// How a command uses the emulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Starts it if necessary, and leaves it running.
    Writes,
    /// Like `Writes`, but calls no agent, so the models do not matter.
    Removes,
    /// Does not leave it running if it was not.
    Reads,
}

impl Reach {
    pub(crate) fn of(applying: &options::Applying) -> Self {
        if applying.changes_nothing() {
            Self::Reads
        } else {
            Self::Writes
        }
    }
}

/// Calls `act` with the emulator for `--local`, or without one. For a reading command, starts an
/// emulator only for this time.
pub(crate) async fn with<T>(
    reach: Reach,
    options: &options::Aws,
    (project, config): (&Project, &Config),
    ui: &Ui,
    act: impl AsyncFnOnce(Option<&Emulator>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if !options.local {
        return act(None).await;
    }
    match reach {
        Reach::Writes => {
            let emulator = run_for(project, config, None, ui).await?;
            return act(Some(&emulator)).await;
        }
        Reach::Removes => {
            let emulator = start(dir(project, config)?, project, None, ui).await?;
            return act(Some(&emulator)).await;
        }
        Reach::Reads => {}
    }
    let looking = "at the state of the AWS emulator, which runs for this command only";
    visit_for(
        (project, config),
        None,
        ("Looking", looking),
        ui,
        async |emulator| act(Some(emulator)).await,
    )
    .await
}

/// Calls `act` with the project's emulator. If it is not running, starts it only for this time, and
/// reports that.
pub(crate) async fn visit_for<T>(
    (project, config): (&Project, &Config),
    models: Option<&Models>,
    (verb, text): (&str, &str),
    ui: &Ui,
    act: impl AsyncFnOnce(&Emulator) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let dir = dir(project, config)?;
    let say = |progress| tell(&progress, ui);
    // Read-only commands call no models.
    let wanted = models.unwrap_or(&Models::Emulator);
    let starting = ui.working("Starting", "the AWS emulator");
    let visit = local::visit(&dir, &project.root, wanted, &say).await?;
    drop(starting);
    if visit.is_guest() {
        ui.status(verb, text);
        Box::pin(introduce(wanted, ui)).await;
    } else if let Some(models) = models.filter(|models| models.name() != visit.emulator.models) {
        ui.note(&format!(
            "models {} in the running local AgentCore, but `local.models` is `{}`; `cargo agentcore local start` applies it",
            answered_by(&visit.emulator.models),
            models.name()
        ));
    }
    let result = act(&visit.emulator).await;
    let ended = visit.end().await;
    let value = result?;
    ended?;
    Ok(value)
}

/// Returns true, and reports it, if nothing can be deployed with `--local` because no emulator has
/// ever run here. Then none must be started to find out.
pub(crate) fn is_empty(
    options: &options::Aws,
    project: &Project,
    config: &Config,
    ui: &Ui,
) -> Result<bool, Failure> {
    let dir = || dir(project, config);
    let empty = options.local && local::is_empty(&dir()?)?;
    if empty {
        warn_of_state_elsewhere(&dir()?, project, ui)?;
        ui.note("no AWS emulator is running for this project and there is no saved state, so nothing is deployed there");
    }
    Ok(empty)
}

/// Warns about state in another target directory.
pub(crate) fn warn_of_state_elsewhere(
    dir: &Folder,
    project: &Project,
    ui: &Ui,
) -> Result<(), Failure> {
    for other in local::elsewhere(dir, &project.root)? {
        // The path from there: `agentcore`, the project's folder, the emulator's.
        let target = other.ancestors().nth(3).unwrap_or(&other);
        ui.warning(
            &Message::new(format!(
                "the state of this project's local AgentCore is in another target directory: `{}`",
                other.display()
            ))
            .help(format!(
                "set CARGO_TARGET_DIR to `{}` to work with it",
                target.display()
            )),
        );
    }
    Ok(())
}

/// Returns true if the emulator for `--local` must be started to see its state.
pub(crate) fn is_asleep(
    options: &options::Aws,
    project: &Project,
    config: &Config,
) -> Result<bool, Failure> {
    Ok(options.local && local::is_asleep(&dir(project, config)?)?)
}

/// Refuses to wait for something that cannot happen.
pub(crate) fn demand(
    options: &options::Aws,
    project: &Project,
    config: &Config,
) -> Result<(), Failure> {
    if options.local && local::observe(&dir(project, config)?)?.is_none() {
        return Err(Failure::world(
            "no AWS emulator is running for this project, so no new lines will arrive",
        )
        .help("`cargo agentcore local start` starts it"));
    }
    Ok(())
}

fn tell(progress: &Progress, ui: &Ui) {
    match progress {
        Progress::Waiting => {
            ui.status("Blocking", "waiting for another run that uses the emulator");
        }
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
        Progress::Changing { from, to } if from == to => ui.status(
            "Restarting",
            "the AWS emulator, because models are called with other AWS credentials now; its state is kept",
        ),
        Progress::Changing { from, to } => ui.status(
            "Restarting",
            &format!("the AWS emulator, because `local.models` changed from `{from}` to `{to}`; its state is kept"),
        ),
        Progress::Starting => ui.detail("Starting", "the AWS emulator"),
    }
}

async fn start(
    dir: Folder,
    project: &Project,
    models: Option<&Models>,
    ui: &Ui,
) -> Result<Emulator, Failure> {
    let say = |progress| tell(&progress, ui);
    let starting = ui.working("Starting", "the AWS emulator");
    let emulator = local::ensure(&dir, &project.root, models, &say).await?;
    drop(starting);
    if emulator.started {
        // Without models, it is started to be removed.
        let lasts = models.map_or(
            "",
            |_| "; it keeps running until `cargo agentcore local stop`",
        );
        ui.status(
            "Started",
            &ui.lead(&format!("the AWS emulator at {}{lasts}", emulator.url)),
        );
        if let Some(models) = models {
            Box::pin(introduce(models, ui)).await;
        }
    } else {
        ui.detail("Using", &format!("the AWS emulator at {}", emulator.url));
    }
    Ok(emulator)
}

/// Describes what answers for Bedrock's models.
pub(crate) fn answered_by(models: &str) -> String {
    match models {
        "emulator" => "are emulated and answer with canned text".to_owned(),
        "aws" => "are called on AWS".to_owned(),
        url => format!("are served by {url}"),
    }
}

/// Prints what answers for models, and warns if nothing does. Problems are only warnings, because
/// they are reported again when a model is called.
async fn introduce(models: &Models, ui: &Ui) {
    match models {
        Models::Emulator => {}
        Models::Aws(caller) => match aws::models::identify(&caller.request()).await {
            Ok(caller) => ui.status("Models", &format!("are called on AWS {caller}")),
            Err(failure) => warn_of_models(
                "agents cannot call models on AWS (`models = \"aws\"`)",
                &failure,
                ui,
            ),
        },
        Models::Server(url) => match aws::fetch::reach(url.as_str(), REACHING).await {
            Ok(()) => ui.status("Models", &answered_by(url.as_str())),
            Err(why) => ui.warning(
                &Message::new(format!("the model server at {url} does not answer"))
                    .note(why)
                    .help(
                        "model calls fail until it does; `local.models` in Cargo.toml sets its address",
                    ),
            ),
        },
    }
}

fn warn_of_models(what: &str, failure: &Failure, ui: &Ui) {
    let warning = failure
        .messages
        .iter()
        .fold(Message::new(what), |all, message| {
            let all = message
                .notes
                .iter()
                .fold(all.note(&message.what), Message::note);
            message.help.iter().fold(all, Message::help)
        });
    ui.warning(&warning);
}

/// Returns the folder with the emulator's files.
pub(crate) fn dir(project: &Project, config: &Config) -> Result<Folder, Failure> {
    let mut projects: Vec<(ProjectId, PathBuf)> = Vec::new();
    for agent in &config.agents {
        if projects.iter().all(|(known, _)| *known != agent.project) {
            projects.push((agent.project.clone(), agent.dir.join("Cargo.toml")));
        }
    }
    match &projects[..] {
        [(one, _)] => Ok(project.kept_of(one)?.join(local::FOLDER)),
        several => Err(different_projects(several)
            .help("or select the agents of one project with `--package`")),
    }
}
