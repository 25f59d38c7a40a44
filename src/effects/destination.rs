//! Where a new project goes: what is there, what is above it, and writing it in one piece.
#![expect(clippy::disallowed_methods, reason = "the new project is written here")]

use std::{
    env::consts::EXE_SUFFIX,
    fs,
    path::{Component, Path, PathBuf},
    process::Command,
};

use ignore::gitignore::GitignoreBuilder;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    env,
    files::{self, FileError},
    source::executable,
};
use crate::{
    error::Failure,
    plan::new::{Destination, Enclosing},
    scaffold::Files,
};

/// The absolute path, without `.` and `..`, of something that need not exist.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let current = env::current_dir()
        .map_err(|error| Failure::world(format!("cannot tell the current directory: {error}")))?;
    let mut whole = PathBuf::new();
    for part in current.join(path).components() {
        match part {
            Component::ParentDir => {
                whole.pop();
            }
            Component::CurDir => {}
            other => whole.push(other),
        }
    }
    Ok(whole)
}

pub(crate) fn observe(path: &Path) -> Result<Destination, Failure> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Destination::Free),
        Err(error) => Err(FileError::new("look at", path, error).into()),
        Ok(_) if !path.is_dir() => Ok(Destination::File),
        Ok(_) => {
            let mut entries =
                fs::read_dir(path).map_err(|error| FileError::new("read", path, error))?;
            Ok(if entries.next().is_none() {
                Destination::EmptyDirectory
            } else {
                Destination::Directory
            })
        }
    }
}

/// The nearest workspace above `path` whose member patterns take it in.
pub(crate) fn enclosing(path: &Path) -> Option<Enclosing> {
    for above in path.ancestors().skip(1) {
        let manifest = above.join("Cargo.toml");
        let Ok(text) = fs::read_to_string(&manifest) else {
            continue;
        };
        let Ok(root) = DeTable::parse(&text) else {
            continue;
        };
        let Some(workspace) = root.get_ref().get("workspace") else {
            continue;
        };
        let list = |key: &str| strings(workspace.get_ref().get(key).map(Spanned::get_ref));
        let folder = path
            .strip_prefix(above)
            .ok()?
            .to_string_lossy()
            .replace('\\', "/");
        if list("exclude")
            .iter()
            .any(|out| folder == *out || folder.starts_with(&format!("{out}/")))
        {
            return None;
        }
        let pattern = list("members")
            .into_iter()
            .find(|pattern| matches(above, pattern, path))?;
        return Some(Enclosing {
            manifest,
            pattern,
            folder,
        });
    }
    None
}

fn strings(list: Option<&DeValue<'_>>) -> Vec<String> {
    let items = list.and_then(DeValue::as_array).into_iter().flatten();
    items
        .filter_map(|item| item.get_ref().as_str().map(str::to_owned))
        .collect()
}

/// Cargo's patterns match whole paths, one star a folder.
fn matches(root: &Path, pattern: &str, path: &Path) -> bool {
    let mut builder = GitignoreBuilder::new(root);
    let rooted = format!(
        "/{}",
        pattern
            .trim_start_matches("./")
            .trim_start_matches('/')
            .trim_end_matches('/')
    );
    if builder.add_line(None, &rooted).is_err() {
        return false;
    }
    builder
        .build()
        .is_ok_and(|built| built.matched(path, true).is_ignore())
}

/// Writes the whole project aside and puts it in place in one step: a run that is cut short leaves
/// nothing. `finish` is called on the directory before that. An error names the place that is meant.
pub(crate) fn create(
    path: &Path,
    files: &Files,
    finish: impl FnOnce(&Path) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    files::create_dir_all(parent)?;
    let aside = tempfile::Builder::new()
        .prefix(files::TEMPORARY)
        .tempdir_in(parent)
        .map_err(|error| FileError::new("write into", parent, error))?;
    let root = aside.path();
    for (relative, content) in files {
        let full = root.join(relative);
        fs::create_dir_all(full.parent().unwrap_or(root))
            .and_then(|()| fs::write(&full, content))
            .map_err(|error| FileError::new("write", &path.join(relative), error))?;
    }
    finish(root)?;
    open_to_others(root)?;
    // An empty directory is given way to; one that is no longer empty is not.
    fs::remove_dir(path).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(FileError::new("replace the directory", path, error)),
    })?;
    fs::rename(root, path).map_err(|error| FileError::new("create", path, error))?;
    // It is in its place; there is nothing left to remove.
    let _ = aside.keep();
    Ok(())
}

/// A temporary directory is closed to others, a project is not.
#[cfg(unix)]
fn open_to_others(path: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .map_err(|error| FileError::new("change the mode of", path, error))
}

#[cfg(not(unix))]
fn open_to_others(_path: &Path) -> Result<(), FileError> {
    Ok(())
}

/// Whether the place is below a git repository already.
pub(crate) fn in_repository(path: &Path) -> bool {
    path.ancestors()
        .skip(1)
        .any(|above| above.join(".git").exists())
}

/// Whether git is on PATH.
pub(crate) fn has_git() -> bool {
    let file = format!("git{EXE_SUFFIX}");
    env::search_path()
        .into_iter()
        .map(|directory| directory.join(&file))
        .any(|path| path.is_file() && (cfg!(windows) || executable(&path)))
}

/// `git init`.
pub(crate) fn git_init(path: &Path) -> Result<(), Failure> {
    let output = Command::new("git")
        .args(["init", "--quiet"])
        .current_dir(path)
        .output()
        .map_err(|error| Failure::world(format!("cannot run git: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::world("`git init` failed")
        .note(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        .help("`--vcs none` makes the project without a repository"))
}
