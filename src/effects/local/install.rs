//! The emulator's installation: a virtual environment in the user's cache, one per version of the
//! requirements, with a marker when it is complete.
use std::{
    env::consts::EXE_SUFFIX,
    ffi::{OsStr, OsString},
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Progress, VERSION};
use crate::{
    effects::{
        cache,
        files::{self, FileError},
        programs::{Checkout, Programs, pythons, uv_config},
    },
    error::Failure,
    system::{System, python::interpreter_in},
    text::last_lines,
};

pub(super) const REQUIREMENTS: &str = include_str!("requirements.txt");
/// The marker of a complete environment.
const MARKER: &str = "cargo-agentcore-complete";

/// Returns the Python that the emulator runs in. Installs it if necessary. Nothing in the
/// workspace, whose root is given, is run or read for it.
pub(super) fn ensure(
    workspace: &Path,
    say: &(dyn Fn(Progress) + Sync),
) -> Result<PathBuf, Failure> {
    let hash = files::hash(REQUIREMENTS.as_bytes());
    let name = format!("ministack-{VERSION}-{}", &hash[..12]);
    let waiting = || say(Progress::Waiting);
    let home = cache::ensure(&name, is_complete, waiting, |home| {
        install(home, Programs::outside(Checkout::around(workspace)), say)
    })?;
    Ok(python_of(&home))
}

/// Keeps the installation with this Python in the cache until this process ends.
pub(super) fn keep(python: &Path) -> Result<(), Failure> {
    match python.parent().and_then(Path::parent) {
        Some(home) => cache::keep(home),
        None => Ok(()),
    }
}

/// Marks a broken installation as incomplete.
pub(super) fn discard(python: &Path) -> Result<(), Failure> {
    let home = python.parent().and_then(Path::parent).unwrap_or(python);
    Ok(files::remove_file(&home.join(MARKER))?)
}

fn is_complete(home: &Path) -> bool {
    files::exists(&home.join(MARKER)) && files::exists(&python_of(home))
}

fn python_of(home: &Path) -> PathBuf {
    interpreter_in(System::HERE, home)
}

/// An installer that failed, and its output.
struct Refusal {
    who: String,
    said: String,
}

/// An installation in progress.
struct Installation<'a> {
    programs: Programs,
    home: &'a Path,
    list: PathBuf,
    say: &'a (dyn Fn(Progress) + Sync),
}

/// Installs with uv or Python's own tools. The user's indexes, proxies and certificates apply; the
/// hashes are checked with any index, and nothing is built.
fn install(
    home: &Path,
    programs: Programs,
    say: &(dyn Fn(Progress) + Sync),
) -> Result<(), Failure> {
    let list = home.with_file_name(format!("{}requirements.txt", files::TEMPORARY));
    let cache = home.parent().unwrap_or(home);
    files::write_atomic(&list, cache, REQUIREMENTS.as_bytes(), false)?;
    let installation = Installation {
        programs,
        home,
        list,
        say,
    };
    let mut refusals = Vec::new();
    let done = match installation.by_uv()? {
        Tried::Done => true,
        Tried::Missing => installation.by_pip(&mut refusals)?,
        Tried::Refused(refusal) => {
            refusals.push(refusal);
            files::remove_tree(home)?;
            installation.by_pip(&mut refusals)?
        }
    };
    files::remove_file(&installation.list)?;
    if done {
        return Ok(files::write_atomic(&home.join(MARKER), home, b"", false)?);
    }
    files::remove_tree(home)?;
    Err(cannot(&refusals))
}

fn cannot(refusals: &[Refusal]) -> Failure {
    if refusals.is_empty() {
        return Failure::world(
            "`--local` needs uv, or Python 3.10 or later, and neither is on PATH",
        )
        .note(format!(
            "the emulator is the Python package ministack {VERSION}; it is installed into a cache of its own"
        ))
        .help("install uv (https://docs.astral.sh/uv/) or Python, and run this again");
    }
    let mut failure = Failure::world(format!(
        "the emulator, ministack {VERSION}, cannot be installed"
    ));
    for refusal in refusals {
        failure = failure.note(format!("{} says:\n{}", refusal.who, refusal.said));
    }
    failure.help("the package index must be reachable: the variables and files that configure uv and pip are respected")
}

enum Tried {
    Done,
    Missing,
    Refused(Refusal),
}

impl Installation<'_> {
    fn tell(&self, with: &str) {
        (self.say)(Progress::Installing {
            with: with.to_owned(),
        });
    }

    fn by_uv(&self) -> Result<Tried, Failure> {
        let Some(uv) = self.programs.find("uv") else {
            return Ok(Tried::Missing);
        };
        if matches!(run("uv", self.command(&uv, ["--version"]))?, Tried::Missing) {
            return Ok(Tried::Missing);
        }
        self.tell("uv");
        let config = self.list.with_extension("toml");
        let cache = self.home.parent().unwrap_or(self.home);
        let settings = uv_config::of_the_user()?.text();
        files::write_atomic(&config, cache, settings.as_bytes(), false)?;
        let tried = self.with_uv(&uv, &config);
        files::remove_file(&config)?;
        tried
    }

    fn with_uv(&self, uv: &Path, config: &Path) -> Result<Tried, Failure> {
        let python = python_of(self.home);
        // Virtual environments are ignored, because they may be the project's.
        let find = self
            .command(
                uv,
                [
                    "python",
                    "find",
                    "--no-config",
                    "--no-project",
                    "--system",
                    ">=3.10",
                ],
            )
            .output();
        let base = find
            .ok()
            .filter(|found| found.status.success())
            .map(|found| PathBuf::from(String::from_utf8_lossy(&found.stdout).trim()))
            .filter(|found| self.programs.may_run(found));
        let mut venv = self.command(uv, ["venv", "--no-project", "--config-file"]);
        venv.arg(config).arg("--python");
        match base {
            Some(base) => venv.arg(base),
            // uv downloads a Python.
            None => venv.args([">=3.10", "--python-preference", "only-managed"]),
        };
        venv.arg(self.home);
        match run("uv", venv)? {
            Tried::Done => {}
            other => return Ok(other),
        }
        let mut pip = self.command(
            uv,
            [
                "pip",
                "install",
                "--require-hashes",
                "--no-deps",
                "--only-binary",
                ":all:",
                // Makes the first start as fast as later ones.
                "--compile-bytecode",
                "--config-file",
            ],
        );
        pip.arg(config)
            .arg("--python")
            .arg(python)
            .arg("--requirements")
            .arg(&self.list);
        run("uv", pip)
    }

    fn by_pip(&self, refusals: &mut Vec<Refusal>) -> Result<bool, Failure> {
        let Some((name, base)) = self.find_python(refusals)? else {
            return Ok(false);
        };
        self.tell(&format!("{name} and pip"));
        let mut venv = self.command(&base, ["-I", "-X", "utf8", "-m", "venv"]);
        venv.arg(self.home);
        let mut pip = self.command(
            python_of(self.home),
            [
                "-I",
                "-X",
                "utf8",
                "-m",
                "pip",
                "install",
                "--require-hashes",
                "--no-deps",
                "--only-binary=:all:",
                "--no-input",
                "--requirement",
            ],
        );
        pip.arg(&self.list);
        for (who, command) in [(format!("`{name} -m venv`"), venv), ("pip".to_owned(), pip)] {
            match run(&who, command)? {
                Tried::Done => {}
                Tried::Missing => {
                    refusals.push(Refusal {
                        who,
                        said: "it does not exist".into(),
                    });
                    return Ok(false);
                }
                Tried::Refused(refusal) => {
                    refusals.push(refusal);
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Finds the first Python on PATH that is new enough: its name and its path.
    fn find_python(
        &self,
        refusals: &mut Vec<Refusal>,
    ) -> Result<Option<(String, PathBuf)>, Failure> {
        let code = "import sys; v = sys.version_info; sys.exit(None if v >= (3, 10) else \
                    'it is Python %d.%d, and 3.10 or later is needed' % (v[0], v[1]))";
        let mut old = Vec::new();
        let exact = ["3.14", "3.13", "3.12", "3.11", "3.10"].map(|minor| format!("python{minor}"));
        let exact = exact.iter().filter_map(|name| self.programs.find(name));
        for python in pythons(&self.programs, None)?.into_iter().chain(exact) {
            let name = python.file_name().unwrap_or_default().to_string_lossy();
            let name = name.strip_suffix(EXE_SUFFIX).unwrap_or(&name).to_owned();
            let check = self.command(&python, ["-I", "-X", "utf8", "-c", code]);
            match run(&format!("`{name}`"), check)? {
                Tried::Done => return Ok(Some((name, python))),
                Tried::Missing => {}
                Tried::Refused(refusal) => old.push(refusal),
            }
        }
        refusals.append(&mut old);
        Ok(None)
    }

    fn command<'w>(
        &self,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = &'w str>,
    ) -> Command {
        let mut command = self.programs.command(program);
        command.args(args);
        // Install only what the list names, whatever the user's configuration is.
        for name in [
            "PIP_CONSTRAINT",
            "UV_CONSTRAINT",
            "UV_OVERRIDE",
            "UV_EXCLUDE",
        ] {
            command.env_remove(name);
        }
        command
    }
}

fn run(who: &str, mut command: Command) -> Result<Tried, Failure> {
    let program: OsString = command.get_program().to_owned();
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Tried::Missing),
        Err(error) => return Err(FileError::new("run", Path::new(&program), error).into()),
    };
    if output.status.success() {
        return Ok(Tried::Done);
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    let said = last_lines(&said, 8);
    Ok(Tried::Refused(Refusal {
        who: who.to_owned(),
        said: if said.is_empty() {
            output.status.to_string()
        } else {
            said
        },
    }))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write what is looked at")]
mod tests {
    use super::*;

    #[test]
    fn an_environment_without_its_marker_is_not_complete() {
        let home = tempfile::tempdir().expect("a directory");
        let python = python_of(home.path());
        std::fs::create_dir_all(python.parent().expect("a parent")).expect("a directory");
        std::fs::write(&python, "").expect("a file");
        assert!(!is_complete(home.path()));
        std::fs::write(home.path().join(MARKER), "").expect("a file");
        assert!(is_complete(home.path()));
        discard(&python).expect("it can be given up");
        assert!(!is_complete(home.path()));
    }
}
