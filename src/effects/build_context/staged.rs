//! A copy of the context for a builder on this machine.

use std::{
    fs::{self, File},
    path::Path,
};

use super::Context;
use crate::{
    effects::{
        files::{self, FileError},
        folder::Folder,
    },
    package::build_context::Kind,
};

/// The names in the folder of the copy.
pub(crate) const CONTEXT: &str = "context";
pub(crate) const DOCKERFILE: &str = "Dockerfile";

/// Copies the Dockerfile and the context into an empty folder. Files keep their times, because
/// builds with cache mounts compare them.
pub(crate) fn stage(context: &Context, folder: &Folder) -> Result<(), FileError> {
    folder.remove_whole()?;
    folder.create()?;
    let place = folder.path();
    let root = place.join(CONTEXT);
    files::create_dir_all(&root)?;
    folder.write(DOCKERFILE, &context.dockerfile)?;
    for entry in &context.entries {
        let to = root.join(&entry.path);
        if let Some(parent) = to.parent() {
            files::create_dir_all(parent)?;
        }
        let from = context.root.join(&entry.path);
        match &entry.kind {
            Kind::Folder => files::create_dir_all(&to)?,
            Kind::File { .. } => copy(&from, &to)?,
            Kind::Link(text) => link(text, &from, &to)?,
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), FileError> {
    let copied = fs::copy(from, to).and_then(|_| {
        let modified = fs::metadata(from)?.modified()?;
        File::options()
            .append(true)
            .open(to)?
            .set_modified(modified)
    });
    copied.map_err(|error| FileError::new("copy", from, error))
}

#[cfg(unix)]
fn link(text: &str, _from: &Path, to: &Path) -> Result<(), FileError> {
    std::os::unix::fs::symlink(text, to).map_err(|error| FileError::new("write", to, error))
}

/// Links need a special right there.
#[cfg(not(unix))]
fn link(_text: &str, from: &Path, to: &Path) -> Result<(), FileError> {
    if from.is_dir() {
        files::create_dir_all(to)
    } else {
        copy(from, to)
    }
}
