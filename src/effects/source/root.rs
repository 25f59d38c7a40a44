//! Checks whether a directory can be an agent's source.
#![expect(clippy::disallowed_methods, reason = "directories are looked at here")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{SourceRequest, rules::is_made_again, secrets::is_secret_directory};
use crate::{
    effects::{files::FileError, path::real_path},
    error::Failure,
    text::nearest,
};

/// Returns the real path of the directory, or an error if it is missing or a file. `seen_from` says
/// what the path is relative to.
pub(crate) fn directory(shown: &Path, path: &Path, seen_from: &str) -> Result<PathBuf, Failure> {
    let real = real_path(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => missing(shown, path, seen_from),
        _ => FileError::new("read the source", path, error).into(),
    })?;
    if !real.is_dir() {
        let shown = shown.display();
        return Err(Failure::config(format!("the source `{shown}` is a file"))
            .help("name the directory of the agent's Python package"));
    }
    Ok(real)
}

/// Returns the directory, or the reason why it cannot be a source.
pub(super) fn accepted(request: &SourceRequest<'_>) -> Result<PathBuf, Failure> {
    let shown = request.shown.display();
    let root = directory(request.shown, request.path, request.seen_from)?;
    let home = request.home.and_then(|home| real_path(home).ok());
    if root.parent().is_none() || home.as_ref() == Some(&root) {
        return Err(
            Failure::config(format!("the source `{shown}` is a home or root directory"))
                .help("name the directory of the agent's own package"),
        );
    }
    let deployment = request.deployment.and_then(|path| real_path(path).ok());
    if let Some(deployment) = deployment.filter(|deployment| root.starts_with(deployment)) {
        let place = if root == deployment {
            "is the deployment folder itself"
        } else {
            "is in the deployment folder"
        };
        return Err(Failure::config(format!("the source `{shown}` {place}"))
            .help("the deployment folder is for what is shipped besides the sources; keep the sources elsewhere"));
    }
    lasting(request.shown, &root, request.workspace_root, request.target)?;
    Ok(root)
}

/// Refuses a directory that cargo or another tool generates and deletes, or from which nothing is
/// copied. `root` is its real path.
pub(crate) fn lasting(
    shown: &Path,
    root: &Path,
    workspace: &Path,
    target: &Path,
) -> Result<(), Failure> {
    let shown = shown.display();
    let workspace = real_path(workspace).unwrap_or_default();
    let target = real_path(target).ok();
    // A target directory above the workspace does not mark everything in it as generated.
    let target = target.filter(|target| !workspace.starts_with(target));
    if target.is_some_and(|target| root.starts_with(target)) {
        return Err(Failure::config(format!(
            "the source `{shown}` is in cargo's target directory"
        ))
        .note("`cargo clean` deletes it, and git usually ignores it")
        .help("move it elsewhere, and set `source` to that place"));
    }
    match never_copied(root, &workspace) {
        None => Ok(()),
        Some((place, why)) => Err(Failure::config(format!(
            "the source `{shown}` is in `{}`, which is never copied",
            place.display()
        ))
        .note(why)
        .help("name the directory of the agent's own package")),
    }
}

/// Returns the directory that excludes `root` because it is never copied, and the reason. Parents
/// of the workspace do not count.
fn never_copied(root: &Path, workspace: &Path) -> Option<(PathBuf, &'static str)> {
    let inside = |at: &Path| at != workspace && at.starts_with(workspace);
    root.ancestors()
        .enumerate()
        .filter(|(above, at)| inside(at) || (*above == 0 && root != workspace))
        .find_map(|(_, at)| {
            let name = at.file_name()?.to_str()?;
            let why = if is_secret_directory(at) {
                "such a directory contains secrets, or history that may contain some"
            } else if is_made_again(at, name) {
                "it is a cache or a virtual environment, which its tool makes again"
            } else {
                return None;
            };
            Some((at.to_owned(), why))
        })
}

/// Returns the target directory if it is inside this workspace.
pub(super) fn target_within(request: &SourceRequest<'_>) -> Option<PathBuf> {
    let target = real_path(request.target).ok()?;
    let workspace = real_path(request.workspace_root).ok()?;
    (target.starts_with(&workspace) && target != workspace).then_some(target)
}

fn missing(shown: &Path, path: &Path, seen_from: &str) -> Failure {
    let failure = Failure::config(format!("the source `{}` does not exist", shown.display()))
        .note(format!("looked for {}", path.display()));
    let near = path
        .parent()
        .and_then(|parent| fs::read_dir(parent).ok())
        .and_then(|entries| {
            let wanted = path.file_name()?.to_string_lossy().into_owned();
            let names: Vec<String> = entries
                .filter_map(Result::ok)
                .filter(|entry| entry.path().is_dir())
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect();
            nearest(&wanted, names.iter().map(String::as_str)).map(str::to_owned)
        });
    match near {
        Some(name) => failure.help(format!("there is a directory `{name}` beside it")),
        None => failure.help(seen_from),
    }
}
