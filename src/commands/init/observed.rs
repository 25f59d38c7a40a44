//! What `init` finds: the project, the source and its code.

use std::path::{Path, PathBuf};

use super::SEEN_FROM;
use crate::{
    config::Agent,
    effects::{
        adopt_files, env,
        files::read_text,
        new_project,
        source::{self, Source, SourceRequest},
    },
    error::{Failure, Message},
    names::AgentName,
    plan::new::{check_joining, check_standalone},
    project::declaring::Before,
    scaffold::adopt::{PythonFile, Sources},
};

/// Reads the project of the directory. A directory without a manifest joins the workspace around
/// it.
pub(super) fn project(root: PathBuf, standalone: bool) -> Result<Before, Failure> {
    let path = root.join("Cargo.toml");
    if adopt_files::stands(&path) {
        return Before::observe(&path);
    }
    let Some(enclosing) = new_project::enclosing(&root, &[]) else {
        return Before::empty(root);
    };
    if standalone {
        check_standalone(&enclosing)?;
        return Before::empty(root);
    }
    check_joining(&enclosing)?;
    match Before::around(&root, &enclosing)? {
        Some(before) => Ok(before),
        None => Before::empty(root),
    }
}

pub(super) fn source(shown: &Path, path: &Path, before: &Before) -> Result<Source, Failure> {
    source::observe(&SourceRequest {
        shown,
        path,
        seen_from: SEEN_FROM,
        include: &[],
        deployment: Some(&before.root.join("deployment")),
        others: &before
            .agents
            .iter()
            .filter_map(Agent::deployment_dir)
            .collect(),
        target: &before.workspace.target_dir,
        workspace_root: &before.workspace.root,
        home: env::home_dir().as_deref(),
        prefix: "",
    })
}

/// Reads the agent's code. The source's path is as given and absolute.
pub(super) fn code(
    (agent, folder): (&AgentName, &str),
    root: &Path,
    (shown, path): (&Path, &Path),
    source: &Source,
) -> Result<(Sources, Vec<Message>), Failure> {
    let files = adopt_files::python_files(source)?
        .into_iter()
        .map(|(path, text)| PythonFile {
            shown: match shown.to_str() {
                Some("." | "") => PathBuf::from(&path),
                _ => shown.join(&path),
            },
            path,
            text,
        })
        .collect();
    let listing = source.files.keys().cloned().collect();
    let below = path
        .strip_prefix(root)
        .ok()
        .map(|way| way.to_string_lossy().replace('\\', "/"));
    let (sources, warnings) = Sources::read(agent, folder, below, listing, files);
    let sources = match read_text(&path.join("pyproject.toml"))? {
        Some(project) => sources.with_project(&project),
        None => sources,
    };
    Ok((sources, warnings))
}
