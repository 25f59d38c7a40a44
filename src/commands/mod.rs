//! One file per command: its options and its five steps (load, observe, decide, print or apply,
//! report). Only wiring: decisions are in the pure modules, side effects in `effects`.

pub mod background;
pub mod cache;
pub mod check;
pub mod clean;
pub mod deploy;
pub mod dev;
pub mod endpoint;
pub mod hint;
pub mod init;
pub mod invoke;
pub mod local;
pub mod logs;
pub mod new;
pub mod package;
pub mod policy;
pub mod prepare;
pub mod rollback;
pub mod status;
pub mod stop_session;
pub mod versions;

mod absence;
mod callers;
mod choice;
mod consent;
mod conversation;
mod delivery;
mod deploy_report;
mod deployed;
mod deployed_code;
mod deployed_role;
mod documents;
mod endpoint_list;
mod files;
mod former_agents;
mod former_role;
mod handover;
mod last_words;
mod listing;
mod own_files;
mod packaging;
mod partition;
mod pinning;
mod planned;
mod refusal;
mod removal;
mod role;
mod rollout;
mod running;
mod session;
mod sighting;
mod smoke;
mod tracing;
mod waiting;

use self::planned::Planned;
use crate::{
    cli::{self, NamedAgent},
    config::{self, Config, Declared, Stage, load_with, nearest, selection},
    effects,
    error::{Exit, Failure, Message},
    names::{AgentName, Region},
    plan::{document_diff::lines, role::RoleStep},
    ui::Ui,
};

/// Whether the plan is carried out.
#[derive(Debug, Clone, clap::Args)]
struct Applying {
    /// Show what would be done without doing it
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Like `--dry-run`, and exit with 5 if anything would change
    #[arg(long)]
    check: bool,
}

impl Applying {
    fn changes_nothing(&self) -> bool {
        self.dry_run || self.check
    }

    /// Like [`lock`], but only for a run that changes anything.
    fn lock(
        &self,
        project: &effects::manifest::Project,
        ui: &Ui,
    ) -> Result<Option<effects::files::Lock>, Failure> {
        if self.changes_nothing() {
            return Ok(None);
        }
        lock(project, ui).map(Some)
    }
}

/// The first step of every command in a project: reads the manifests, the configuration and the
/// selected agents. Prints the configuration's warnings.
fn load(
    project: &cli::Project,
    stage: &Stage,
    ui: &Ui,
) -> Result<(effects::manifest::Project, Config), Failure> {
    let (found, config) = read(project, stage, ui)?;
    for message in refused(&config) {
        ui.warning(message);
    }
    Ok((found, config))
}

/// Like [`load`], for `clean`: a named agent may no longer be declared.
fn load_to_clean(
    project: &cli::Project,
    stage: &Stage,
    ui: &Ui,
) -> Result<(effects::manifest::Project, Config), Failure> {
    let named: Vec<AgentName> = project
        .agent
        .iter()
        .map(|asked| asked.name.clone())
        .collect();
    let (found, mut config) = read_all(project, stage, &named, ui)?;
    if config.agents.is_empty() {
        return Err(removal::nothing_declared(&found, &config.declared, stage)?);
    }
    select(&mut config, &found, project, ui)?;
    Ok((found, config))
}

/// Like [`load`], for commands that make the service run something: settings that the service
/// refuses are refused here, before anything is built or sent.
fn load_to_run(
    project: &cli::Project,
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
    project: &cli::Project,
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
fn read_all(
    project: &cli::Project,
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
fn select(
    config: &mut Config,
    found: &effects::manifest::Project,
    project: &cli::Project,
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
fn no_agent(given: &str, declared: &Declared) -> Failure {
    let known: Vec<String> = declared
        .agents
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    let failure = Failure::usage(format!("there is no agent `{given}` in the metadata"))
        .note(format!("the agents are {}", known.join(", ")));
    let wanted = given.replace('-', "_");
    match nearest(&wanted, declared.agents.iter().map(AgentName::as_str)) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure,
    }
}

/// Warns about an unknown region, which is probably a typo. Not an error, because it may be new.
fn hint_at_region(region: &Region, ui: &Ui) {
    if let Some(near) = region.near() {
        ui.warning(
            &Message::new(format!(
                "`{region}` is not a region that this version knows"
            ))
            .help(format!(
                "did you mean `{near}`? otherwise it is used unchanged"
            )),
        );
    }
}

/// Returns the stage from the options.
fn stage(project: &cli::Project, local: bool) -> Stage {
    match (&project.stage, local) {
        (_, true) => Stage::Local,
        (Some(name), false) => Stage::Named(name.clone()),
        (None, false) => Stage::None,
    }
}

/// Prints the changes to a role, with the documents.
fn show_role_steps(steps: &[RoleStep], planned: Planned<'_>) {
    for step in steps {
        let (_, verb, object) = step.words();
        planned.status("Would", &format!("{verb} {object}"));
        if let Some((before, after)) = step.documents() {
            if planned.is_brief() && before.is_none() {
                continue;
            }
            let lines = lines(before, &after.to_value()).into_iter();
            for line in lines.filter(|line| !planned.is_brief() || !line.starts_with(' ')) {
                planned.plain(&format!("{:15}{line}", ""));
            }
        }
    }
}

/// Locks the project, because only one run at a time may change its files. Waits for another run,
/// and reports that.
fn lock(project: &effects::manifest::Project, ui: &Ui) -> Result<effects::files::Lock, Failure> {
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
