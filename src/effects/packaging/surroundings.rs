//! What decides which uv, pip and Python are found, as far as it is seen without starting a program.
#![expect(clippy::disallowed_methods, reason = "programs are looked for here")]

use std::{
    env::consts::EXE_SUFFIX,
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use crate::effects::{env, files, source::executable};

/// Programs that are asked for by their bare names, the runtime's own Python apart.
const PROGRAMS: [&str; 5] = ["uv", "python3", "python", "pip3", "pip"];

/// Settings of uv, pyenv, asdf, mise and conda that lead to another program.
const SETTINGS: [&str; 14] = [
    "UV_MANAGED_PYTHON",
    "UV_NO_MANAGED_PYTHON",
    "UV_PYTHON_PREFERENCE",
    "UV_PYTHON_SEARCH_PATH",
    "UV_PYTHON_INSTALL_DIR",
    "UV_CONFIG_FILE",
    "UV_NO_CONFIG",
    "CONDA_PREFIX",
    "PYENV_ROOT",
    "PYENV_VERSION",
    "ASDF_DATA_DIR",
    "ASDF_PYTHON_VERSION",
    "MISE_PYTHON_VERSION",
    "MISE_UV_VERSION",
];

/// Files that these tools look for from a directory upwards.
const FOUND_UPWARDS: [&str; 6] = [
    ".python-version",
    ".tool-versions",
    "mise.toml",
    "uv.toml",
    "pyproject.toml",
    ".venv/pyvenv.cfg",
];

/// The programs that bare names lead to, and a text that changes when others may be found.
pub(super) struct Surroundings {
    path: Vec<PathBuf>,
    text: String,
}

/// For a search from `directory`, which is where shims of pyenv and the like look from.
pub(super) fn observe(directory: &Path, python: &str) -> Surroundings {
    let path = env::search_path();
    let mut around = Surroundings {
        text: format!("{path:?}\n"),
        path,
    };
    for name in PROGRAMS.into_iter().chain([python]) {
        let found = around.program(name);
        around.note(name, found.as_deref());
    }
    for name in SETTINGS {
        if let Some(value) = env::var(name) {
            around.text.extend([name, "=", &value, "\n"]);
        }
    }
    for name in FOUND_UPWARDS {
        let mut candidates = directory.ancestors().map(|at| at.join(name));
        let found = candidates.find(|path| path.is_file());
        around.note(name, found.as_deref());
    }
    for place in [chosen_by_pyenv(), installed_by_uv()] {
        around.note("of the user", place.as_deref());
    }
    around
}

impl Surroundings {
    /// The file that a bare name leads to; running it by its path spares another search.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        let file = format!("{name}{EXE_SUFFIX}");
        let mut candidates = self.path.iter().map(|directory| directory.join(&file));
        candidates.find(|path| path.is_file() && (cfg!(windows) || executable(path)))
    }

    pub(super) fn digest(&self) -> String {
        files::hash(self.text.as_bytes())
    }

    fn note(&mut self, what: &str, path: Option<&Path>) {
        let stamp = path.map_or_else(|| "none".to_owned(), |path| stamp(path).unwrap_or_default());
        self.text.extend([what, ": ", &stamp, "\n"]);
    }
}

/// Which file a path leads to, and which state of it; `None` where there is none.
pub(super) fn stamp(path: &Path) -> Option<String> {
    let real = fs::canonicalize(path).ok()?;
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

/// What `pyenv global` writes.
fn chosen_by_pyenv() -> Option<PathBuf> {
    let root = env::var("PYENV_ROOT").map(PathBuf::from);
    Some(
        root.or_else(|| Some(env::home_dir()?.join(".pyenv")))?
            .join("version"),
    )
}

/// The directory that `uv python install` adds to.
fn installed_by_uv() -> Option<PathBuf> {
    env::var("UV_PYTHON_INSTALL_DIR")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var("XDG_DATA_HOME")?).join("uv/python")))
        .or_else(|| Some(env::home_dir()?.join(".local/share/uv/python")))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn around(path: &[PathBuf]) -> Surroundings {
        Surroundings {
            path: path.to_vec(),
            text: String::new(),
        }
    }

    #[test]
    fn a_name_leads_to_the_first_file_that_can_be_run() {
        let home = tempfile::tempdir().expect("a directory");
        let directories = ["a", "b", "c"].map(|name| home.path().join(name));
        for directory in &directories {
            fs::create_dir(directory).expect("a directory");
        }
        fs::create_dir(directories[0].join("uv")).expect("a directory of that name");
        for directory in &directories[1..] {
            fs::write(directory.join("uv"), "").expect("a file");
        }
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(directories[2].join("uv"), mode).expect("it is ours");
        assert_eq!(
            around(&directories).program("uv"),
            Some(directories[2].join("uv"))
        );
        assert_eq!(around(&directories).program("pip"), None);
    }

    #[test]
    fn a_version_file_above_the_directory_belongs_to_the_surroundings() {
        let home = tempfile::tempdir().expect("a directory");
        let below = home.path().join("project/deployment");
        fs::create_dir_all(&below).expect("directories");
        let digest = || observe(&below, "python3.13").digest();
        let without = digest();
        assert_eq!(digest(), without);
        let file = home.path().join("project/.python-version");
        fs::write(&file, "3.13").expect("a file");
        let with = digest();
        assert_ne!(with, without);
        fs::write(&file, "3.13.1").expect("a file");
        assert_ne!(digest(), with);
    }
}
