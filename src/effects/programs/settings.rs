//! Decides which environment variables reach uv, pip and Python, and which of them affect what is
//! installed.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::super::env;
use crate::system::System;

/// What to do with a variable.
pub(super) enum Passed {
    AsItIs,
    /// Passed with its relative paths made absolute, because the program runs in another directory.
    As(String),
    Not,
}

/// Settings of uv and pip about indexes, versions and access to them. Their other settings are not
/// passed: they would build from sources, install elsewhere, or read the project.
const DECIDING: [&str; 27] = [
    "UV_INDEX",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_NO_INDEX",
    "UV_INDEX_STRATEGY",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_EXCLUDE",
    "UV_RESOLUTION",
    "UV_PRERELEASE",
    "UV_FORK_STRATEGY",
    "UV_EXCLUDE_NEWER",
    "UV_TORCH_BACKEND",
    "UV_REQUIRE_HASHES",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_NO_INDEX",
    "PIP_CONSTRAINT",
    "PIP_PRE",
    "PIP_PREFER_BINARY",
    "PIP_REQUIRE_HASHES",
    "PIP_UPLOADED_PRIOR_TO",
    "PIP_CONFIG_FILE",
    "UV_NO_SOURCES",
];

/// Settings for the user's network, cache and interpreters.
const REACHING: [&str; 36] = [
    "UV_KEYRING_PROVIDER",
    "UV_CACHE_DIR",
    "UV_NO_CACHE",
    "UV_OFFLINE",
    "UV_INSECURE_HOST",
    "UV_NATIVE_TLS",
    "UV_SYSTEM_CERTS",
    "UV_REQUEST_TIMEOUT",
    "UV_LINK_MODE",
    "UV_LOCK_TIMEOUT",
    "UV_NO_PROGRESS",
    "UV_MANAGED_PYTHON",
    "UV_NO_MANAGED_PYTHON",
    "UV_PYTHON_PREFERENCE",
    "UV_PYTHON_DOWNLOADS",
    "UV_PYTHON_DOWNLOADS_JSON_URL",
    "UV_PYTHON_SEARCH_PATH",
    "UV_PYTHON_INSTALL_DIR",
    "UV_PYTHON_INSTALL_MIRROR",
    "UV_PYTHON_CACHE_DIR",
    "UV_CREDENTIALS_DIR",
    "UV_PREVIEW_FEATURES",
    "PIP_CERT",
    "PIP_CLIENT_CERT",
    "PIP_TRUSTED_HOST",
    "PIP_PROXY",
    "PIP_TIMEOUT",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_RETRIES",
    "PIP_CACHE_DIR",
    "PIP_NO_CACHE_DIR",
    "PIP_KEYRING_PROVIDER",
    "PIP_USE_FEATURE",
    "PIP_USE_DEPRECATED",
    "PIP_DISABLE_PIP_VERSION_CHECK",
    "PIP_ROOT_USER_ACTION",
];

/// Prefixes of more such settings: credentials by index, time limits, numbers of connections.
const FAMILIES: [&str; 3] = ["UV_INDEX_", "UV_HTTP_", "UV_CONCURRENT_"];

/// Variables with files or directories.
const PATHS: [&str; 14] = [
    "UV_INDEX",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_EXCLUDE",
    "UV_CACHE_DIR",
    "UV_PYTHON_INSTALL_DIR",
    "PIP_FIND_LINKS",
    "PIP_CONSTRAINT",
    "PIP_CONFIG_FILE",
    "PIP_CACHE_DIR",
];

pub(super) fn passed(name: &OsStr, value: &OsStr) -> Passed {
    let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
        return Passed::AsItIs;
    };
    // These would add other modules or change the output.
    let of_python = name.starts_with("PYTHON") || name == "SOURCE_DATE_EPOCH";
    let of_an_environment = ["VIRTUAL_ENV", "CONDA_PREFIX", "PYENV_DIR"].contains(&name);
    let of_installers = name.starts_with("UV_") || name.starts_with("PIP_");
    let known = DECIDING.contains(&name)
        || REACHING.contains(&name)
        || FAMILIES.iter().any(|family| name.starts_with(family));
    if of_python || of_an_environment || (of_installers && !known) {
        return Passed::Not;
    }
    if PATHS.contains(&name) {
        return Passed::As(absolute(value));
    }
    Passed::AsItIs
}

/// Makes the words of a value absolute that are existing paths in this directory.
fn absolute(value: &str) -> String {
    let Ok(here) = env::current_dir() else {
        return value.to_owned();
    };
    let mut made = String::new();
    for word in value.split_inclusive([' ', ',']) {
        let bare = word.trim_end_matches([' ', ',']);
        // An index can have a name: `name=path`.
        let (name, path) = bare.split_once('=').unwrap_or(("", bare));
        let is_here = !path.is_empty() && !path.contains("://") && here.join(path).exists();
        if is_here && Path::new(path).is_relative() {
            if !name.is_empty() {
                made.extend([name, "="]);
            }
            made.push_str(&here.join(path).to_string_lossy());
            made.push_str(&word[bare.len()..]);
        } else {
            made.push_str(word);
        }
    }
    made
}

/// Returns the settings about indexes and versions, with paths made absolute; the caller reads the
/// files' content.
pub(crate) fn deciding() -> Vec<(&'static str, String)> {
    let set = DECIDING
        .iter()
        .filter_map(|name| Some((*name, env::var(name)?)));
    set.map(|(name, value)| {
        let value = if PATHS.contains(&name) {
            absolute(&value)
        } else {
            value
        };
        (name, value)
    })
    .collect()
}

/// Returns pip's configuration files of the user and the machine.
pub(crate) fn files_of_pip() -> Vec<PathBuf> {
    if env::var("PIP_CONFIG_FILE").is_some() {
        // Already among the variables.
        return Vec::new();
    }
    let at = |name| env::var(name).map(PathBuf::from);
    let is_windows = System::HERE.is_windows();
    let name = if is_windows { "pip.ini" } else { "pip.conf" };
    let home = env::home_dir();
    let below = |folder: &str| home.as_ref().map(|home| home.join(folder));
    let folders = [
        at("XDG_CONFIG_HOME")
            .or_else(|| below(".config"))
            .map(|folder| folder.join("pip")),
        below(if is_windows { "pip" } else { ".pip" }),
        below("Library/Application Support/pip"),
        at("APPDATA").map(|folder| folder.join("pip")),
        at("PROGRAMDATA").map(|folder| folder.join("pip")),
        Some(PathBuf::from("/etc")),
        Some(PathBuf::from("/etc/xdg/pip")),
        Some(PathBuf::from("/Library/Application Support/pip")),
    ];
    folders
        .into_iter()
        .flatten()
        .map(|folder| folder.join(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reaches(name: &str) -> bool {
        !matches!(passed(OsStr::new(name), OsStr::new("x")), Passed::Not)
    }

    #[test]
    fn indexes_and_networks_reach_the_installers_and_nothing_else_of_theirs() {
        for name in [
            "PIP_INDEX_URL",
            "UV_INDEX_CORP_PASSWORD",
            "UV_HTTP_TIMEOUT",
            "HTTPS_PROXY",
            "HOME",
        ] {
            assert!(reaches(name), "{name}");
        }
        for name in [
            "PYTHONPATH",
            "PYTHONSTARTUP",
            "VIRTUAL_ENV",
            "PIP_NO_BINARY",
            "PIP_TARGET",
            "UV_NO_BINARY_PACKAGE",
            "UV_CONFIG_FILE",
            "UV_PROJECT",
            "UV_PYTHON",
        ] {
            assert!(!reaches(name), "{name}");
        }
    }

    #[test]
    fn relative_paths_that_exist_become_absolute() {
        let here = env::current_dir().expect("there is one");
        let made = absolute("Cargo.toml https://h/x,mine=src nowhere");
        let at = |name: &str| here.join(name).display().to_string();
        assert_eq!(
            made,
            format!(
                "{} https://h/x,mine={} nowhere",
                at("Cargo.toml"),
                at("src")
            )
        );
    }
}
