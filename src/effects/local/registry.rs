//! Lists the directories in which this user's local AgentCores keep their state. Each is in a
//! target directory, and the next run may use another one (`CARGO_TARGET_DIR`), so the list is in
//! the user's cache.

use std::path::{Path, PathBuf};

use super::process::RECORD;
use crate::{
    effects::{cache, files, folder::Folder},
    error::Failure,
};

/// Adds a workspace's directory to the list, and removes directories that no longer exist.
pub(crate) fn remember(dir: &Folder, workspace: &Path) -> Result<(), Failure> {
    remember_in(&cache::folder()?, dir, workspace)
}

fn remember_in(cache: &Folder, dir: &Folder, workspace: &Path) -> Result<(), Failure> {
    // Another process's unfinished file would look like one of a directory that does not exist.
    let _lock = cache.lock(cache::running::LOCK, || {})?;
    let list = cache.join(cache::HOMES);
    for name in list.names()? {
        let place = list.read_text(&name)?.as_deref().and_then(read);
        if place.is_none_or(|(_, directory)| !files::exists(&directory)) {
            list.remove_file(&name)?;
        }
    }
    let directory = dir.path();
    // Other paths cannot be recorded.
    let (Some(workspace), Some(path)) = (workspace.to_str(), directory.to_str()) else {
        return Ok(());
    };
    let name = &files::hash(path.as_bytes())[..16];
    Ok(list.write(name, format!("{workspace}\n{path}\n").as_bytes())?)
}

/// Returns other directories in which the same project of the same workspace has state.
pub(crate) fn elsewhere(dir: &Folder, workspace: &Path) -> Result<Vec<PathBuf>, Failure> {
    let list = cache::folder()?.join(cache::HOMES);
    let here = dir.path();
    let project = |path: &Path| {
        path.parent()
            .and_then(Path::file_name)
            .map(ToOwned::to_owned)
    };
    let mut found = Vec::new();
    for name in list.names()? {
        let Some((of, directory)) = list.read_text(&name)?.as_deref().and_then(read) else {
            continue;
        };
        let is_another = directory != here && of == workspace;
        let is_same_project = project(&directory) == project(&here);
        if is_another && is_same_project && files::exists(&directory.join(RECORD)) {
            found.push(directory);
        }
    }
    Ok(found)
}

/// Returns the workspace and the directory.
fn read(text: &str) -> Option<(PathBuf, PathBuf)> {
    let (workspace, directory) = text.trim_end().split_once('\n')?;
    Some((PathBuf::from(workspace), PathBuf::from(directory)))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn directories_are_added_at_the_same_time() {
        let root = tempfile::tempdir().unwrap();
        let folder = |name: &str| Folder::private(root.path().to_owned()).join(name);
        let cache = folder("cache");
        thread::scope(|scope| {
            for number in 0..8 {
                let (cache, dir) = (&cache, folder(&format!("home-{number}")));
                scope.spawn(move || {
                    dir.create().unwrap();
                    for _ in 0..50 {
                        remember_in(cache, &dir, Path::new("/workspace")).unwrap();
                    }
                });
            }
        });
        let list = cache.join(cache::HOMES);
        assert_eq!(list.names().unwrap().len(), 8);
    }
}
