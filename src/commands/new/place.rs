//! Where a new agent is declared: in a manifest of its own, or in the workspace around it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    config::Manifest,
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

pub(super) enum Place {
    Standalone,
    Joining(Box<Joining>),
}

/// The workspace that a new agent joins.
pub(super) struct Joining {
    before: Before,
    /// The nearest manifest above the new folder.
    target: Manifest,
    enclosing: Enclosing,
}

/// A change of an existing manifest.
pub(super) struct Edit {
    file: PathBuf,
    /// What is added, and `to` or `in`.
    what: String,
    whole: String,
}

impl Edit {
    /// Returns what is added, and to which file.
    pub(super) fn words(&self) -> Result<String, Failure> {
        let file = from_here(&self.file)?;
        Ok(format!("{} `{}`", self.what, file.display()))
    }
}

impl Place {
    /// Looks for a workspace around `path`. `package` is the agent's Python package.
    pub(super) fn observe(path: &Path, package: &str, standalone: bool) -> Result<Self, Failure> {
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
    pub(super) fn project_name(&self, agent: &AgentName) -> AgentName {
        let named = match self {
            Self::Standalone => None,
            Self::Joining(joining) => joining.before.workspace.root.file_name(),
        };
        named
            .and_then(|name| agent_name(name.to_str()?).ok())
            .map_or_else(|| agent.clone(), |(name, _)| name)
    }

    pub(super) fn region(&self) -> RegionPlace {
        match self {
            Self::Standalone => RegionPlace::Open,
            Self::Joining(joining) => joining.before.region_place(),
        }
    }

    /// Returns the path from the new folder to the existing manifest that declares the agent.
    pub(super) fn manifest(&self, path: &Path) -> Option<String> {
        match self {
            Self::Standalone => None,
            Self::Joining(joining) => Some(format!(
                "{}/Cargo.toml",
                relative(path, &joining.before.root)
            )),
        }
    }

    /// Returns the changes of existing manifests, which the next command can read.
    pub(super) fn edits(
        &self,
        path: &Path,
        context: &Context,
        region: &DecidedRegion,
    ) -> Result<Vec<Edit>, Failure> {
        match self {
            Self::Standalone => Ok(Vec::new()),
            Self::Joining(joining) => joining.edits(path, context, region),
        }
    }

    /// Prints how the new project relates to what is around it.
    pub(super) fn tell(&self, path: &Path, given: &Path, ui: &Ui) {
        match self {
            Self::Standalone => {
                if let Some(project) = new_project::project_above(path) {
                    ui.note(&format!(
                        "`{}` is a separate project; `cargo agentcore init --source DIR` adds an agent to the project in `{}`",
                        given.display(),
                        project.display()
                    ));
                }
            }
            Self::Joining(joining) => {
                joining.warn_of_shipping(path, given, ui);
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

    pub(super) fn write(&self, edits: &[Edit]) -> Result<(), Failure> {
        let Self::Joining(joining) = self else {
            return Ok(());
        };
        // Edits of one file have its whole text in common.
        let replaced: BTreeMap<PathBuf, Vec<u8>> = edits
            .iter()
            .map(|edit| (edit.file.clone(), edit.whole.clone().into_bytes()))
            .collect();
        let replaced: Vec<(PathBuf, Vec<u8>)> = replaced.into_iter().collect();
        adopt_files::write(&joining.before.root, &Files::new(), &replaced)
    }
}

impl Joining {
    pub(super) fn check_name(&self, agent: &AgentName) -> Result<(), Failure> {
        check_new(agent, &self.before.agents)
    }

    /// Warns if the new folder is in the sources of another agent.
    fn warn_of_shipping(&self, path: &Path, given: &Path, ui: &Ui) {
        let mut agents = self.before.agents.iter();
        if let Some(around) = agents.find(|agent| path.starts_with(agent.source_dir())) {
            let what = format!(
                "`{}` is in the sources of agent `{}`, which ships it too",
                given.display(),
                around.name
            );
            let help = "leave it out with a line in `.agentcoreignore`, or choose another path";
            ui.warning(&Message::new(what).help(help));
        }
    }

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
