//! What `clean` removes from disk: the copied sources, builds, caches, the toolkit's entry.

use std::collections::{BTreeMap, BTreeSet};

use super::copied::Copied;
use crate::{
    config::{Agent, Declared},
    effects::{
        aws::Session,
        files,
        folder::{Folder, FolderFile},
        manifest::Project,
        packaging::is_built,
    },
    engine::plan_output::announce,
    error::Failure,
    names::Region,
    package::{
        image::layout,
        toolkit_yaml::{self, Shortened},
    },
    project::{developed, dockerfile, on_disk, packaging, sessions::Placed},
    resources::{
        change::{Action, Change, Subject},
        clean::CleanPlan,
        deletion::Kept,
    },
    ui::Ui,
};

/// What is removed for one agent.
pub(crate) struct Disk<'a> {
    agent: &'a Agent,
    copies: Vec<Copied>,
    built: Vec<Built>,
    entry_goes: bool,
    /// The toolkit's cache for the agent, if it exists.
    toolkit_cache: Option<Folder>,
}

/// The archive, the remembered deployments and the sessions: a cache that may disappear at any
/// time. Files are removed by name, folders only if they are empty.
struct Built {
    directory: Folder,
    files: Vec<FolderFile>,
    /// Folders that a killed run left behind.
    unfinished: Vec<Folder>,
    /// The files of `dev`.
    developed: Option<Folder>,
    /// The regions with remembered deployments.
    regions: BTreeSet<Region>,
    whole: bool,
}

impl<'a> Disk<'a> {
    pub(crate) fn observe(
        agent: &'a Agent,
        (project, declared): (&Project, &Declared),
        sessions: &BTreeMap<Region, Session>,
        plan: &CleanPlan,
        kept: &mut Vec<Kept>,
    ) -> Result<Self, Failure> {
        let mut built = vec![Built::observe(agent, project, sessions, plan, kept)?];
        let stage = agent.stage.as_ref();
        if stage.is_some_and(|stage| stage.as_str() == "local") {
            built.push(Built::of_dev(agent, project, kept)?);
        }
        built.retain(|built| !built.is_empty());
        Ok(Self {
            agent,
            copies: Copied::observe(agent, declared, plan, kept)?,
            built,
            entry_goes: plan.entry_goes,
            toolkit_cache: if plan.entry_goes {
                toolkit_cache(agent)?
            } else {
                None
            },
        })
    }

    /// Returns every deletion, in order.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let mut changes: Vec<Change> = self.copies.iter().flat_map(Copied::changes).collect();
        changes.extend(self.built.iter().map(Built::change));
        if self.entry_goes {
            changes.push(self.entry());
        }
        changes.extend(self.toolkit_cache.as_ref().map(without_cache));
        changes
    }

    pub(crate) fn apply(&self, ui: &Ui) -> Result<(), Failure> {
        for copied in &self.copies {
            for change in copied.changes() {
                announce(&change, ui);
            }
            copied.apply()?;
        }
        for built in &self.built {
            announce(&built.change(), ui);
            built.remove()?;
        }
        if self.entry_goes {
            self.forget(ui)?;
        }
        Ok(())
    }

    /// Returns the removal of the agent from the toolkit's file.
    fn entry(&self) -> Change {
        let name = &self.agent.runtime_name;
        let yaml = self.agent.dir.join(toolkit_yaml::FILE);
        let yaml = yaml.display().to_string();
        let subject = Subject::new("entry", name.to_string()).of(&yaml);
        Change::new(
            Action::Remove,
            format!("the entry `{name}` of `{yaml}`"),
            subject,
        )
    }

    /// Removes the agent from the toolkit's file, and the toolkit's cache.
    fn forget(&self, ui: &Ui) -> Result<(), Failure> {
        // Read the file again, because another agent's entry may just have been removed from it.
        let Some(file) = on_disk::toolkit_file(self.agent)? else {
            return Ok(());
        };
        announce(&self.entry(), ui);
        if let Some(cache) = &self.toolkit_cache {
            announce(&without_cache(cache), ui);
            cache.remove_whole()?;
            if let Some(caches) = cache.parent() {
                caches.remove_if_empty()?;
            }
        }
        let project = Folder::of_project(self.agent.dir.clone());
        match file.without(self.agent.runtime_name.as_str()) {
            Shortened::Nothing => project.remove_file(toolkit_yaml::FILE)?,
            Shortened::Text(text) => project.write(toolkit_yaml::FILE, text.as_bytes())?,
        }
        Ok(())
    }
}

impl Built {
    /// Finds what is remembered for the cleaned regions, and the archive if no other region needs
    /// it.
    fn observe(
        agent: &Agent,
        project: &Project,
        sessions: &BTreeMap<Region, Session>,
        plan: &CleanPlan,
        kept: &mut Vec<Kept>,
    ) -> Result<Self, Failure> {
        let mut built = Self {
            directory: packaging::directory(agent, project)?,
            files: Vec::new(),
            unfinished: Vec::new(),
            developed: None,
            regions: BTreeSet::new(),
            whole: plan.copy_goes && !is_shared(agent, project)?,
        };
        if plan.copy_goes {
            built.developed = developed::kept(agent, project)?;
        }
        if built.whole {
            built.take_all(kept)?;
        } else {
            for (region, session) in sessions {
                let session = session.clone();
                let memory = on_disk::memory(project, &Placed { agent, session })?;
                if memory.exists()? {
                    built.files.push(memory);
                    built.regions.insert(region.clone());
                }
            }
        }
        let place = on_disk::sessions(project, agent)?;
        for name in place.names()? {
            // A runtime's ID starts with its name and a hyphen, which a name cannot contain.
            let is_ours =
                |region: &Region| name.starts_with(&format!("{region}.{}-", agent.runtime_name));
            if let Some(region) = sessions.keys().find(|region| is_ours(region)) {
                built.files.push(place.file(&name));
                built.regions.insert(region.clone());
            }
        }
        Ok(built)
    }

    /// Finds what `dev`, `check` and `package` made on this machine for an agent that is cleaned with
    /// `--local`: they use the folders of the agent without a stage. The archive stays if the agent
    /// was deployed to AWS from it.
    fn of_dev(agent: &Agent, project: &Project, kept: &mut Vec<Kept>) -> Result<Self, Failure> {
        let agent = Agent {
            stage: None,
            ..agent.clone()
        };
        let directory = packaging::directory(&agent, project)?;
        let mut names = directory.names()?.into_iter();
        let is_deployed = names.any(|name| on_disk::is_memory(&name));
        let mut built = Self {
            directory,
            files: Vec::new(),
            unfinished: Vec::new(),
            developed: developed::kept(&agent, project)?,
            regions: BTreeSet::new(),
            whole: !is_deployed && !is_shared(&agent, project)?,
        };
        if built.whole {
            built.take_all(kept)?;
        }
        Ok(built)
    }

    /// Adds all files in the directory that this tool wrote, recognized by their names; others are
    /// kept.
    fn take_all(&mut self, kept: &mut Vec<Kept>) -> Result<(), Failure> {
        for name in self.directory.names()? {
            let below = self.directory.join(&name);
            let is_image = name == layout::FOLDER || dockerfile::is_built(&name);
            let is_folder = name.starts_with(files::TEMPORARY) || is_image;
            if is_folder && below.is_directory()? {
                self.unfinished.push(below);
            } else if is_built(&name) || on_disk::is_memory(&name) || dockerfile::is_built(&name) {
                let file = self.directory.file(name);
                file.check()?;
                self.files.push(file);
            } else {
                kept.push(Kept::fine(
                    Subject::new("file", below.path().display().to_string()),
                    "this tool did not create it",
                ));
            }
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.unfinished.is_empty() && self.developed.is_none()
    }

    fn change(&self) -> Change {
        let kind = if self.whole { "build" } else { "remembered" };
        let path = self.directory.path().display().to_string();
        Change::new(Action::Remove, self.words(), Subject::new(kind, path))
    }

    fn words(&self) -> String {
        let has_output = !self.unfinished.is_empty()
            || self.files.iter().any(|file| file.folder == self.directory);
        if self.whole && has_output {
            let directory = self.directory.path();
            return format!("build output and state in `{}`", directory.display());
        }
        if let (true, Some(developed)) = (self.files.is_empty(), &self.developed) {
            return format!("files of `dev` in `{}`", developed.path().display());
        }
        let regions: Vec<&str> = self.regions.iter().map(Region::as_str).collect();
        let folders: BTreeSet<String> = self
            .files
            .iter()
            .map(|file| format!("`{}`", file.folder.path().display()))
            .collect();
        let folders: Vec<String> = folders.into_iter().collect();
        format!(
            "state of {} in {}",
            regions.join(", "),
            folders.join(" and ")
        )
    }

    fn remove(&self) -> Result<(), Failure> {
        for file in &self.files {
            file.remove()?;
        }
        for folder in &self.unfinished {
            folder.remove_whole()?;
        }
        if let Some(developed) = &self.developed {
            developed.remove_whole()?;
            if let Some(parent) = developed.parent() {
                parent.remove_if_empty()?;
            }
        }
        for folder in self.files.iter().map(|file| &file.folder) {
            folder.remove_if_empty()?;
        }
        self.directory.remove_if_empty()?;
        if let Some(project) = self.directory.parent() {
            project.remove_if_empty()?;
        }
        Ok(())
    }
}

/// Returns true if the agent has the same name as a folder for other purposes.
fn is_shared(agent: &Agent, project: &Project) -> Result<bool, Failure> {
    let path = packaging::directory(agent, project)?.path();
    let name = path.file_name().unwrap_or_default();
    Ok(on_disk::is_other(&name.to_string_lossy()))
}

fn without_cache(cache: &Folder) -> Change {
    let path = cache.path().display().to_string();
    let object = format!("the toolkit's cache `{path}`");
    Change::new(Action::Remove, object, Subject::new("toolkit cache", path))
}

fn toolkit_cache(agent: &Agent) -> Result<Option<Folder>, Failure> {
    let project = Folder::of_project(agent.dir.clone());
    let caches = project.join(toolkit_yaml::CACHE);
    let cache = caches.join(agent.runtime_name.as_str());
    Ok(cache.exists()?.then_some(cache))
}
