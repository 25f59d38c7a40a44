//! The files and the record of an agent that `dev` runs on this machine.

use crate::{
    config::Agent,
    effects::{
        dev::{self, Record, Sight, Tail},
        folder::Folder,
        manifest::Project,
    },
    error::Failure,
    project::packaging,
};

/// The folder with the files of `dev`, next to the agents' folders.
pub(crate) const FOLDER: &str = "dev";

pub(crate) fn agent_folder(project: &Project, agent: &Agent) -> Result<Folder, Failure> {
    let folder = project.kept_of(&agent.project)?.join(FOLDER);
    let name = packaging::directory(agent, project)?.path();
    let name = name.file_name().unwrap_or_default();
    Ok(folder.join(name))
}

/// Returns the files that `clean` deletes for an agent; `None` while it runs.
pub(crate) fn kept(agent: &Agent, project: &Project) -> Result<Option<Folder>, Failure> {
    let folder = agent_folder(project, agent)?;
    let is_there = folder.is_marked()? && dev::look(&folder)? == Sight::Gone;
    Ok(is_there.then_some(folder))
}

/// Returns the record of a running agent; fails if it does not run.
pub(crate) fn running(agent: &Agent, project: &Project) -> Result<Record, Failure> {
    let why = match dev::look(&agent_folder(project, agent)?)? {
        Sight::Running(record) => return Ok(record),
        Sight::Starting => "is being started",
        Sight::Gone => "does not run",
    };
    let failure = Failure::world(format!("agent `{}` {why} on this machine", agent.name));
    Err(failure
        .help("`cargo agentcore dev` runs it; `cargo agentcore dev --detach` in the background"))
}

/// Returns the output of an agent under `dev`.
pub(crate) fn tail(agent: &Agent, project: &Project) -> Result<Tail, Failure> {
    let folder = agent_folder(project, agent)?;
    Ok(Tail::new(folder, agent.name.to_string()))
}
