//! Runs external programs: uv, pip and Python.
//!
//! A checkout may be hostile, and all of these programs read what is around them: virtual
//! environments, version files, configuration, modules to import. So they are never taken from the
//! checkout, run in a directory that no checkout controls, and get their settings only from the
//! user.
#![expect(
    clippy::disallowed_methods,
    reason = "programs are looked for and started here"
)]

mod run;
pub(crate) mod settings;
pub(crate) mod uv_config;

use std::{
    env::consts::EXE_SUFFIX,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub(crate) use self::run::{Answer, ask_python, cores, known_to_uv, pythons, run};
use self::settings::Passed;
use super::{env, path::real_path};
use crate::system::{System, python};

/// The directories with untrusted content: the workspace, and the repository around it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checkout {
    roots: Vec<PathBuf>,
}

impl Checkout {
    pub(crate) fn around(workspace: &Path) -> Self {
        let home = env::home_dir().and_then(|home| real_path(home).ok());
        let Ok(workspace) = real_path(workspace) else {
            return Self::default();
        };
        let repository = workspace
            .ancestors()
            .find(|at| at.join(".git").exists())
            // A home directory under version control is not an untrusted checkout.
            .filter(|at| !home.as_ref().is_some_and(|home| home.starts_with(at)));
        let mut roots = vec![workspace.clone()];
        roots.extend(repository.map(Path::to_owned));
        Self { roots }
    }

    /// Returns whether the path, with links resolved, is inside. A path that cannot be resolved is
    /// judged as written.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        let real = real_path(path).unwrap_or_else(|_| path.to_owned());
        self.roots
            .iter()
            .any(|root| real.starts_with(root) || path.starts_with(root))
    }

    /// Returns the outermost of its directories.
    pub(crate) fn outermost(&self) -> Option<&Path> {
        let roots = self.roots.iter();
        roots
            .min_by_key(|root| root.components().count())
            .map(PathBuf::as_path)
    }
}

/// Finds programs in the directories of PATH outside the checkout.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    checkout: Checkout,
    path: Vec<PathBuf>,
    /// True if uv and pip must not download anything.
    offline: bool,
}

impl Programs {
    pub(crate) fn outside(checkout: Checkout) -> Self {
        let mut path = env::search_path();
        let beyond = env::user_directories(|home| python::beyond_path(System::HERE, home));
        path.extend(beyond);
        path.retain(|directory| !checkout.holds(directory));
        Self {
            checkout,
            path,
            offline: env::is_cargo_offline(),
        }
    }

    pub(crate) fn stay_offline(&mut self) {
        self.offline = true;
    }

    pub(crate) fn is_offline(&self) -> bool {
        self.offline
    }

    /// Returns the program with this name.
    pub(crate) fn find(&self, name: &str) -> Option<PathBuf> {
        let file = format!("{name}{EXE_SUFFIX}");
        let mut candidates = self.path.iter().map(|directory| directory.join(&file));
        candidates.find(|path| is_program(path) && self.may_run(path))
    }

    /// Returns a program with this name that is not used because it is in the checkout.
    pub(crate) fn passed_over(&self, name: &str) -> Option<PathBuf> {
        let file = format!("{name}{EXE_SUFFIX}");
        let mut candidates = env::search_path()
            .into_iter()
            .map(|directory| directory.join(&file));
        candidates.find(|path| is_program(path) && self.checkout.holds(path))
    }

    pub(crate) fn may_run(&self, program: &Path) -> bool {
        !self.checkout.holds(program)
    }

    /// Returns the directories in which programs are looked up.
    pub(crate) fn path(&self) -> &[PathBuf] {
        &self.path
    }

    /// Returns a command that is isolated from the checkout.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let directory = neutral();
        let mut command = Command::new(program);
        command.current_dir(&directory).stdin(Stdio::null());
        for (name, value) in env::all() {
            match settings::passed(&name, &value) {
                Passed::AsItIs => {}
                Passed::As(value) => {
                    command.env(name, value);
                }
                Passed::Not => {
                    command.env_remove(name);
                }
            }
        }
        command
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .env("PIP_ROOT_USER_ACTION", "ignore")
            .env("PIP_NO_INPUT", "1")
            .env("PIP_USER", "0")
            .env("UV_NO_PROGRESS", "1");
        if self.offline {
            command.env("UV_OFFLINE", "1").env("PIP_NO_INDEX", "1");
        }
        // Shells and shims trust these variables.
        command.env("PWD", &directory).env_remove("OLDPWD");
        command.env("PATH", self.joined());
        command
    }

    /// Joins the directories. One that contains the separator cannot be in PATH anyway.
    fn joined(&self) -> OsString {
        std::env::join_paths(&self.path).unwrap_or_default()
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && may_be_run(&found))
}

#[cfg(unix)]
fn may_be_run(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o111 != 0
}

/// Files with the right extension are programs.
#[cfg(not(unix))]
fn may_be_run(_found: &fs::Metadata) -> bool {
    true
}

/// Returns a directory that neither a checkout nor another user can write to.
fn neutral() -> PathBuf {
    if System::HERE.is_windows() {
        let system = env::var("SystemRoot").map(PathBuf::from);
        return system
            .or_else(env::home_dir)
            .unwrap_or_else(|| PathBuf::from("C:\\Windows"));
    }
    PathBuf::from("/")
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn program(directory: &Path, name: &str) -> PathBuf {
        fs::create_dir_all(directory).expect("a directory");
        let path = directory.join(name);
        fs::write(&path, "").expect("a file");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&path, mode).expect("it is ours");
        path
    }

    fn programs(checkout: &Path, path: &[PathBuf]) -> Programs {
        let checkout = Checkout::around(checkout);
        let mut path = path.to_vec();
        path.retain(|directory| !checkout.holds(directory));
        Programs {
            checkout,
            path,
            offline: false,
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
        fs::write(directories[1].join("uv"), "").expect("a file");
        let uv = program(&directories[2], "uv");
        let found = programs(Path::new("/nowhere"), &directories);
        assert_eq!(found.find("uv"), Some(uv));
        assert_eq!(found.find("pip"), None);
    }

    #[test]
    fn no_program_of_the_checkout_is_found_not_even_through_a_link() {
        let home = tempfile::tempdir().expect("a directory");
        let checkout = home.path().join("checkout");
        let own = home.path().join("bin");
        program(&checkout.join("bin"), "uv");
        program(&own, "other");
        symlink(checkout.join("bin/uv"), own.join("uv")).expect("a link");
        symlink(&checkout, home.path().join("link")).expect("a link");
        let path = [
            checkout.join("bin"),
            home.path().join("link/bin"),
            own.clone(),
        ];
        let found = programs(&checkout, &path);
        assert_eq!(found.find("uv"), None);
        assert_eq!(found.find("other"), Some(own.join("other")));
        assert_eq!(found.path(), [own]);
    }

    #[test]
    fn the_repository_around_a_workspace_belongs_to_the_checkout() {
        let home = tempfile::tempdir().expect("a directory");
        let workspace = home.path().join("repository/agents");
        fs::create_dir_all(home.path().join("repository/.git")).expect("a directory");
        fs::create_dir_all(&workspace).expect("a directory");
        let checkout = Checkout::around(&workspace);
        assert!(checkout.holds(&home.path().join("repository/.venv/bin/python")));
        assert!(!checkout.holds(&home.path().join("elsewhere")));
    }
}
