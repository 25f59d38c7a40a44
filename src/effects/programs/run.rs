//! Runs external programs: uv, pip and Python.

use std::{
    ffi::OsStr,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::Programs;
use crate::{
    effects::{files::FileError, interrupt},
    error::Failure,
    system::{
        System,
        python::{self, Way},
    },
};

/// A program's output.
pub(crate) struct Answer {
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    /// Both streams, as shown on a terminal.
    pub(crate) said: String,
}

/// Runs a program to its end. Returns `None` if it does not exist.
pub(crate) fn run<S: AsRef<OsStr>>(
    programs: &Programs,
    program: &[S],
    args: &[impl AsRef<OsStr>],
) -> Result<Option<Answer>, Failure> {
    let (first, rest) = program.split_first().expect("a program has a name");
    let mut command = programs.command(first);
    command
        .args(rest)
        .args(args)
        // Makes the output reproducible.
        .env("PYTHONHASHSEED", "0");
    let output = match command.output() {
        Ok(output) => output,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(FileError::new("run", Path::new(first), error).into()),
    };
    if !output.status.success() {
        interrupt::end_with_child(output.status);
    }
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut said = stdout.clone();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    if said.trim().is_empty() && !output.status.success() {
        said = output.status.to_string();
    }
    Ok(Some(Answer {
        succeeded: output.status.success(),
        stdout,
        said: said.trim_end().to_owned(),
    }))
}

/// Asks a Python for the line that `code` prints, and for its path outside of virtual environments.
/// Returns `None` if it does not answer.
pub(crate) fn ask_python(
    programs: &Programs,
    program: &Path,
    code: &str,
) -> Result<Option<(String, PathBuf)>, Failure> {
    let code = format!("{code}; print(getattr(sys, '_base_executable', None) or sys.executable)");
    let words = ["-I", "-S", "-X", "utf8", "-c", &code];
    let answer = run(programs, &[program], &words)?.filter(|answer| answer.succeeded);
    let lines = answer.as_ref().and_then(|a| a.stdout.split_once('\n'));
    Ok(lines.map(|(line, itself)| (line.trim_end().to_owned(), PathBuf::from(itself.trim()))))
}

/// Returns the interpreters that may have this minor version, such as `3.13`, or any; the most
/// likely ones first.
pub(crate) fn pythons(programs: &Programs, minor: Option<&str>) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for way in python::ways(System::HERE, minor) {
        found.extend(match way {
            Way::Named(name) => programs.find(&name),
            Way::Launcher(option) => launched(programs, &option)?,
        });
    }
    Ok(found)
}

/// Returns the interpreter that the launcher `py` chooses for this option.
fn launched(programs: &Programs, option: &str) -> Result<Option<PathBuf>, Failure> {
    let Some(launcher) = programs.find("py") else {
        return Ok(None);
    };
    let code = "import sys; print(sys.executable)";
    let words = [option, "-I", "-X", "utf8", "-c", code];
    let answer = run(programs, &[launcher], &words)?.filter(|answer| answer.succeeded);
    let found = answer.map(|answer| PathBuf::from(answer.stdout.trim()));
    Ok(found.filter(|found| found.is_absolute() && programs.may_run(found)))
}

/// Returns how many tasks to run in parallel on this machine.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Returns the interpreter that uv would choose, of any version if none is given. Ignores virtual
/// environments, because they may be the project's.
pub(crate) fn known_to_uv(
    programs: &Programs,
    uv: &Path,
    version: Option<&str>,
) -> Result<Option<PathBuf>, Failure> {
    let mut words = vec![
        "python",
        "find",
        "--no-config",
        "--no-project",
        "--no-python-downloads",
        "--system",
    ];
    words.extend(version);
    let answer = run(programs, &[uv], &words)?.filter(|answer| answer.succeeded);
    let found = answer.map(|answer| PathBuf::from(answer.stdout.trim()));
    Ok(found.filter(|found| programs.may_run(found)))
}

#[cfg(all(test, unix))]
#[expect(clippy::disallowed_methods, reason = "tests write a program")]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;
    use crate::effects::programs::Checkout;

    #[test]
    fn the_launcher_is_asked_which_interpreter_it_takes() {
        let home = tempfile::tempdir().expect("a directory");
        let launcher = home.path().join("py");
        let text = "#!/bin/sh\n[ \"$1\" = -3.13 ] && echo /opt/python3.13 && exit\nexit 1\n";
        fs::write(&launcher, text).expect("a file");
        fs::set_permissions(&launcher, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let programs = Programs {
            checkout: Checkout::default(),
            path: vec![home.path().to_owned()],
            offline: false,
        };
        let asked = |option| launched(&programs, option).expect("it answers");
        assert_eq!(asked("-3.13"), Some(PathBuf::from("/opt/python3.13")));
        assert_eq!(asked("-3.12"), None);
    }
}
