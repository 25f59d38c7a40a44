//! What `clean` takes away on disk: the copied sources, what was built and remembered, the toolkit's entry.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::copied::Copied;
use crate::{
    commands::{conversation, deploy, packaging, session::Placed},
    config::{Agent, Declared},
    effects::{aws::Session, files, manifest::Project},
    error::{Exit, Failure},
    names::{ProjectId, Region},
    package::toolkit_yaml::{self, Shortened, ToolkitFile},
    plan::clean::{CleanPlan, Kept, Subject},
    ui::Ui,
};

/// The parts of it, all of one agent.
pub(super) struct Disk<'a> {
    agent: &'a Agent,
    copies: Vec<Copied>,
    built: Built,
    entry_goes: bool,
}

/// Archive, memory and sessions: a cache that could vanish at any time.
struct Built {
    directory: PathBuf,
    paths: Vec<PathBuf>,
    /// Of these regions something is remembered.
    regions: BTreeSet<Region>,
}

impl<'a> Disk<'a> {
    pub(super) fn observe(
        agent: &'a Agent,
        (project, declared): (&Project, &Declared),
        sessions: &BTreeMap<Region, Session>,
        plan: &CleanPlan,
        kept: &mut Vec<Kept>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            agent,
            copies: Copied::observe(agent, declared, plan, kept)?,
            built: Built::observe(agent, project, sessions, plan)?,
            entry_goes: plan.entry_goes,
        })
    }

    /// Every deletion, in words that promise nothing.
    pub(super) fn words(&self) -> Vec<String> {
        let copies = self.copies.iter().flat_map(Copied::folders);
        let mut words: Vec<String> = copies
            .map(|copy| format!("remove the copied sources `{}`", copy.display()))
            .collect();
        if !self.built.paths.is_empty() {
            words.push(format!("remove {}", self.built.words()));
        }
        if self.entry_goes {
            words.push(format!(
                "remove the entry `{}` of `{}`",
                self.agent.runtime_name,
                self.yaml().display()
            ));
        }
        words
    }

    /// What [`Self::words`] are about, in the same order.
    pub(super) fn subjects(&self) -> Vec<Subject> {
        let copies = self.copies.iter().flat_map(Copied::folders);
        let mut subjects: Vec<Subject> = copies
            .map(|copy| Subject::new("copied sources", copy.display().to_string()))
            .collect();
        if !self.built.paths.is_empty() {
            let path = self.built.directory.display().to_string();
            let kind = if self.built.goes_whole() {
                "build"
            } else {
                "remembered"
            };
            subjects.push(Subject::new(kind, path));
        }
        if self.entry_goes {
            let entry = Subject::new("entry", self.agent.runtime_name.to_string());
            subjects.push(entry.of(self.yaml().display().to_string()));
        }
        subjects
    }

    pub(super) fn apply(&self, ui: &Ui) -> Result<(), Failure> {
        for copied in &self.copies {
            for folder in copied.folders() {
                let what = format!("the copied sources `{}`", folder.display());
                ui.status("Removing", &what);
            }
            copied.apply()?;
        }
        if !self.built.paths.is_empty() {
            ui.status("Removing", &self.built.words());
            self.built.remove()?;
        }
        if self.entry_goes {
            self.forget(ui)?;
        }
        Ok(())
    }

    fn yaml(&self) -> PathBuf {
        self.agent.dir.join(toolkit_yaml::FILE)
    }

    /// Takes the agent out of the toolkit's file, and its cache away.
    fn forget(&self, ui: &Ui) -> Result<(), Failure> {
        // Read again: another agent's entry may have gone from the same file a moment ago.
        let Some(file) = toolkit_file(self.agent)? else {
            return Ok(());
        };
        let name = self.agent.runtime_name.as_str();
        let yaml = self.yaml();
        ui.status(
            "Removing",
            &format!("the entry `{name}` of `{}`", yaml.display()),
        );
        let cache = self.agent.dir.join(toolkit_yaml::CACHE);
        files::remove_tree(&cache.join(name))?;
        files::remove_empty_dir(&cache)?;
        match file.without(name) {
            Shortened::Nothing => files::remove_file(&yaml)?,
            Shortened::Text(text) => {
                files::write_atomic(&yaml, &self.agent.dir, text.as_bytes(), false)?;
            }
        }
        Ok(())
    }
}

impl Built {
    /// What is remembered of the cleaned regions, and the archive where no other region needs it.
    fn observe(
        agent: &Agent,
        project: &Project,
        sessions: &BTreeMap<Region, Session>,
        plan: &CleanPlan,
    ) -> Result<Self, Failure> {
        let directory = packaging::directory(agent, project);
        let mut paths = Vec::new();
        let mut regions = BTreeSet::new();
        if plan.copy_goes && !is_shared(&directory) {
            paths.push(directory.clone());
        } else {
            for (region, session) in sessions {
                let session = session.clone();
                let memory = deploy::memory(project, &Placed { agent, session });
                if files::exists(&memory) {
                    paths.push(memory);
                    regions.insert(region.clone());
                }
            }
        }
        let place = conversation::sessions(project, agent);
        for name in files::names_in(&place)? {
            // A runtime's id begins with its name and a hyphen, which no name holds.
            let is_ours =
                |region: &Region| name.starts_with(&format!("{region}.{}-", agent.runtime_name));
            if let Some(region) = sessions.keys().find(|region| is_ours(region)) {
                paths.push(place.join(&name));
                regions.insert(region.clone());
            }
        }
        paths.retain(|path| files::exists(path));
        Ok(Self {
            directory,
            paths,
            regions,
        })
    }

    /// Else the archive and other regions' memory stay.
    fn goes_whole(&self) -> bool {
        self.paths.contains(&self.directory)
    }

    fn words(&self) -> String {
        if self.goes_whole() {
            let directory = self.directory.display();
            return format!("what was built and remembered in `{directory}`");
        }
        let regions: Vec<&str> = self.regions.iter().map(Region::as_str).collect();
        let folders: BTreeSet<String> = self
            .paths
            .iter()
            .filter_map(|path| path.parent())
            .map(|folder| format!("`{}`", folder.display()))
            .collect();
        let folders: Vec<String> = folders.into_iter().collect();
        format!(
            "what was remembered of {} in {}",
            regions.join(", "),
            folders.join(" and ")
        )
    }

    fn remove(&self) -> Result<(), Failure> {
        for path in &self.paths {
            if *path == self.directory {
                files::remove_tree(path)?;
            } else {
                files::remove_file(path)?;
                if let Some(parent) = path.parent() {
                    files::remove_empty_dir(parent)?;
                }
            }
        }
        if let Some(parent) = self.directory.parent() {
            files::remove_empty_dir(parent)?;
        }
        Ok(())
    }
}

/// What was built and remembered of a project, by the folders of the agents and their stages.
pub(super) fn built(target_dir: &Path, project: &ProjectId) -> Result<Vec<String>, Failure> {
    let mut names = files::names_in(&target_dir.join("agentcore").join(project.as_str()))?;
    names.retain(|name| !is_shared(Path::new(name)));
    Ok(names)
}

/// The emulator's state and the last sessions lie beside the agents' folders, and an agent may have
/// the name of one of these.
fn is_shared(directory: &Path) -> bool {
    let name = directory.file_name().unwrap_or_default();
    ["local", "sessions"]
        .iter()
        .any(|other| name.eq_ignore_ascii_case(other))
}

pub(super) fn toolkit_file(agent: &Agent) -> Result<Option<ToolkitFile>, Failure> {
    let path = agent.dir.join(toolkit_yaml::FILE);
    let Some(text) = files::read_text(&path)? else {
        return Ok(None);
    };
    let file = ToolkitFile::parse(&path, &text).map_err(|message| Failure {
        exit: Exit::Config,
        messages: vec![message],
    })?;
    Ok(Some(file))
}
