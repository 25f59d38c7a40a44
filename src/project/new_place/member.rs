//! A new Rust agent in a workspace: its package becomes a member, as with `cargo new`.

use std::path::{Path, PathBuf};

use super::Edit;
use crate::{
    config::{CargoPackage, Manifest},
    effects::new_project,
    error::Failure,
    names::{ProjectId, Region},
    plan::{
        init::{ProjectTable, place, with_table},
        new::{Enclosing, check_standalone, with_member},
    },
    project::{
        declaring::{Before, check},
        prompts::DecidedRegion,
    },
    scaffold::{Context, Files, Head, project_lines},
};

/// Where the package of a new Rust agent is.
pub(crate) enum Surroundings {
    Nothing,
    /// A workspace that the package is kept out of.
    Apart,
    Workspace(Box<Member>),
}

/// The workspace that the package joins.
pub(crate) struct Member {
    pub(crate) before: Before,
    enclosing: Enclosing,
    /// Where the project's ID is or will be declared.
    project: ProjectTable,
}

impl Surroundings {
    pub(crate) fn observe(path: &Path, standalone: bool) -> Result<Self, Failure> {
        let Some(enclosing) = new_project::enclosing(path, &[]) else {
            return Ok(Self::Nothing);
        };
        if standalone {
            check_standalone(&enclosing)?;
            return Ok(Self::Apart);
        }
        let before = Before::observe(&enclosing.manifest).map_err(|failure| {
            failure.help("or make a separate project with `--standalone`, outside of `members`")
        })?;
        let own = Manifest::new(path.join("Cargo.toml"), "[package]\n");
        let project = place(&own, &before.workspace.manifests)?.project;
        Ok(Self::Workspace(Box::new(Member {
            before,
            enclosing,
            project,
        })))
    }
}

impl Member {
    /// Returns the region for the agent's own table.
    pub(crate) fn own_region(&self, decided: &DecidedRegion) -> Option<Region> {
        match self.project {
            ProjectTable::Declared => decided.given.clone(),
            // The project's table gets it.
            ProjectTable::Beside | ProjectTable::InWorkspace(_) => None,
        }
    }

    /// Returns the changes of the workspace's manifest, with which the next command can read the
    /// agent.
    pub(crate) fn edits(
        &self,
        path: &Path,
        context: &Context,
        files: &Files,
        decided: &DecidedRegion,
    ) -> Result<Vec<Edit>, Failure> {
        let mut root = self.before.workspace.manifests[0].clone();
        let mut edits = Vec::new();
        if let ProjectTable::InWorkspace(known) = &self.project {
            let project: &ProjectId = known.as_ref().unwrap_or(&context.project);
            let table = project_lines(Head::Workspace, project, decided.region.as_ref());
            root.text = with_table(&root, &table)?;
            edits.push("the project to".to_owned());
        }
        let Enclosing {
            manifest: _,
            taking,
            folder,
        } = &self.enclosing;
        if taking.is_none() {
            root.text = with_member(&root.text, folder).ok_or_else(|| {
                Failure::config(format!(
                    "`members` in `{}` is not a list of paths",
                    root.path.display()
                ))
            })?;
            edits.push(format!("`{folder}` to `members` in"));
        }
        self.check(path, context, files, &root)?;
        let edits = edits.into_iter().map(|what| Edit {
            file: root.path.clone(),
            what,
            whole: root.text.clone(),
        });
        Ok(edits.collect())
    }

    fn check(
        &self,
        path: &Path,
        context: &Context,
        files: &Files,
        root: &Manifest,
    ) -> Result<(), Failure> {
        let manifest = path.join("Cargo.toml");
        let text = files.get(Path::new("Cargo.toml"));
        let text = text.map_or_else(String::new, |text| String::from_utf8_lossy(text).into());
        let mut manifests = self.before.workspace.manifests.clone();
        manifests[0] = root.clone();
        manifests[0].packages.push(CargoPackage {
            name: context.package.clone(),
            manifest: manifest.clone(),
            bins: vec![context.package.clone()],
            default_run: None,
        });
        manifests.push(Manifest::new(manifest, text));
        check(&manifests)
    }

    pub(crate) fn root(&self) -> &PathBuf {
        &self.before.workspace.root
    }
}
