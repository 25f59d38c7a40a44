//! Inspects the destination of a new project and its parents, and writes the project in one step.
#![expect(clippy::disallowed_methods, reason = "the new project is written here")]

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use ignore::gitignore::GitignoreBuilder;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    effects::{
        env,
        files::{self, FileError},
        programs::{Checkout, Programs},
    },
    error::Failure,
    plan::new::{Destination, Enclosing},
    scaffold::Files,
    text::path::folded,
};

/// Returns an absolute path without `.` and `..`. It need not exist.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let current = env::current_dir().map_err(|error| {
        Failure::world(format!("cannot determine the current directory: {error}"))
    })?;
    Ok(folded(&current.join(path)))
}

pub(crate) fn observe(path: &Path) -> Result<Destination, Failure> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Destination::Free),
        Err(error) => Err(FileError::new("look at", path, error).into()),
        Ok(_) if !path.is_dir() => Ok(Destination::File),
        Ok(_) => {
            let names = files::names_in(path)?;
            // The next run removes what a killed one left.
            Ok(
                if names.iter().all(|name| name.starts_with(files::TEMPORARY)) {
                    Destination::EmptyDirectory
                } else {
                    Destination::Directory
                },
            )
        }
    }
}

/// Returns the nearest workspace above `path`, unless it excludes `path`. `folders` are those of the
/// new project that cargo could take for members too.
pub(crate) fn enclosing(path: &Path, folders: &[PathBuf]) -> Option<Enclosing> {
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
        let is_excluded = list("exclude").iter().any(|out| {
            let out = out.trim_start_matches("./").trim_end_matches('/');
            folder == out || folder.starts_with(&format!("{out}/"))
        });
        if is_excluded {
            return None;
        }
        let all = std::iter::once(path.to_owned());
        let all: Vec<PathBuf> = all
            .chain(folders.iter().map(|inner| path.join(inner)))
            .collect();
        let taking = list("members")
            .into_iter()
            .find(|pattern| all.iter().any(|path| matches(above, pattern, path)));
        return Some(Enclosing {
            manifest,
            taking,
            folder,
        });
    }
    None
}

/// Returns the nearest manifest above `path`.
pub(crate) fn manifest_above(path: &Path) -> Option<PathBuf> {
    path.ancestors()
        .skip(1)
        .map(|above| above.join("Cargo.toml"))
        .find(|manifest| manifest.is_file())
}

/// Returns the directory of the nearest project above `path` that has agents.
pub(crate) fn project_above(path: &Path) -> Option<PathBuf> {
    path.ancestors().skip(1).find_map(|above| {
        let text = fs::read_to_string(above.join("Cargo.toml")).ok()?;
        let root = DeTable::parse(&text).ok()?;
        let has_agents = ["workspace", "package"].into_iter().any(|head| {
            let table = root.get_ref().get(head).map(Spanned::get_ref);
            let metadata = table.and_then(|table| table.get("metadata"));
            let ours = metadata.and_then(|metadata| metadata.get_ref().get("agentcore"));
            ours.is_some()
        });
        has_agents.then(|| above.to_owned())
    })
}

fn strings(list: Option<&DeValue<'_>>) -> Vec<String> {
    let items = list.and_then(DeValue::as_array).into_iter().flatten();
    items
        .filter_map(|item| item.get_ref().as_str().map(str::to_owned))
        .collect()
}

/// Returns whether cargo's pattern matches the path. It matches whole paths, and one star matches
/// one folder.
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

/// Writes the whole project to a temporary directory and moves it into place. An existing directory
/// is kept, and an interrupted run leaves nothing that looks like a project. Calls `finish` on the
/// project before the move and `declare` after it; if one of them fails, nothing is left. Errors
/// name the final path.
pub(crate) fn create(
    path: &Path,
    files: &Files,
    finish: impl FnOnce(&Path) -> Result<(), Failure>,
    declare: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    // Missing parent directories are created together with the project, or not at all.
    let place = path.ancestors().find(|at| at.exists()).unwrap_or(path);
    if place == path {
        sweep(place)?;
    }
    let aside = tempfile::Builder::new()
        .prefix(files::TEMPORARY)
        .tempdir_in(place)
        .map_err(|error| FileError::new("write into", place, error))?;
    let root = aside.path().join(path.strip_prefix(place).unwrap_or(path));
    fs::create_dir_all(&root)
        .map_err(|error| FileError::new("create the directory", path, error))?;
    for (relative, content) in files {
        let full = root.join(relative);
        fs::create_dir_all(full.parent().unwrap_or(&root))
            .and_then(|()| fs::write(&full, content))
            .map_err(|error| FileError::new("write", &path.join(relative), error))?;
    }
    finish(&root)?;
    let mut moved = Vec::new();
    let done = move_into(place, aside.path(), &mut moved)
        .map_err(Failure::from)
        .and_then(|()| declare());
    done.inspect_err(|_| {
        // Moved back, to be removed with `aside`.
        for name in &moved {
            let _ = fs::rename(place.join(name), aside.path().join(name));
        }
    })
}

/// Moves the content of `aside` without overwriting anything, the manifest last.
fn move_into(place: &Path, aside: &Path, moved: &mut Vec<String>) -> Result<(), FileError> {
    let mut names = files::names_in(aside)?;
    names.sort_by_key(|name| name == "Cargo.toml");
    for name in names {
        let to = place.join(&name);
        let free = match fs::symlink_metadata(&to) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(ErrorKind::AlreadyExists.into()),
        };
        free.and_then(|()| fs::rename(aside.join(&name), &to))
            .map_err(|error| FileError::new("create", &to, error))?;
        moved.push(name);
    }
    Ok(())
}

/// Removes what a killed run left in a directory that counts as empty.
fn sweep(directory: &Path) -> Result<(), FileError> {
    for name in files::names_in(directory)? {
        if name.starts_with(files::TEMPORARY) {
            files::remove_tree(&directory.join(name))?;
        }
    }
    Ok(())
}

/// Returns whether the path is inside a git repository.
pub(crate) fn in_repository(path: &Path) -> bool {
    path.ancestors()
        .skip(1)
        .any(|above| above.join(".git").exists())
}

/// Returns where to look up programs: not in the current directory, which may be an untrusted
/// checkout, unless it is the home directory or above.
fn programs() -> Programs {
    let here = env::current_dir().unwrap_or_default();
    let is_home = env::home_dir().is_some_and(|home| home.starts_with(&here));
    Programs::outside(if is_home {
        Checkout::default()
    } else {
        Checkout::around(&here)
    })
}

/// Returns whether git is on PATH.
pub(crate) fn has_git() -> bool {
    programs().find("git").is_some()
}

/// Runs `git init`.
pub(crate) fn git_init(path: &Path) -> Result<(), Failure> {
    let programs = programs();
    let git = programs.find("git").unwrap_or_else(|| "git".into());
    let output = programs
        .command(git)
        .args(["init", "--quiet"])
        .arg(absolute(path)?)
        .output()
        .map_err(|error| Failure::world(format!("cannot run git: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::world("`git init` failed")
        .note(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        .help("`--vcs none` creates the project without a repository"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> Files {
        ["Cargo.toml", "README.md", "agent/main.py"]
            .into_iter()
            .map(|name| (name.into(), name.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn what_was_moved_is_taken_away_where_the_rest_cannot_follow() {
        for taken in ["Cargo.toml", "README.md", "agent"] {
            let home = tempfile::tempdir().expect("a directory");
            let file = home.path().join(taken);
            let failure = create(
                home.path(),
                &project(),
                |_| {
                    fs::write(&file, "somebody else's").expect("a file");
                    Ok(())
                },
                || Ok(()),
            )
            .expect_err("the name is taken");
            let expected = format!("cannot create `{}`", file.display());
            assert!(failure.messages[0].what.starts_with(&expected));
            assert_eq!(files::names_in(home.path()).expect("names"), [taken]);
            assert_eq!(fs::read(&file).expect("a file"), b"somebody else's");
        }
    }

    #[test]
    fn what_is_missing_on_the_way_is_made_with_the_project_or_not_at_all() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("a/b/c");
        let refuse = || Err(Failure::world("no"));
        for refused in [
            create(&path, &project(), |_| refuse(), || Ok(())),
            create(&path, &project(), |_| Ok(()), refuse),
        ] {
            assert!(refused.is_err());
            assert!(files::names_in(home.path()).expect("names").is_empty());
        }
        create(&path, &project(), |_| Ok(()), || Ok(())).expect("a project");
        assert!(path.join("agent/main.py").is_file());
        assert_eq!(files::names_in(home.path()).expect("names"), ["a"]);
    }

    #[test]
    fn the_manifest_comes_last() {
        let home = tempfile::tempdir().expect("a directory");
        let mut order = Vec::new();
        let aside = home.path().join("aside");
        create(&aside, &project(), |_| Ok(()), || Ok(())).expect("a project");
        move_into(home.path(), &aside, &mut order).expect("free names");
        assert_eq!(order, ["README.md", "agent", "Cargo.toml"]);
    }

    #[test]
    fn what_a_killed_run_left_is_nobodys() {
        let home = tempfile::tempdir().expect("a directory");
        let left = home.path().join(format!("{}x/agent", files::TEMPORARY));
        fs::create_dir_all(&left).expect("a directory");
        assert_eq!(
            observe(home.path()).expect("a directory"),
            Destination::EmptyDirectory
        );
        create(home.path(), &project(), |_| Ok(()), || Ok(())).expect("a project");
        assert_eq!(
            files::names_in(home.path()).expect("names"),
            ["Cargo.toml", "README.md", "agent"]
        );
    }
}
