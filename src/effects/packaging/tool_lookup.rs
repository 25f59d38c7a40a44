//! The environment that determines which uv, pip and Python are found, as far as it can be checked
//! without starting a program.
#![expect(clippy::disallowed_methods, reason = "programs are looked for here")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use crate::{
    effects::{env, files, path::real_path, programs::Programs},
    system::{System, python},
};

/// Programs that are found by name, apart from the runtime's own Python.
const PROGRAMS: [&str; 4] = ["uv", "python3", "python", "py"];

/// Settings of uv, pyenv, asdf, mise and conda that select another program.
const SETTINGS: [&str; 11] = [
    "UV_MANAGED_PYTHON",
    "UV_NO_MANAGED_PYTHON",
    "UV_PYTHON_PREFERENCE",
    "UV_PYTHON_SEARCH_PATH",
    "UV_PYTHON_INSTALL_DIR",
    "PYENV_ROOT",
    "PYENV_VERSION",
    "ASDF_DATA_DIR",
    "ASDF_PYTHON_VERSION",
    "MISE_PYTHON_VERSION",
    "MISE_UV_VERSION",
];

/// Returns a text that changes if other programs may be found.
pub(crate) fn digest(programs: &Programs, runtime: &str) -> String {
    let mut text = format!("{:?}\n", programs.path());
    let mut note = |what: &str, path: Option<&Path>| {
        let stamp = path.map_or_else(|| "none".to_owned(), |path| stamp(path).unwrap_or_default());
        text.extend([what, ": ", &stamp, "\n"]);
    };
    for name in PROGRAMS.into_iter().chain([runtime]) {
        note(name, programs.find(name).as_deref());
    }
    for place in [chosen_by_pyenv(), installed_by_uv()] {
        note("of the user", place.as_deref());
    }
    for name in SETTINGS {
        if let Some(value) = env::var(name) {
            text.extend([name, "=", &value, "\n"]);
        }
    }
    files::hash(text.as_bytes())
}

/// Returns the resolved file and its state; `None` if it does not exist.
pub(crate) fn stamp(path: &Path) -> Option<String> {
    let real = real_path(path).ok()?;
    let found = fs::metadata(&real).ok()?;
    let modified = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!(
        "{} {} {} {}",
        path.display(),
        real.display(),
        found.len(),
        modified.as_nanos()
    ))
}

/// Returns the file that `pyenv global` writes.
fn chosen_by_pyenv() -> Option<PathBuf> {
    let root = env::var("PYENV_ROOT").map(PathBuf::from);
    env::user_directories(|home| python::chosen_by_pyenv(System::HERE, root.as_deref(), home))
}

/// Returns the directory of `uv python install`.
fn installed_by_uv() -> Option<PathBuf> {
    let named = env::var("UV_PYTHON_INSTALL_DIR").map(PathBuf::from);
    named.or_else(|| env::user_directories(|home| python::installed_by_uv(System::HERE, home)))
}
