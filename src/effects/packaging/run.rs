//! Runs the programs of others: uv, pip and Python, without the settings that would lead them astray.
#![expect(clippy::disallowed_methods, reason = "programs are run here")]

use std::{
    ffi::OsStr,
    io::ErrorKind,
    path::Path,
    process::{Command, Stdio},
};

use crate::{effects::files::FileError, error::Failure};

/// Settings that would put the packages elsewhere, run another Python's modules, or make the same
/// input give other bytes. Indexes, proxies, certificates and caches stay as the user has them.
const CLEARED: [&str; 26] = [
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONOPTIMIZE",
    "PYTHONPYCACHEPREFIX",
    "PYTHONNODEBUGRANGES",
    "PYTHONDEVMODE",
    "PYTHONWARNINGS",
    "SOURCE_DATE_EPOCH",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_USER",
    "PIP_REQUIREMENT",
    "PIP_PLATFORM",
    "PIP_ABI",
    "PIP_ONLY_BINARY",
    "PIP_NO_BINARY",
    "PIP_COMPILE",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_PYTHON_PLATFORM",
    "UV_COMPILE_BYTECODE",
    "UV_NO_BINARY",
    "UV_PROJECT",
    "VIRTUAL_ENV",
];

/// What a program answered.
pub(super) struct Answer {
    pub(super) succeeded: bool,
    pub(super) stdout: String,
    /// Both streams, as a person would have seen them.
    pub(super) said: String,
}

/// Runs a program to its end; `None` where there is no such program.
pub(super) fn run<S: AsRef<OsStr>>(
    program: &[S],
    args: &[impl AsRef<OsStr>],
    directory: &Path,
) -> Result<Option<Answer>, Failure> {
    let (first, rest) = program.split_first().expect("a program has a name");
    let mut command = Command::new(first);
    command
        .args(rest)
        .args(args)
        .current_dir(directory)
        .stdin(Stdio::null())
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .env("PIP_ROOT_USER_ACTION", "ignore")
        .env("UV_NO_PROGRESS", "1")
        // Names are UTF-8 whatever the locale.
        .env("PYTHONUTF8", "1")
        .env("PYTHONHASHSEED", "0");
    for name in CLEARED {
        command.env_remove(name);
    }
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

/// How many things are worth doing at once on this machine.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
