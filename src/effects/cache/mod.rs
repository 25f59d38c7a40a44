//! The directory for what a user's projects share and can be recreated. It must belong to the user
//! alone: write access there decides what is deployed, and whoever can open a lock there can hold
//! it.

mod entry;
pub(crate) mod running;

use std::path::{Path, PathBuf};

pub(crate) use self::entry::{Contents, Entry, HOMES, Kind, Removal, contents, ensure, keep};
use super::{env, folder::Folder, path::real_path};
use crate::{
    error::Failure,
    system::{System, location},
};

/// Returns the directory, which need not exist yet.
pub(crate) fn directory() -> Result<PathBuf, Failure> {
    Ok(folder()?.path())
}

/// Returns [`directory`] as a folder to read and write in.
pub(crate) fn folder() -> Result<Folder, Failure> {
    let place = place(&Surroundings::observe())?;
    // The user may have made it a link.
    let place = real_path(&place).unwrap_or(place);
    check_owner(&place)?;
    let (Some(parent), Some(name)) = (place.parent(), place.file_name()) else {
        return Err(Failure::world(format!(
            "`{}` cannot be a cache: it is a root directory",
            place.display()
        ))
        .help("set CARGO_AGENTCORE_CACHE_DIR to another directory"));
    };
    Ok(Folder::private(parent.to_owned()).join(name))
}

/// Creates a directory below [`directory`].
pub(crate) fn create(path: &Path) -> Result<(), Failure> {
    let cache = folder()?;
    match path.strip_prefix(cache.path()) {
        Ok(below) => Ok(cache.join(below).create()?),
        // Tests use other directories.
        Err(_) => Ok(Folder::private(path.with_file_name(""))
            .join(path.file_name().unwrap_or_default())
            .create()?),
    }
}

#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "the cache is looked at here")]
fn check_owner(place: &Path) -> Result<(), Failure> {
    use std::{fs, os::unix::fs::MetadataExt as _};

    let us = rustix::process::geteuid().as_raw();
    match fs::metadata(place) {
        Ok(found) if found.uid() != us => Err(Failure::world(format!(
            "the cache `{}` belongs to another user (its owner is user {}, this is user {us})",
            place.display(),
            found.uid()
        ))
        .note("the owner of a cache decides what is deployed from it")
        .help("set CARGO_AGENTCORE_CACHE_DIR to a directory of your own")),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn check_owner(_place: &Path) -> Result<(), Failure> {
    Ok(())
}

/// The variables that decide where the cache is.
struct Surroundings {
    ours: Option<PathBuf>,
    xdg: Option<PathBuf>,
    local_app_data: Option<PathBuf>,
    home: Option<PathBuf>,
}

impl Surroundings {
    fn observe() -> Self {
        let path = |name| env::var(name).map(PathBuf::from);
        Self {
            ours: path("CARGO_AGENTCORE_CACHE_DIR")
                .map(|path| env::current_dir().map_or_else(|_| path.clone(), |at| at.join(&path))),
            xdg: path("XDG_CACHE_HOME"),
            local_app_data: path("LOCALAPPDATA"),
            home: env::home_dir(),
        }
    }
}

fn place(around: &Surroundings) -> Result<PathBuf, Failure> {
    let system = location::caches(
        System::HERE,
        location::Surroundings {
            xdg_cache: around.xdg.as_deref(),
            local_app_data: around.local_app_data.as_deref(),
            home: around.home.as_deref(),
        },
    );
    around
        .ours
        .clone()
        .or_else(|| Some(system?.join("cargo-agentcore")))
        .ok_or_else(|| {
            Failure::world("no home directory was found for the cache")
                .help("set CARGO_AGENTCORE_CACHE_DIR to a directory")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Surroundings {
        Surroundings {
            ours: None,
            xdg: None,
            local_app_data: None,
            home: None,
        }
    }

    #[test]
    fn our_own_variable_names_the_cache_itself() {
        let around = Surroundings {
            ours: Some("/elsewhere".into()),
            home: Some("/home/ann".into()),
            ..nothing()
        };
        assert_eq!(place(&around).expect("a place"), Path::new("/elsewhere"));
    }

    #[test]
    fn without_a_home_the_message_names_the_variable() {
        let failure = place(&nothing()).expect_err("no place");
        assert!(failure.messages[0].help[0].contains("CARGO_AGENTCORE_CACHE_DIR"));
    }
}
