//! Declares new agents in the manifests of an existing project, for `init` and `new`.

use std::path::{Path, PathBuf};

use super::prompts::{DecidedRegion, RegionPlace};
use crate::{
    config::{Agent, Manifest, Stage, load},
    effects::{
        manifest::{self, Project},
        new_project,
    },
    error::Failure,
    names::{ProjectId, Region},
    plan::{
        init::{self as plan, ProjectTable},
        new::Enclosing,
    },
    scaffold::{Head, project_lines},
    text::path::folded,
};

/// The project before the change.
pub(crate) struct Before {
    /// The directory of the agents' manifest.
    pub(crate) root: PathBuf,
    /// The existing manifest.
    pub(crate) target: Option<Manifest>,
    /// The workspace, including that manifest.
    pub(crate) workspace: Project,
    pub(crate) agents: Vec<Agent>,
}

/// A table for a manifest.
pub(crate) struct Insertion {
    pub(crate) manifest: PathBuf,
    pub(crate) what: &'static str,
    pub(crate) table: String,
    /// The manifest's text with the table.
    pub(crate) whole: String,
}

impl Insertion {
    /// Returns the insertion of a table into a manifest.
    pub(crate) fn of(
        manifest: &Manifest,
        what: &'static str,
        table: String,
    ) -> Result<Self, Failure> {
        Ok(Self {
            manifest: manifest.path.clone(),
            what,
            whole: plan::with_table(manifest, &table)?,
            table,
        })
    }
}

impl Before {
    /// Returns the project of a directory without a manifest.
    pub(crate) fn empty(root: PathBuf) -> Result<Self, Failure> {
        Ok(Self {
            workspace: manifest::future(root.clone())?,
            root,
            target: None,
            agents: Vec::new(),
        })
    }

    /// Reads the project of an existing manifest.
    pub(crate) fn observe(path: &Path) -> Result<Self, Failure> {
        let mut workspace = manifest::observe(Some(path))?;
        let manifests = &mut workspace.manifests;
        let target = match manifests.iter().find(|found| found.path == path) {
            Some(found) => found.clone(),
            None => {
                let found = manifest::read(path)?;
                manifests.push(found.clone());
                found
            }
        };
        Ok(Self {
            agents: plan::declared(manifests)?,
            target: Some(target),
            workspace,
            root: path.parent().unwrap_or(path).to_owned(),
        })
    }

    /// Reads the project of the nearest manifest above a folder without one. Returns `None` if that
    /// manifest belongs to another workspace.
    pub(crate) fn around(folder: &Path, enclosing: &Enclosing) -> Result<Option<Self>, Failure> {
        let nearest = new_project::manifest_above(folder);
        let before = Self::observe(nearest.as_ref().unwrap_or(&enclosing.manifest))?;
        let is_joined = enclosing.manifest.parent() == Some(before.workspace.root.as_path());
        Ok(is_joined.then_some(before))
    }

    /// Returns true if the manifest already belongs to a project of this tool.
    pub(crate) fn is_project(&self) -> bool {
        self.target.as_ref().is_some_and(|target| {
            plan::place(target, &self.workspace.manifests)
                .is_ok_and(|place| place.project == ProjectTable::Declared)
        })
    }

    pub(crate) fn region_place(&self) -> RegionPlace {
        if !self.is_project() {
            return RegionPlace::Open;
        }
        let mut regions = self.agents.iter().map(|agent| agent.region.as_ref());
        let first = regions.next().flatten();
        let common = regions.all(|region| region == first);
        RegionPlace::Project(first.filter(|_| common).cloned())
    }

    /// Returns the tables for `target`, the existing manifest, and for its workspace's. `project` is
    /// the ID of a new project, and `tables` returns the agents' tables.
    pub(crate) fn insertions(
        &self,
        target: &Manifest,
        (project, decided): (&ProjectId, &DecidedRegion),
        tables: &dyn Fn(Head, Option<&Region>) -> String,
    ) -> Result<Vec<Insertion>, Failure> {
        let place = plan::place(target, &self.workspace.manifests)?;
        let region = decided.region.as_ref();
        match place.project {
            // The project's region is declared with the project; the agent's table only contains a
            // different one.
            ProjectTable::Declared => {
                let table = tables(place.head, decided.given.as_ref());
                Ok(vec![Insertion::of(target, "the agent", table)?])
            }
            ProjectTable::Beside => {
                let own = project_lines(place.head, project, region);
                let table = format!("{own}\n{}", tables(place.head, None));
                Ok(vec![Insertion::of(target, "the agent", table)?])
            }
            ProjectTable::InWorkspace(known) => {
                let project = known.as_ref().unwrap_or(project);
                let root = &self.workspace.manifests[0];
                let shared = project_lines(Head::Workspace, project, region);
                Ok(vec![
                    Insertion::of(root, "the project", shared)?,
                    Insertion::of(target, "the agent", tables(place.head, None))?,
                ])
            }
        }
    }

    /// Checks that the next command can read the manifests with these tables.
    pub(crate) fn check(&self, insertions: &[Insertion]) -> Result<(), Failure> {
        let mut manifests = self.workspace.manifests.clone();
        for insertion in insertions {
            let mut all = manifests.iter_mut();
            if let Some(manifest) = all.find(|found| found.path == insertion.manifest) {
                manifest.text.clone_from(&insertion.whole);
            }
        }
        check(&manifests)
    }
}

/// Checks that the next command can read the manifests.
pub(crate) fn check(manifests: &[Manifest]) -> Result<(), Failure> {
    load(manifests, &Stage::None).map(|_| ())
}

/// Returns the path of a file, relative to the current directory.
pub(crate) fn from_here(file: &Path) -> Result<PathBuf, Failure> {
    let here = new_project::absolute(Path::new(""))?;
    let directory = file.parent().unwrap_or(file);
    let name = file.file_name().unwrap_or_default();
    Ok(folded(
        &Path::new(&plan::relative(&here, directory)).join(name),
    ))
}
