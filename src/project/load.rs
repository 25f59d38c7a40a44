//! Loads the project: the manifests, the configuration, and the agents of a run.

use crate::{
    config::{self, Config, Declared, Stage, load_with, selection},
    effects,
    error::{Exit, Failure, Message},
    names::{AgentName, Region},
    options::{self, NamedAgent},
    text::{did_you_mean, nearest},
    ui::Ui,
};

/// The first step of every command in a project: reads the manifests, the configuration and the
/// selected agents. Prints the configuration's warnings.
pub(crate) fn load(
    project: &options::Project,
    stage: &Stage,
    ui: &Ui,
) -> Result<(effects::manifest::Project, Config), Failure> {
    let (found, config) = read(project, stage, ui)?;
    for message in refused(&config) {
        ui.warning(message);
    }
    Ok((found, config))
}

/// Like [`load`], for commands that make the service run something: settings that the service
/// refuses are refused here, before anything is built or sent.
pub(crate) fn load_to_run(
    project: &options::Project,
    stage: &Stage,
    ui: &Ui,
) -> Result<(effects::manifest::Project, Config), Failure> {
    let (found, config) = read(project, stage, ui)?;
    let messages: Vec<Message> = refused(&config).cloned().collect();
    if messages.is_empty() {
        return Ok((found, config));
    }
    Err(Failure {
        exit: Exit::Config,
        messages,
    })
}

fn refused(config: &Config) -> impl Iterator<Item = &Message> {
    config
        .agents
        .iter()
        .filter_map(|agent| config.refused.get(&agent.name))
}

fn read(
    project: &options::Project,
    stage: &Stage,
    ui: &Ui,
) -> Result<(effects::manifest::Project, Config), Failure> {
    let (found, mut config) = read_all(project, stage, &[], ui)?;
    if config.agents.is_empty() {
        return Err(config::none_declared(&found.manifests).help(config::DECLARE));
    }
    select(&mut config, &found, project, ui)?;
    Ok((found, config))
}

/// Reads everything that is declared, and adds agents with the names in `former`.
pub(crate) fn read_all(
    project: &options::Project,
    stage: &Stage,
    former: &[AgentName],
    ui: &Ui,
) -> Result<(effects::manifest::Project, Config), Failure> {
    let found = effects::manifest::observe(project.manifest_path.as_deref())?;
    let config = load_with(&found.manifests, stage, former)?;
    for warning in &config.warnings {
        ui.warning(warning);
    }
    Ok((found, config))
}

/// Keeps only the agents of this run.
pub(crate) fn select(
    config: &mut Config,
    found: &effects::manifest::Project,
    project: &options::Project,
    ui: &Ui,
) -> Result<(), Failure> {
    for NamedAgent { name, given } in &project.agent {
        if !config.agents.iter().any(|agent| agent.name == *name) {
            return Err(no_agent(given, &config.declared));
        }
        if given != name.as_str() {
            ui.note(&format!(
                "the agent `{given}` is called `{name}`, because names in AgentCore have no hyphens"
            ));
        }
    }
    let meant = selection::selected(&config.agents, &found.packages, &project.asked())?;
    let wanted = &project.agent;
    if let Some(other) = wanted.iter().find(|wanted| !meant.contains(&wanted.name)) {
        return Err(Failure::usage(format!(
            "the agent `{}` does not belong to the selected packages",
            other.name
        )));
    }
    config.agents.retain(|agent| match &wanted[..] {
        [] => meant.contains(&agent.name),
        wanted => wanted.iter().any(|wanted| wanted.name == agent.name),
    });
    let agents = config.agents.iter();
    for note in agents
        .clone()
        .filter_map(|agent| config.notes.get(&agent.name))
    {
        ui.note(note);
    }
    let unstaged: Vec<Message> = agents
        .filter_map(|agent| config.unstaged.get(&agent.name).cloned())
        .collect();
    if unstaged.is_empty() {
        return Ok(());
    }
    Err(Failure {
        exit: Exit::Config,
        messages: unstaged,
    })
}

/// Reports an unknown agent.
pub(crate) fn no_agent(given: &str, declared: &Declared) -> Failure {
    let known: Vec<String> = declared
        .agents
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    let failure = Failure::usage(format!("there is no agent `{given}` in the metadata"))
        .note(format!("the metadata declares {}", known.join(", ")));
    let wanted = given.replace('-', "_");
    match nearest(&wanted, declared.agents.iter().map(AgentName::as_str)) {
        Some(near) => failure.help(did_you_mean(near)),
        None => failure,
    }
}

/// Warns about an unknown region, which is probably a typo. Not an error, because it may be new.
pub(crate) fn hint_at_region(region: &Region, ui: &Ui) {
    if let Some(near) = region.near() {
        ui.warning(
            &Message::new(format!("unknown region `{region}`")).help(format!(
                "{} otherwise it is used unchanged",
                did_you_mean(near)
            )),
        );
    }
}

/// Returns the stage from the options.
pub(crate) fn stage(project: &options::Project, local: bool) -> Stage {
    match (&project.stage, local) {
        (_, true) => Stage::Local,
        (Some(name), false) => Stage::Named(name.clone()),
        (None, false) => Stage::None,
    }
}

/// Locks the project, because only one run at a time may change its files. Waits for another run,
/// and reports that.
pub(crate) fn lock(
    project: &effects::manifest::Project,
    ui: &Ui,
) -> Result<effects::files::Lock, Failure> {
    let kept = project.kept()?;
    let lock = kept.lock("lock", || {
        ui.status(
            "Blocking",
            &format!(
                "waiting for another run of this project (`{}`)",
                kept.path().join("lock").display()
            ),
        );
    })?;
    Ok(lock)
}

/// Like [`lock`], but only for a run that changes anything.
pub(crate) fn lock_to_apply(
    applying: &options::Applying,
    project: &effects::manifest::Project,
    ui: &Ui,
) -> Result<Option<effects::files::Lock>, Failure> {
    if applying.changes_nothing() {
        return Ok(None);
    }
    lock(project, ui).map(Some)
}
