//! The agents that `dev` runs on this machine, for other commands. Invalid manifests do not prevent
//! finding them, because they may be the reason to stop or ask a running agent.

use crate::{
    config::{Agent, Config},
    effects::{
        dev::{self, Record, Sight, Tail},
        folder::Folder,
        manifest::Project,
    },
    error::{Exit, Failure},
    options,
    project::{self, packaging, recovery},
    ui::Ui,
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

/// An agent that may run under `dev`.
pub(crate) struct Found {
    pub(crate) name: String,
    /// `None` while the manifests are invalid.
    pub(crate) agent: Option<Agent>,
    /// The folder in which its `dev` publishes its state.
    pub(crate) folder: Folder,
    /// The project's folder.
    pub(crate) kept: Folder,
}

impl Found {
    fn declared(agent: &Agent, project: &Project) -> Result<Self, Failure> {
        Ok(Self {
            name: agent.name.to_string(),
            agent: Some(agent.clone()),
            folder: agent_folder(project, agent)?,
            kept: project.kept_of(&agent.project)?,
        })
    }

    pub(crate) fn look(&self) -> Result<Sight, Failure> {
        dev::look(&self.folder)
    }

    /// Returns the agent's record; fails if it does not run.
    pub(crate) fn running(&self) -> Result<Record, Failure> {
        let why = match self.look()? {
            Sight::Running(record) => return Ok(record),
            Sight::Starting => "is being started",
            Sight::Gone => "is not running",
        };
        let failure = Failure::world(format!("agent `{}` {why} on this machine", self.name));
        Err(failure.help(
            "`cargo agentcore dev` runs it; `cargo agentcore dev --detach` in the background",
        ))
    }

    /// Returns the agent's output.
    pub(crate) fn tail(&self) -> Tail {
        Tail::new(self.folder.clone(), self.name.clone())
    }
}

/// Returns the selected agents.
pub(crate) fn declared(project: &Project, config: &Config) -> Result<Vec<Found>, Failure> {
    let agents = config.agents.iter();
    agents
        .map(|agent| Found::declared(agent, project))
        .collect()
}

/// Returns the selected agents, or those that run if the manifests are invalid.
pub(crate) fn find(args: &options::Project, ui: &Ui) -> Result<Vec<Found>, Failure> {
    match project::load(args, &project::stage(args, false), ui) {
        Ok((project, config)) => declared(&project, &config),
        Err(failure) if failure.exit == Exit::Config => recovered(args, failure, ui),
        Err(failure) => Err(failure),
    }
}

fn recovered(args: &options::Project, failure: Failure, ui: &Ui) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    let Some(recovered) = recovery::find(args, &failure)? else {
        return Err(failure);
    };
    let developed = recovered.folder.join(FOLDER);
    for name in developed.names()? {
        let folder = developed.join(name);
        let Sight::Running(record) = dev::look(&folder)? else {
            continue;
        };
        let is_asked_for = |name: &str| {
            args.agent.is_empty() || args.agent.iter().any(|asked| asked.name.as_str() == name)
        };
        if is_asked_for(&record.agent) {
            found.push(Found {
                name: record.agent,
                agent: None,
                folder,
                kept: recovered.folder.clone(),
            });
        }
    }
    if found.is_empty() {
        return Err(failure);
    }
    let what = format!("the agents of project `{}` that `dev` runs", recovered.id);
    recovery::warn(&what, &failure, ui);
    Ok(found)
}
