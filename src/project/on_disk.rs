//! An agent's files: below the target directory, and the Python toolkit's.

use std::collections::BTreeSet;

use crate::{
    config::Agent,
    effects::{
        folder::{Folder, FolderFile},
        local,
        manifest::Project,
    },
    error::{Exit, Failure},
    names::{AccountId, ProjectId, Region},
    package::toolkit_yaml::{self, ToolkitFile},
    project::{developed, packaging, sessions::Placed},
};

/// Returns the file that remembers the deployed runtime, to notice that someone else deleted it.
pub(crate) fn memory(project: &Project, placed: &Placed<'_>) -> Result<FolderFile, Failure> {
    let Placed { agent, session } = placed;
    let name = format!("{}{}", remembered_in(&session.account), session.region);
    Ok(packaging::directory(agent, project)?.file(name))
}

/// Returns the regions of the account that the agent was deployed to from this folder.
pub(crate) fn remembered(
    project: &Project,
    agent: &Agent,
    account: &AccountId,
) -> Result<BTreeSet<Region>, Failure> {
    let names = packaging::directory(agent, project)?.names()?;
    let start = remembered_in(account);
    let regions = names.iter().filter_map(|name| name.strip_prefix(&start));
    Ok(regions
        .filter_map(|name| Region::parse(name).ok())
        .collect())
}

const REMEMBERED: &str = "runtime.";

fn remembered_in(account: &AccountId) -> String {
    format!("{REMEMBERED}{account}.")
}

/// Returns true for the name of a file that remembers a runtime, next to the archive.
pub(crate) fn is_memory(name: &str) -> bool {
    name.starts_with(REMEMBERED)
}

/// Returns the build folders of a project, one for each agent and stage.
pub(crate) fn built(project: &Project, id: &ProjectId) -> Result<Vec<String>, Failure> {
    let mut names = project.kept_of(id)?.names()?;
    names.retain(|name| !is_other(name));
    Ok(names)
}

/// Returns true for the folders of the emulator, `dev` and the sessions, which are next to the
/// agents' folders.
pub(crate) fn is_other(name: &str) -> bool {
    [local::FOLDER, developed::FOLDER, SESSIONS]
        .iter()
        .any(|other| name.eq_ignore_ascii_case(other))
}

pub(crate) fn toolkit_file(agent: &Agent) -> Result<Option<ToolkitFile>, Failure> {
    let project = Folder::of_project(agent.dir.clone());
    let Some(text) = project.read_text(toolkit_yaml::FILE)? else {
        return Ok(None);
    };
    let path = agent.dir.join(toolkit_yaml::FILE);
    let file = ToolkitFile::parse(&path, &text).map_err(|message| Failure {
        exit: Exit::Config,
        messages: vec![message],
    })?;
    Ok(Some(file))
}

/// The name of the folder with the last sessions of a project's agents.
pub(crate) const SESSIONS: &str = "sessions";

/// Returns the folder with the last sessions of a project's agents.
pub(crate) fn sessions(project: &Project, agent: &Agent) -> Result<Folder, Failure> {
    Ok(project.kept_of(&agent.project)?.join(SESSIONS))
}
