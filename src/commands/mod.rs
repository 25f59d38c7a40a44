//! One file per command: its options and its five beats (load, observe, decide, print or apply,
//! report). Wiring only: decisions stand in the pure modules, the world in `effects`.

pub mod clean;
pub mod deploy;
pub mod endpoint;
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

mod choice;
mod conversation;
mod delivery;
mod deploy_report;
mod deployed;
mod files;
mod handover;
mod last_words;
mod packaging;
mod refusal;
mod removal;
mod role;
mod rollout;
mod session;
mod smoke;
mod tracing;
mod waiting;

use crate::{
    cli,
    config::{Config, Stage},
    effects,
    error::Failure,
    names::AgentName,
    plan::{document_diff::lines, role::RoleStep},
    ui::{Ui, Verbosity},
};

/// Whether the plan is carried out.
#[derive(Debug, Clone, clap::Args)]
struct Applying {
    /// Show what would be done, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Like `--dry-run`, and exit with 5 when anything would change
    #[arg(long)]
    check: bool,
}

impl Applying {
    fn changes_nothing(&self) -> bool {
        self.dry_run || self.check
    }
}

/// The first beat of every command in a project: the manifests, the configuration, the agents that
/// were asked for. Warnings of the configuration are shown here.
fn load(
    project: &cli::Project,
    stage: &Stage,
    ui: &Ui,
) -> Result<(effects::manifest::Project, Config), Failure> {
    let found = effects::manifest::observe(project.manifest_path.as_deref())?;
    let mut config = crate::config::load(&found.manifests, stage)?;
    for warning in &config.warnings {
        ui.warning(warning);
    }
    select(&mut config, &project.agent)?;
    Ok((found, config))
}

fn select(config: &mut Config, wanted: &[AgentName]) -> Result<(), Failure> {
    for name in wanted {
        if !config.agents.iter().any(|agent| agent.name == *name) {
            let known: Vec<String> = config
                .agents
                .iter()
                .map(|agent| format!("`{}`", agent.name))
                .collect();
            return Err(
                Failure::usage(format!("there is no agent `{name}` in the metadata"))
                    .note(format!("the agents are {}", known.join(", "))),
            );
        }
    }
    if !wanted.is_empty() {
        config.agents.retain(|agent| wanted.contains(&agent.name));
    }
    Ok(())
}

/// The stage that the options ask for.
fn stage(project: &cli::Project, local: bool) -> Stage {
    match (&project.stage, local) {
        (_, true) => Stage::Local,
        (Some(name), false) => Stage::Named(name.clone()),
        (None, false) => Stage::None,
    }
}

/// The options that lead to a stage, for a command that is shown to the user.
fn at_stage(stage: Option<&str>) -> String {
    match stage {
        None => String::new(),
        Some("local") => " --local".to_owned(),
        Some(stage) => format!(" --stage {stage}"),
    }
}

/// The writes to a role; with `whole` or `-v` the documents too.
fn show_role_steps(steps: &[RoleStep], whole: bool, ui: &Ui) {
    for step in steps {
        let (_, verb, object) = step.words();
        ui.status("Would", &format!("{verb} {object}"));
        if let Some((before, after)) = step.documents()
            && (whole || ui.verbosity() >= Verbosity::Verbose)
        {
            for line in lines(before, &after.to_value()) {
                ui.plain(&format!("{:15}{line}", ""));
            }
        }
    }
}

/// A document as it goes to stdout.
fn pretty(document: &serde_json::Value) -> String {
    serde_json::to_string_pretty(document).expect("a JSON value can be written")
}

/// One run at a time works on a project's files; a second one waits and says so.
fn lock(project: &effects::manifest::Project, ui: &Ui) -> Result<effects::files::Lock, Failure> {
    let path = project.target_dir.join("agentcore").join("lock");
    let lock = effects::files::lock(&path, || {
        ui.status(
            "Blocking",
            &format!(
                "waiting for another run of this project (`{}`)",
                path.display()
            ),
        );
    })?;
    Ok(lock)
}
