//! Keeps what a checkout asked for and the user confirmed, so that the user is asked only once per
//! folder and request. It is stored in the user's cache.

use std::path::{Path, PathBuf};

use super::{cache, checkout, files, folder::FolderFile};
use crate::error::Failure;

/// What needs the user's consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked<'a> {
    /// An AWS profile named in Cargo.toml.
    Profile(&'a str),
    /// A directory outside the checkout whose files are to be shipped.
    Source(&'a Path),
}

pub(crate) fn is_given(workspace: &Path, asked: Asked<'_>) -> Result<bool, Failure> {
    let (file, text) = place(workspace, asked)?;
    Ok(file.read_text()?.as_ref() == Some(&text))
}

pub(crate) fn give(workspace: &Path, asked: Asked<'_>) -> Result<(), Failure> {
    let (file, text) = place(workspace, asked)?;
    Ok(file.write(text.as_bytes())?)
}

/// Returns the file and its content once consent was given, which the user can read and delete.
fn place(workspace: &Path, asked: Asked<'_>) -> Result<(FolderFile, String), Failure> {
    let folder: PathBuf = checkout::real(workspace);
    let (kind, what) = match asked {
        Asked::Profile(profile) => ("profile", profile.to_owned()),
        Asked::Source(source) => ("source", format!("{}", checkout::real(source).display())),
    };
    // `{:?}` separates the parts unambiguously.
    let text = format!("{kind} {what:?} in {:?}\n", folder.display().to_string());
    let name = files::hash(text.as_bytes())[..32].to_owned();
    Ok((cache::folder()?.join("confirmed").file(name), text))
}
