//! What a checkout asked for and the user confirmed, kept in the user's cache: for the same folder and the
//! same thing nobody is asked again.

use std::path::{Path, PathBuf};

use super::{cache, checkout, files, folder::FolderFile};
use crate::error::Failure;

/// What needs the user's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked<'a> {
    /// An AWS profile that Cargo.toml names.
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

/// The file, and what it says when consent was given: a person can read it and delete it.
fn place(workspace: &Path, asked: Asked<'_>) -> Result<(FolderFile, String), Failure> {
    let folder: PathBuf = checkout::real(workspace);
    let (kind, what) = match asked {
        Asked::Profile(profile) => ("profile", profile.to_owned()),
        Asked::Source(source) => ("source", format!("{}", checkout::real(source).display())),
    };
    // `{:?}` keeps the three apart, whatever they contain.
    let text = format!("{kind} {what:?} in {:?}\n", folder.display().to_string());
    let name = files::hash(text.as_bytes())[..32].to_owned();
    Ok((cache::folder()?.join("confirmed").file(name), text))
}
