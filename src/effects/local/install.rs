//! The emulator's installation: a virtual environment of our own in the user's cache, one for each
//! version of the requirements, complete where its marker stands.
#![expect(
    clippy::disallowed_methods,
    reason = "the installers are run and the cache is filled here"
)]

use std::{
    ffi::{OsStr, OsString},
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Progress, VERSION, process::last_lines};
use crate::{
    effects::{
        cache,
        files::{self, FileError},
    },
    error::Failure,
};

pub(super) const REQUIREMENTS: &str = include_str!("requirements.txt");
/// Stands in an environment in which everything is installed.
const MARKER: &str = "cargo-agentcore-complete";

/// The Python that the emulator runs in; installs it where it is missing.
pub(super) fn ensure(say: &(dyn Fn(Progress) + Sync)) -> Result<PathBuf, Failure> {
    let cache = cache::folder()?;
    let hash = files::hash(REQUIREMENTS.as_bytes());
    let name = format!("ministack-{VERSION}-{}", &hash[..12]);
    let home = cache.path().join(&name);
    let python = python_of(&home);
    if is_complete(&home) {
        return Ok(python);
    }
    let _lock = cache.lock(&format!("{name}.lock"), || say(Progress::Waiting))?;
    if is_complete(&home) {
        return Ok(python);
    }
    // What a killed run or a Python that is gone left behind.
    files::remove_tree(&home)?;
    install(&home, say)?;
    Ok(python)
}

/// Gives up an installation that does not work.
pub(super) fn discard(python: &Path) -> Result<(), Failure> {
    let home = python.parent().and_then(Path::parent).unwrap_or(python);
    Ok(files::remove_file(&home.join(MARKER))?)
}

fn is_complete(home: &Path) -> bool {
    files::exists(&home.join(MARKER)) && files::exists(&python_of(home))
}

fn python_of(home: &Path) -> PathBuf {
    if cfg!(windows) {
        home.join("Scripts").join("python.exe")
    } else {
        home.join("bin").join("python")
    }
}

/// An installer that did not do it, and what it said.
struct Refusal {
    who: String,
    said: String,
}

/// By uv, else by Python's own means. Indexes, proxies and certificates of the user's configuration
/// stay in force; the hashes hold whatever the index.
fn install(home: &Path, say: &(dyn Fn(Progress) + Sync)) -> Result<(), Failure> {
    let list = home.with_file_name(format!("{}requirements.txt", files::TEMPORARY));
    let cache = home.parent().unwrap_or(home);
    files::write_atomic(&list, cache, REQUIREMENTS.as_bytes(), false)?;
    let mut refusals = Vec::new();
    let tell = |with: &str| {
        say(Progress::Installing {
            with: with.to_owned(),
        });
    };
    let done = match by_uv(home, &list, &tell)? {
        Tried::Done => true,
        Tried::Missing => by_pip(home, &list, &tell, &mut refusals)?,
        Tried::Refused(refusal) => {
            refusals.push(refusal);
            files::remove_tree(home)?;
            by_pip(home, &list, &tell, &mut refusals)?
        }
    };
    files::remove_file(&list)?;
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

fn by_uv(home: &Path, list: &Path, tell: &dyn Fn(&str)) -> Result<Tried, Failure> {
    let version = command("uv", [OsStr::new("--version")]);
    if matches!(run("uv", version)?, Tried::Missing) {
        return Ok(Tried::Missing);
    }
    tell("uv");
    let python = python_of(home);
    let venv = [
        "venv".as_ref(),
        "--no-project".as_ref(),
        "--python".as_ref(),
        ">=3.10".as_ref(),
        home.as_os_str(),
    ];
    match run("uv", command("uv", venv))? {
        Tried::Done => {}
        other => return Ok(other),
    }
    let pip = [
        "pip".as_ref(),
        "install".as_ref(),
        "--require-hashes".as_ref(),
        "--no-deps".as_ref(),
        // The first start is as fast as the next ones.
        "--compile-bytecode".as_ref(),
        "--python".as_ref(),
        python.as_os_str(),
        "--requirements".as_ref(),
        list.as_os_str(),
    ];
    run("uv", command("uv", pip))
}

fn by_pip(
    home: &Path,
    list: &Path,
    tell: &dyn Fn(&str),
    refusals: &mut Vec<Refusal>,
) -> Result<bool, Failure> {
    let Some(base) = find_python(refusals)? else {
        return Ok(false);
    };
    tell(&format!("{base} and pip"));
    let python = python_of(home);
    let venv = [
        "-I".as_ref(),
        "-m".as_ref(),
        "venv".as_ref(),
        home.as_os_str(),
    ];
    let pip: [&OsStr; 8] = [
        "-m".as_ref(),
        "pip".as_ref(),
        "install".as_ref(),
        "--require-hashes".as_ref(),
        "--no-deps".as_ref(),
        "--no-input".as_ref(),
        "--requirement".as_ref(),
        list.as_os_str(),
    ];
    for (who, command) in [
        (format!("`{base} -m venv`"), command(&base, venv)),
        ("pip".to_owned(), command(&python, pip)),
    ] {
        match run(&who, command)? {
            Tried::Done => {}
            Tried::Missing => {
                refusals.push(Refusal {
                    who,
                    said: "it is not there".into(),
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

/// The first Python on PATH that is new enough.
fn find_python(refusals: &mut Vec<Refusal>) -> Result<Option<String>, Failure> {
    let names = [
        "python3",
        "python",
        "python3.14",
        "python3.13",
        "python3.12",
        "python3.11",
        "python3.10",
    ];
    let code = "import sys; v = sys.version_info; sys.exit(None if v >= (3, 10) else \
                'it is Python %d.%d, and 3.10 or later is needed' % (v[0], v[1]))";
    let mut old = Vec::new();
    for name in names {
        let check = ["-I", "-c", code].map(OsStr::new);
        match run(&format!("`{name}`"), command(name, check))? {
            Tried::Done => return Ok(Some(name.to_owned())),
            Tried::Missing => {}
            Tried::Refused(refusal) => old.push(refusal),
        }
    }
    refusals.append(&mut old);
    Ok(None)
}

fn command<'a>(program: impl AsRef<OsStr>, args: impl IntoIterator<Item = &'a OsStr>) -> Command {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    // Settings that would put the packages elsewhere, or run another Python's modules.
    for name in [
        "PYTHONHOME",
        "PYTHONPATH",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_ROOT",
        "PIP_REQUIREMENT",
        "PIP_CONSTRAINT",
        "UV_PYTHON",
        "UV_SYSTEM_PYTHON",
        "UV_CONSTRAINT",
        "UV_OVERRIDE",
        "VIRTUAL_ENV",
    ] {
        command.env_remove(name);
    }
    command.env("PIP_USER", "0");
    command.env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    command
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
