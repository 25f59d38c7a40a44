//! The process's environment.
#![expect(
    clippy::disallowed_methods,
    reason = "this is where the environment is read"
)]

#[cfg(unix)]
use std::os::fd::AsFd;
use std::{
    env::VarError,
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use crate::{
    error::Failure,
    system::{
        System,
        python::UserDirectories,
        shell::{Hints, Shell},
    },
};

/// Returns a variable unless it is unset or empty.
pub(crate) fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns a variable, which may be empty; an error if it is unset.
pub(crate) fn text(name: &str) -> Result<String, Failure> {
    std::env::var(name).map_err(|error| match error {
        VarError::NotPresent => Failure::usage(format!("the environment has no variable `{name}`"))
            .help(format!("set it, or give the value: `{name}=VALUE`")),
        VarError::NotUnicode(_) => {
            Failure::usage(format!("the environment variable `{name}` is not UTF-8"))
        }
    })
}

/// Returns whether a variable is set to an empty string.
pub(crate) fn is_set_to_nothing(name: &OsStr) -> bool {
    std::env::var_os(name).is_some_and(|value| value.is_empty())
}

/// Returns all variables.
pub(crate) fn all() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os()
}

/// Returns the locale for messages, such as `en_US.UTF-8`.
pub(crate) fn locale() -> Option<String> {
    ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(var)
}

/// Returns the directories of PATH as absolute paths.
pub(crate) fn search_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter_map(|directory| std::path::absolute(directory).ok())
        .collect()
}

/// Cargo's setting for colors, which also applies here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CargoColor {
    Always,
    Never,
    Auto,
}

pub(crate) fn cargo_color() -> CargoColor {
    match var("CARGO_TERM_COLOR").as_deref() {
        Some("always") => CargoColor::Always,
        Some("never") => CargoColor::Never,
        _ => CargoColor::Auto,
    }
}

/// Returns whether cargo is set to be quiet.
pub(crate) fn is_cargo_quiet() -> bool {
    var("CARGO_TERM_QUIET").is_some_and(|value| value == "true")
}

/// Returns whether cargo is set to be offline.
pub(crate) fn is_cargo_offline() -> bool {
    var("CARGO_NET_OFFLINE").is_some_and(|value| value == "true")
}

/// Returns whether output may be colored. Cargo's variable takes precedence over `NO_COLOR` and
/// `TERM`.
pub(crate) fn color_is_welcome(is_terminal: bool) -> bool {
    match cargo_color() {
        CargoColor::Always => true,
        CargoColor::Never => false,
        CargoColor::Auto => {
            is_terminal
                && var("NO_COLOR").is_none()
                && var("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

/// Returns whether both are the same file, pipe or terminal.
#[cfg(unix)]
pub(crate) fn is_one_file(one: impl AsFd, other: impl AsFd) -> bool {
    let places = [rustix::fs::fstat(one), rustix::fs::fstat(other)];
    matches!(places, [Ok(one), Ok(other)] if (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}

pub(crate) fn home_dir() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute())
}

/// Calls `with` with the user's directories.
pub(crate) fn user_directories<T>(with: impl FnOnce(UserDirectories<'_>) -> T) -> T {
    let path = |name| var(name).map(PathBuf::from);
    let (home, roaming) = (home_dir(), path("APPDATA"));
    let (local, data) = (path("LOCALAPPDATA"), path("XDG_DATA_HOME"));
    with(UserDirectories {
        home: home.as_deref(),
        roaming: roaming.as_deref(),
        local: local.as_deref(),
        data: data.as_deref(),
    })
}

/// Returns the user's shell.
pub(crate) fn shell() -> Shell {
    let (msystem, shell) = (var("MSYSTEM"), var("SHELL"));
    let (modules, prompt) = (var("PSModulePath"), var("PROMPT"));
    Shell::of(
        System::HERE,
        Hints {
            msystem: msystem.as_deref(),
            shell: shell.as_deref(),
            modules: modules.as_deref(),
            prompt: prompt.as_deref(),
        },
    )
}

/// Returns the path of this program, to run it again.
pub(crate) fn this_program() -> Result<PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|error| Failure::world(format!("cannot find this program's own file: {error}")))
}

/// Returns this process's arguments, without the program.
pub(crate) fn arguments() -> impl Iterator<Item = OsString> {
    std::env::args_os().skip(1)
}

pub(crate) fn current_dir() -> std::io::Result<PathBuf> {
    std::env::current_dir()
}
