//! Where a new agent is declared: in a manifest of its own, or in the workspace around it.

mod member;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub(crate) use self::member::Surroundings;
use crate::{
    config::{Agent, Manifest},
    effects::{adopt_files, new_project},
    error::{Failure, Message},
    names::{AgentName, Region},
    plan::{
        init::{check_new, relative},
        new::{Enclosing, agent_name, check_standalone, to_exclude, with_exclude},
    },
    project::{
        declaring::{Before, from_here},
        prompts::{DecidedRegion, RegionPlace},
    },
    scaffold::{Context, Files, Head},
    ui::Ui,
};

pub(crate) enum NewPlace {
    Standalone,
    Joining(Box<Joining>),
    /// A cargo package of its own.
    Package(Surroundings),
}

/// The workspace that a new agent joins.
pub(crate) struct Joining {
    before: Before,
    /// The nearest manifest above the new folder.
    target: Manifest,
    enclosing: Enclosing,
}

/// A change of an existing manifest.
pub(crate) struct Edit {
    pub(crate) file: PathBuf,
    /// What is added, and `to` or `in`.
    pub(crate) what: String,
    pub(crate) whole: String,
}

impl Edit {
    /// Returns what is added, and to which file.
    pub(crate) fn words(&self) -> Result<String, Failure> {
        let file = from_here(&self.file)?;
        Ok(format!("{} `{}`", self.what, file.display()))
    }
}

impl NewPlace {
    /// Looks for a workspace around the package of a Rust agent.
    pub(crate) fn of_package(path: &Path, standalone: bool) -> Result<Self, Failure> {
        Surroundings::observe(path, standalone).map(Self::Package)
    }

    /// Refuses a name that an agent of the same project has.
    pub(crate) fn check_name(&self, agent: &AgentName) -> Result<(), Failure> {
        match self.before() {
            Some(before) => check_new(agent, &before.agents),
            None => Ok(()),
        }
    }

    /// Returns the project that the agent joins.
    fn before(&self) -> Option<&Before> {
        match self {
            Self::Standalone | Self::Package(Surroundings::Nothing | Surroundings::Apart) => None,
            Self::Joining(joining) => Some(&joining.before),
            Self::Package(Surroundings::Workspace(member)) => Some(&member.before),
        }
    }

    /// Returns true for a package that must not belong to the workspace around it.
    pub(crate) fn is_apart(&self) -> bool {
        matches!(self, Self::Package(Surroundings::Apart))
    }

    /// Looks for a workspace around `path`. `package` is the agent's Python package.
    pub(crate) fn observe(path: &Path, package: &str, standalone: bool) -> Result<Self, Failure> {
        let inner = ["deployment", "tests", package].map(PathBuf::from);
        let copy = PathBuf::from("deployment").join(package);
        let folders: Vec<PathBuf> = inner.into_iter().chain([copy]).collect();
        let Some(enclosing) = new_project::enclosing(path, &folders) else {
            return Ok(Self::Standalone);
        };
        if standalone {
            check_standalone(&enclosing)?;
            return Ok(Self::Standalone);
        }
        to_exclude(&enclosing)?;
        let before = Before::around(path, &enclosing).map_err(|failure| {
            failure.help("or make a separate project with `--standalone`, outside of `members`")
        })?;
        let joined = before.and_then(|before| Some((before.target.clone()?, before)));
        let Some((target, before)) = joined else {
            check_standalone(&enclosing)?;
            return Ok(Self::Standalone);
        };
        Ok(Self::Joining(Box::new(Joining {
            before,
            target,
            enclosing,
        })))
    }

    /// Returns the name of a new project: the workspace's folder's, or the agent's.
    pub(crate) fn project_name(&self, agent: &AgentName) -> AgentName {
        let root = self.before().map(|before| &before.workspace.root);
        root.and_then(|root| root.file_name())
            .and_then(|name| agent_name(name.to_str()?).ok())
            .map_or_else(|| agent.clone(), |(name, _)| name)
    }

    pub(crate) fn region(&self) -> RegionPlace {
        self.before()
            .map_or(RegionPlace::Open, Before::region_place)
    }

    /// Returns the region for the agent's own project or table.
    pub(crate) fn own_region(&self, decided: &DecidedRegion) -> Option<Region> {
        match self {
            Self::Package(Surroundings::Workspace(member)) => member.own_region(decided),
            Self::Standalone | Self::Joining(_) | Self::Package(_) => decided.region.clone(),
        }
    }

    /// Returns the path from the new folder to the existing manifest that declares the agent.
    pub(crate) fn manifest(&self, path: &Path) -> Option<String> {
        let root = &self.before()?.root;
        Some(format!("{}/Cargo.toml", relative(path, root)))
    }

    /// Returns the changes of existing manifests, which the next command can read.
    pub(crate) fn edits(
        &self,
        path: &Path,
        context: &Context,
        files: &Files,
        region: &DecidedRegion,
    ) -> Result<Vec<Edit>, Failure> {
        match self {
            Self::Standalone | Self::Package(Surroundings::Nothing | Surroundings::Apart) => {
                Ok(Vec::new())
            }
            Self::Joining(joining) => joining.edits(path, context, region),
            Self::Package(Surroundings::Workspace(member)) => {
                member.edits(path, context, files, region)
            }
        }
    }

    /// Prints how the new project relates to what is around it.
    pub(crate) fn tell(&self, path: &Path, given: &Path, ui: &Ui) {
        match self {
            Self::Package(Surroundings::Workspace(member)) => {
                warn_of_shipping(&member.before, path, given, ui);
            }
            Self::Standalone | Self::Package(_) => {
                if let Some(project) = new_project::project_above(path) {
                    ui.note(&format!(
                        "`{}` is a separate project; `cargo agentcore init --source DIR` adds an agent to the project in `{}`",
                        given.display(),
                        project.display()
                    ));
                }
            }
            Self::Joining(joining) => {
                warn_of_shipping(&joining.before, path, given, ui);
                let Enclosing {
                    manifest: _,
                    taking,
                    folder,
                } = &joining.enclosing;
                if let Some(pattern) = taking {
                    ui.note(&format!(
                        "`{pattern}` in `members` matches `{folder}`, where cargo would expect a package; `exclude` prevents that"
                    ));
                }
            }
        }
    }

    pub(crate) fn write(&self, edits: &[Edit]) -> Result<(), Failure> {
        let root = match self {
            Self::Standalone | Self::Package(Surroundings::Nothing | Surroundings::Apart) => {
                return Ok(());
            }
            Self::Joining(joining) => &joining.before.root,
            Self::Package(Surroundings::Workspace(member)) => member.root(),
        };
        // Edits of one file have its whole text in common.
        let replaced: BTreeMap<PathBuf, Vec<u8>> = edits
            .iter()
            .map(|edit| (edit.file.clone(), edit.whole.clone().into_bytes()))
            .collect();
        let replaced: Vec<(PathBuf, Vec<u8>)> = replaced.into_iter().collect();
        adopt_files::write(root, &Files::new(), &replaced)
    }
}

/// Warns if the new folder is in the sources of another agent.
fn warn_of_shipping(before: &Before, path: &Path, given: &Path, ui: &Ui) {
    let mut agents = before.agents.iter();
    let ships = |agent: &&Agent| agent.rust().is_none() && path.starts_with(agent.source_dir());
    if let Some(around) = agents.find(ships) {
        let what = format!(
            "`{}` is in the sources of agent `{}`, which ships it too",
            given.display(),
            around.name
        );
        let help = "leave it out with a line in `.agentcoreignore`, or choose another path";
        ui.warning(&Message::new(what).help(help));
    }
}

impl Joining {
    fn edits(
        &self,
        path: &Path,
        context: &Context,
        region: &DecidedRegion,
    ) -> Result<Vec<Edit>, Failure> {
        let folder = relative(&self.before.root, path);
        let tables =
            |head: Head, region: Option<&Region>| context.agent_table(head, &folder, region);
        let project = (&context.project, region);
        let insertions = self.before.insertions(&self.target, project, &tables)?;
        self.before.check(&insertions)?;
        let mut edits: Vec<Edit> = insertions
            .into_iter()
            .map(|insertion| Edit {
                file: insertion.manifest,
                what: format!("{} to", insertion.what),
                whole: insertion.whole,
            })
            .collect();
        if let Some(folder) = to_exclude(&self.enclosing)? {
            self.exclude(folder, &mut edits)?;
        }
        Ok(edits)
    }

    /// Adds the folder to the workspace's `exclude`.
    fn exclude(&self, folder: &str, edits: &mut Vec<Edit>) -> Result<(), Failure> {
        let root = &self.before.workspace.manifests[0];
        let changed = edits.iter().find(|edit| edit.file == root.path);
        let text = changed.map_or(&root.text, |edit| &edit.whole);
        let whole = with_exclude(text, folder).ok_or_else(|| {
            Failure::config(format!(
                "`exclude` in `{}` is not a list of paths",
                root.path.display()
            ))
        })?;
        for edit in edits.iter_mut().filter(|edit| edit.file == root.path) {
            edit.whole.clone_from(&whole);
        }
        edits.push(Edit {
            file: root.path.clone(),
            what: format!("`{folder}` to `exclude` in"),
            whole,
        });
        Ok(())
    }
}
