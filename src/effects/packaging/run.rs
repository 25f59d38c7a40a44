//! Runs the programs of others: uv, pip and Python.

use std::{ffi::OsStr, io::ErrorKind, path::Path};

use crate::{
    effects::{files::FileError, programs::Programs},
    error::Failure,
};

/// What a program answered.
pub(super) struct Answer {
    pub(super) succeeded: bool,
    pub(super) stdout: String,
    /// Both streams, as a person would have seen them.
    pub(super) said: String,
}

/// Runs a program to its end; `None` where there is no such program.
pub(super) fn run<S: AsRef<OsStr>>(
    programs: &Programs,
    program: &[S],
    args: &[impl AsRef<OsStr>],
) -> Result<Option<Answer>, Failure> {
    let (first, rest) = program.split_first().expect("a program has a name");
    let mut command = programs.command(first);
    command
        .args(rest)
        .args(args)
        // The same input makes the same bytes.
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
