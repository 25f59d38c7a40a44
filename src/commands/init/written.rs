//! What `init` writes.

use std::path::{Path, PathBuf};

use super::{adopted::Adopted, broken, settings::AgentSettings};
use crate::{
    config::Manifest,
    effects::{adopt_files, clock},
    error::Failure,
    names::Region,
    plan::{init as plan, new::project_id},
    project::{
        declaring::{self, Before, Insertion},
        prompts::DecidedRegion,
    },
    scaffold::{Files, Head, adopt, agent_lines, project_lines},
};

pub(super) const GITIGNORE: &str = ".gitignore";

/// What to write.
pub(super) struct After {
    pub(super) new: Files,
    /// Existing files to overwrite.
    pub(super) replaced: Files,
    pub(super) kept: Vec<PathBuf>,
    /// The tables for existing manifests.
    pub(super) insertions: Vec<Insertion>,
    pub(super) ignoring: Option<Ignoring>,
}

/// What an existing .gitignore lacks.
pub(super) struct Ignoring {
    pub(super) lines: Vec<String>,
    /// Its text with these lines.
    pub(super) whole: Vec<u8>,
}

impl After {
    /// Plans everything to write, and checks that the next command can read it.
    pub(super) fn plan(
        before: &Before,
        all: &[Adopted],
        settings: &[AgentSettings],
        decided: &DecidedRegion,
    ) -> Result<Self, Failure> {
        let Some(first) = all.first() else {
            return Err(broken("there is no agent to adopt"));
        };
        let digits = adopt_files::lasting_digits(&before.root).unwrap_or_else(clock::random_digits);
        let project = project_id(&first.agent, digits);
        let mut files: Files = all
            .iter()
            .flat_map(|adopted| adopted.files.clone())
            .collect();
        let ignored = ignored(all);
        let text = adopt::gitignore(&ignored).map_err(|error| broken(&error))?;
        files.insert(PathBuf::from(GITIGNORE), text.into_bytes());
        let ignoring = ignoring(&before.root, &ignored)?;
        if !adopt_files::has_readme(&before.root) {
            let title = before
                .root
                .file_name()
                .map_or(first.agent.to_string(), |name| {
                    name.to_string_lossy().into_owned()
                });
            let text = adopt::readme(&title, first.placed.protocol()).map_err(|e| broken(&e))?;
            files.insert(PathBuf::from("README.md"), text.into_bytes());
        }
        let exists = |path: &Path| adopt_files::stands(&before.root.join(path));
        let is_replaced = |path: &Path| all.iter().any(|adopted| adopted.replaced.contains(path));
        let tables = |head, region: Option<&Region>| {
            let tables: Vec<String> = all
                .iter()
                .zip(settings)
                .map(|(adopted, settings)| agent_lines(head, &adopted.keys(region, settings)))
                .collect();
            tables.join("\n")
        };
        let Some(target) = &before.target else {
            let head = Head::Workspace;
            let table = format!(
                "{}\n{}",
                project_lines(head, &project, decided.region.as_ref()),
                tables(head, None)
            );
            let text = adopt::fresh_manifest(&table).map_err(|error| broken(&error))?;
            declaring::check(&[Manifest::new(before.root.join("Cargo.toml"), text.clone())])?;
            files.insert(PathBuf::from("Cargo.toml"), text.into_bytes());
            let (new, replaced, kept) = plan::new_and_kept(files, exists, is_replaced);
            return Ok(Self {
                new,
                replaced,
                kept,
                insertions: Vec::new(),
                ignoring,
            });
        };
        let insertions = before.insertions(target, (&project, decided), &tables)?;
        before.check(&insertions)?;
        let (new, replaced, kept) = plan::new_and_kept(files, exists, is_replaced);
        Ok(Self {
            new,
            replaced,
            kept,
            insertions,
            ignoring,
        })
    }
}

/// Returns the lines for .gitignore.
fn ignored(all: &[Adopted]) -> Vec<String> {
    let mut lines = vec!["/target/".to_owned(), ".env".to_owned()];
    for adopted in all {
        lines.extend(adopted.ignored());
    }
    lines
}

fn ignoring(root: &Path, needed: &[String]) -> Result<Option<Ignoring>, Failure> {
    let Some(there) = adopt_files::gitignore(root)? else {
        return Ok(None);
    };
    let lines = adopt_files::unsaid(root, &there, needed);
    let whole = plan::with_lines(&there, &lines);
    Ok((!lines.is_empty()).then_some(Ignoring { lines, whole }))
}
