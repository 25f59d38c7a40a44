//! Resolves symbolic links. The target's content is copied or shipped, so the target is what
//! counts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::effects::path::real_path;

/// A path in a folder, as a link.
pub(in crate::effects) enum Link {
    /// Not a link.
    No,
    /// The real path, inside the folder.
    Inside(PathBuf),
    /// The link's text.
    Outside(String),
    Broken(String),
}

/// Follows a link. `folder` must be a real path.
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
