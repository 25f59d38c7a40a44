//! Where symbolic links lead. What is copied or shipped is their target's content, so that is judged.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::effects::path::real_path;

/// A path of a folder, as a link.
pub(in crate::effects) enum Link {
    /// It is none.
    No,
    /// The real path, below the folder.
    Inside(PathBuf),
    /// What the link says.
    Outside(String),
    Broken(String),
}

/// The folder's own path has to be a real one.
pub(in crate::effects) fn follow(path: &Path, folder: &Path) -> Link {
    let Ok(target) = fs::read_link(path) else {
        return Link::No;
    };
    match real_path(path) {
        Ok(real) if real.starts_with(folder) => Link::Inside(real),
        Ok(_) => Link::Outside(target.display().to_string()),
        Err(_) => Link::Broken(target.display().to_string()),
    }
}
