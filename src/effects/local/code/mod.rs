//! Prepares the code of a deployed version to run on this machine.
//!
//! The agent's own files come from the archive. Its dependencies are installed for this machine in
//! exactly the versions of the archive, in the user's cache. Modules outside the archive cannot be
//! imported.
#![expect(clippy::disallowed_methods, reason = "archives are unpacked here")]

mod archive;
pub(crate) mod debugger;
mod dependencies;
pub(crate) mod image;
pub(crate) mod layers;
mod python;

use std::{
    collections::BTreeSet,
    fmt::Display,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use self::archive::Archive;
use crate::{
    config::PROGRAM_ENTRY,
    effects::{
        cache,
        files::{self, FileError},
        folder::Folder,
        programs::Programs,
    },
    error::Failure,
    package::program,
};

/// Loaded by each of the agent's Python processes.
pub(super) const HOOK: &str = include_str!("../hook.py");
/// The marker of a complete folder.
const COMPLETE: &str = ".cargo-agentcore-complete";

fn is_complete(home: &Path) -> bool {
    files::exists(&home.join(COMPLETE))
}

/// Returns a folder of the user's cache that is complete once `make` has filled it. It stays until
/// this process ends.
fn in_cache(
    name: &str,
    is_complete: impl Fn(&Path) -> bool,
    mut make: impl FnMut(&Path) -> Result<(), Failure>,
) -> Result<PathBuf, Failure> {
    cache::ensure(
        name,
        is_complete,
        || {},
        |home| {
            let made = make(home)
                .and_then(|()| Ok(Folder::private(home.to_owned()).write(COMPLETE, b"")?));
            if made.is_err() {
                files::remove_tree(home)?;
            }
            made
        },
    )
}

/// A version that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code {
    /// The agent's own files, as in the archive. Each session works on a copy.
    pub(crate) own: PathBuf,
    pub(crate) dependencies: Option<PathBuf>,
    pub(crate) python: PathBuf,
    /// The file that starts the agent, if the code itself says so.
    pub(crate) script: Option<String>,
    /// True if the script only starts a program that is not Python.
    pub(crate) is_program: bool,
    /// A difference from AWS that the user should know.
    pub(crate) warning: Option<String>,
}

/// What an agent's code needs on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Surroundings {
    pub(crate) dependencies: Option<PathBuf>,
    pub(crate) python: PathBuf,
    /// A difference from AWS that the user should know.
    pub(crate) warning: Option<String>,
}

/// Prepares the code of an archive. `home` is a folder for this version; `runtime` is a minor
/// version of Python, such as `3.13`.
pub(crate) fn prepare(
    archive: &Path,
    home: &Path,
    runtime: &str,
    programs: &Programs,
) -> Result<Code, Failure> {
    let mut opened = Archive::open(archive)?;
    let Surroundings {
        dependencies,
        python,
        warning,
    } = surroundings(&mut opened, archive, runtime, programs)?;
    files::remove_tree(home)?;
    files::create_dir_all(home)?;
    let own = std::mem::take(&mut opened.own);
    let own: BTreeSet<&str> = own.iter().map(String::as_str).collect();
    opened.extract(archive, &own, home)?;
    let is_program = starts_program(home);
    Ok(Code {
        own: home.to_owned(),
        dependencies,
        python,
        script: None,
        is_program,
        // Any Python can start a program.
        warning: warning.filter(|_| !is_program),
    })
}

fn starts_program(home: &Path) -> bool {
    let entry = std::fs::read_to_string(home.join(PROGRAM_ENTRY));
    entry.is_ok_and(|text| program::is_entry(&text))
}

/// Prepares the dependencies of an archive, for code from elsewhere.
pub(crate) fn prepare_surroundings(
    archive: &Path,
    runtime: &str,
    programs: &Programs,
) -> Result<Surroundings, Failure> {
    surroundings(&mut Archive::open(archive)?, archive, runtime, programs)
}

fn surroundings(
    opened: &mut Archive,
    archive: &Path,
    runtime: &str,
    programs: &Programs,
) -> Result<Surroundings, Failure> {
    let python = python::find(runtime, programs)?;
    let environment = python::environment(&python, programs)?;
    let dependencies = dependencies::ensure(opened, archive, &python, programs)?;
    let warning = (python.minor != runtime).then(|| {
        format!(
            "the agent runs on Python {} here and on Python {runtime} in AWS: \
             `uv python install {runtime}` installs the same version",
            python.minor
        )
    });
    Ok(Surroundings {
        dependencies,
        python: environment,
        warning,
    })
}

/// Copies the agent's own files for a session.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), FileError> {
    files::create_dir_all(to)?;
    let failed = |error| FileError::new("read", from, error);
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let target = to.join(entry.file_name());
        if entry.file_type().map_err(failed)?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)
                .map_err(|error| FileError::new("write", &target, error))?;
        }
    }
    Ok(())
}

fn write(path: &Path, content: &mut impl Read, executable: bool) -> Result<(), FileError> {
    let failed = |error| FileError::new("write", path, error);
    if let Some(parent) = path.parent() {
        files::create_dir_all(parent)?;
    }
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if executable { 0o700 } else { 0o600 });
    }
    #[cfg(not(unix))]
    let _ = executable;
    let mut file = options.open(path).map_err(failed)?;
    io::copy(content, &mut file).map_err(failed)?;
    Ok(())
}

fn unreadable(path: &Path, error: &dyn Display) -> Failure {
    Failure::world(format!(
        "cannot read the archive `{}`: {error}",
        path.display()
    ))
}

fn failed_to(what: &str, said: &str) -> Failure {
    Failure::world(format!("cannot {what}")).note(said.to_owned())
}
