//! The project that `new` writes.

use std::path::{Path, PathBuf};

use super::Args;
use crate::{
    commands::next_steps::{in_project, next},
    effects::new_project,
    engine::plan_output::Planned,
    error::Failure,
    names::AgentName,
    options,
    plan::new as plan,
    project::new_place::{Edit, NewPlace},
    scaffold::{Code, Files},
    ui::Ui,
};

/// The names of a new agent, and where it is declared.
pub(super) struct Named {
    pub(super) agent: AgentName,
    /// The Python or cargo package.
    pub(super) package: String,
    /// Why the package has another name.
    pub(super) instead: Option<String>,
    pub(super) place: NewPlace,
}

impl Named {
    pub(super) fn of(
        code: Code,
        path: &Path,
        agent: &AgentName,
        args: &Args,
    ) -> Result<Self, Failure> {
        let named = match code {
            Code::Python => {
                let (package, instead) = plan::package(agent);
                Self {
                    agent: agent.clone(),
                    place: NewPlace::observe(path, &package, args.standalone)?,
                    package,
                    instead,
                }
            }
            Code::Rust => {
                let folder = path.file_name().and_then(|name| name.to_str());
                let given = args.name.as_deref().or(folder).unwrap_or_default();
                let (package, instead) = plan::cargo_package(given, agent);
                // The agent has its package's name.
                let (agent, _) = plan::agent_name(&package)?;
                Self {
                    agent,
                    place: NewPlace::of_package(path, args.standalone)?,
                    package,
                    instead,
                }
            }
        };
        named.place.check_name(&named.agent)?;
        Ok(named)
    }
}

/// What to create.
pub(super) struct NewProject {
    pub(super) path: PathBuf,
    /// The path as the user wrote it.
    pub(super) given: PathBuf,
    pub(super) files: Files,
    pub(super) place: NewPlace,
    pub(super) edits: Vec<Edit>,
    pub(super) git: bool,
    pub(super) code: Code,
}

impl NewProject {
    /// Prints what would be created.
    pub(super) fn show(&self, ui: &Ui) -> Result<(), Failure> {
        let given = self.given.display();
        let planned = Planned::alone(options::Output::Text, ui);
        for file in self.files.keys() {
            let file = self.given.join(file);
            planned.status("Would", &format!("write `{}`", file.display()));
        }
        for edit in &self.edits {
            planned.status("Would", &format!("add {}", edit.words()?));
        }
        if self.git {
            planned.status("Would", &format!("run `git init` in `{given}`"));
        }
        Ok(())
    }

    pub(super) fn create(&self, ui: &Ui) -> Result<(), Failure> {
        new_project::create(
            &self.path,
            &self.files,
            |root| {
                if self.git {
                    new_project::git_init(root)?;
                }
                Ok(())
            },
            || self.place.write(&self.edits),
        )?;
        for edit in &self.edits {
            ui.status("Adding", &edit.words()?);
        }
        let dev = self.code == Code::Rust;
        let dev =
            dev.then(|| in_project(&self.given, "cargo agentcore dev           ", "without AWS"));
        next(dev, &self.given, ui);
        Ok(())
    }
}
