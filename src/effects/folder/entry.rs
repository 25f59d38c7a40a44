//! The entries of an open directory. Links and anything else unexpected at a name are refused.

use std::{
    io::{self, ErrorKind},
    path::{Component, Path},
};

use super::handle::{Handle, Kind};
use crate::effects::files::{FileError, Obstacle};

/// Opens the directory with this name; refuses a link or a file.
pub(super) fn step(handle: &Handle, name: &str, at: &Path) -> Result<Option<Handle>, FileError> {
    match look(handle, name, at)? {
        None => return Ok(None),
        Some(Kind::Directory) => {}
        Some(_) => return Err(FileError::obstacle("open", at, Obstacle::NoDirectory)),
    }
    match handle.directory(name) {
        Ok(next) => Ok(Some(next)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new("open", at, error)),
    }
}

/// Returns true if a regular file exists; refuses anything else.
pub(super) fn holds_file(
    handle: &Handle,
    name: &str,
    doing: &'static str,
    at: &Path,
) -> Result<bool, FileError> {
    match look(handle, name, at)? {
        None => Ok(false),
        Some(Kind::File) => Ok(true),
        Some(_) => Err(FileError::obstacle(doing, at, Obstacle::NoFile)),
    }
}

/// Returns the kind of the entry; refuses a link.
pub(super) fn look(handle: &Handle, name: &str, at: &Path) -> Result<Option<Kind>, FileError> {
    let mut steps = Path::new(name).components();
    let first = (steps.next(), steps.next());
    if !matches!(first, (Some(Component::Normal(_)), None)) {
        return Err(FileError::obstacle("open", at, Obstacle::Outside));
    }
    match handle.kind(name) {
        Ok(Kind::Link) => Err(FileError::obstacle("open", at, Obstacle::Link)),
        Ok(kind) => Ok(Some(kind)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new("look at", at, error)),
    }
}

pub(super) fn refuse_links_below(handle: &Handle, at: &Path) -> Result<(), FileError> {
    for name in names(handle, at)? {
        let path = at.join(&name);
        if look(handle, &name, &path)? == Some(Kind::Directory)
            && let Some(below) = step(handle, &name, &path)?
        {
            refuse_links_below(&below, &path)?;
        }
    }
    Ok(())
}

pub(super) fn names(handle: &Handle, at: &Path) -> Result<Vec<String>, FileError> {
    let mut names = handle
        .names()
        .map_err(|error| FileError::new("read", at, error))?;
    names.sort();
    Ok(names)
}

pub(super) fn unless_gone(
    done: io::Result<()>,
    doing: &'static str,
    path: &Path,
) -> Result<(), FileError> {
    match done {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(FileError::new(doing, path, error))
        }
        _ => Ok(()),
    }
}
