//! What `prepare` does for an agent that other tools deploy: copies its sources, and prepares its role.

use std::path::Path;

use futures_util::{StreamExt as _, stream};

use super::{
    former_role,
    role::{self, RoleWork},
    run::Run,
};
use crate::{
    config::Agent,
    error::Failure,
    names::AgentName,
    plan::files::Force,
    project::{
        copies::{self, FileWork},
        packaging,
        sessions::Placed,
    },
    resources::change::{Change, Step},
};

/// How many agents are prepared in parallel.
pub(crate) const AT_ONCE: usize = 16;

/// The work for one agent.
pub(crate) struct HandoverWork<'a> {
    pub(crate) placed: &'a Placed<'a>,
    pub(crate) files: FileWork,
    pub(crate) role: RoleWork,
}

/// Refuses agents that other tools cannot take over.
pub(crate) fn check(agents: &[Agent]) -> Result<(), Failure> {
    if let Some(agent) = agents.iter().find(|agent| agent.rust().is_some()) {
        return Err(for_python(agent));
    }
    match agents.iter().find(|agent| agent.has_image()) {
        Some(agent) => Err(for_archives(agent)),
        None => Ok(()),
    }
}

fn for_python(agent: &Agent) -> Failure {
    Failure::usage(format!(
        "`prepare` hands Python agents over to other tools, and `{}` is written in Rust",
        agent.name
    ))
    .help("`cargo agentcore deploy` creates its role, too; `cargo agentcore policy` prints it; `--agent` selects others")
}

fn for_archives(agent: &Agent) -> Failure {
    Failure::usage(format!(
        "`prepare` hands agents over to other tools as archives, and `{}` is an image",
        agent.name
    ))
    .help("`cargo agentcore deploy` creates its role, too; `cargo agentcore policy` prints it; `--agent` selects others")
}

/// Observes the agents, and plans. The sources may come from another directory.
pub(crate) async fn observe<'a>(
    run: &Run<'a>,
    (source_dir, force): (Option<&Path>, Force),
) -> Vec<Result<HandoverWork<'a>, Failure>> {
    stream::iter(run.placed)
        .map(|placed| observe_one(run, placed, (source_dir, force)))
        .buffered(AT_ONCE)
        .collect()
        .await
}

async fn observe_one<'a>(
    run: &Run<'a>,
    placed: &'a Placed<'a>,
    (source_dir, force): (Option<&Path>, Force),
) -> Result<HandoverWork<'a>, Failure> {
    let (place, ui) = ((run.project, run.declared), run.ui);
    let files = copies::decide(placed.agent, place, source_dir, force)?;
    let deciding = role::decide(placed.agent, &placed.session, run.adopt);
    let noticing = Box::pin(former_role::notice_default(placed, run.project, ui));
    let (role, ()) = tokio::join!(deciding, noticing);
    let role = role?;
    if role.reads_images() {
        return Err(runs_an_image(&placed.agent.name));
    }
    for warning in files.warnings().iter().chain(role.warnings()) {
        ui.warning(warning);
    }
    role::tell_reasons(placed.agent, ui);
    for note in files.notes() {
        ui.note(note);
    }
    Ok(HandoverWork {
        placed,
        files,
        role,
    })
}

/// Refuses to take the access to its image away from an agent that was deployed with `--image`. All
/// agents here are archives in their tables.
fn runs_an_image(agent: &AgentName) -> Failure {
    Failure::usage(format!("agent `{agent}` runs from an image"))
        .note("`prepare` would take its role's access to the image away")
        .help("`cargo agentcore deploy --image URI` updates the role, too")
        .help(format!(
            "`cargo agentcore clean --agent {agent}` deletes the agent, to deploy an archive instead"
        ))
}

impl HandoverWork<'_> {
    /// Returns everything that a run changes, in order.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let role = self.role.steps().iter().map(Step::change);
        self.files.changes().chain(role).collect()
    }

    fn has_changes(&self) -> bool {
        !self.role.steps().is_empty() || self.files.has_changes()
    }

    /// Returns true if a run would change something, or finds something that others changed.
    pub(crate) fn has_findings(&self) -> bool {
        self.has_changes() || !self.role.foreign().is_empty() || self.files.keeps()
    }

    /// Carries out the plan. Returns the role's ARN.
    pub(crate) async fn apply(&self, run: &Run<'_>) -> Result<String, Failure> {
        let Placed { agent, session } = self.placed;
        self.files.apply(run.ui)?;
        // Lets a later `clean` find the agent when it is no longer in Cargo.toml.
        packaging::directory(agent, run.project)?.create()?;
        let arn = role::apply(&self.role, session, run.adopt, run.ui).await?;
        if !self.has_changes() {
            let name = &agent.name;
            let what = if self.files.keeps() {
                format!("agent `{name}`, except for the copies that were kept")
            } else {
                format!("agent `{name}`: copied sources and role are up to date")
            };
            run.ui.status("Unchanged", &what);
        }
        Ok(arn)
    }
}
