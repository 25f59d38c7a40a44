//! Finds files and directories with secrets. They are neither copied nor shipped, regardless of
//! rules and `include`.
#![expect(
    clippy::disallowed_methods,
    reason = "files are looked into for secrets here"
)]

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::redaction::secret::{self, Finding, Scan};

/// The number of findings to report in source code; one is enough elsewhere.
const ENOUGH_IN_CODE: usize = 5;

/// The verdict on a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::effects) enum Verdict {
    Ships,
    /// Source code, which is shipped because the agent does not run without it.
    Mentions(Vec<Finding>),
    /// A secret by its name.
    Named,
    Holds(Finding),
}

/// Returns whether a directory contains a program's credentials, or a repository, whose history may
/// contain secrets.
pub(in crate::effects) fn is_secret_directory(directory: &Path) -> bool {
    let name = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let parent = directory.parent().and_then(name).unwrap_or_default();
    name(directory).is_some_and(|name| secret::is_secret_directory(&name, &parent))
        || is_bare_repository(directory)
}

/// Returns whether the directory is a git repository without a work tree, and so without `.git`.
fn is_bare_repository(directory: &Path) -> bool {
    directory.join("HEAD").is_file()
        && directory.join("objects").is_dir()
        && directory.join("refs").is_dir()
}

/// Judges a file, reading only as much as necessary.
pub(in crate::effects) fn judge_file(path: &Path, name: &str) -> io::Result<Verdict> {
    if secret::is_secret_name(name) {
        return Ok(Verdict::Named);
    }
    judge(name, File::open(path)?)
}

pub(in crate::effects) fn judge(name: &str, content: impl Read) -> io::Result<Verdict> {
    if secret::is_secret_name(name) {
        return Ok(Verdict::Named);
    }
    let is_code = secret::is_code(name);
    let scan = Scan {
        enough: if is_code { ENOUGH_IN_CODE } else { 1 },
        is_key_file: Path::new(name)
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("pem")),
    };
    let mut found = secret::find(content, scan)?;
    Ok(match found.pop() {
        None => Verdict::Ships,
        Some(last) if is_code => {
            found.push(last);
            Verdict::Mentions(found)
        }
        Some(only) => Verdict::Holds(only),
    })
}

/// Returns whether a link's target is secret. `target` is a real path in `folder`.
pub(in crate::effects) fn is_secret_target(target: &Path, folder: &Path) -> bool {
    let is_within_secrets = target
        .ancestors()
        .take_while(|at| *at != folder)
        .any(is_secret_directory);
    let name = target.file_name().map(OsStr::to_string_lossy);
    // Unreadable files are reported when they are copied or shipped.
    let is_secret = |name: &str| {
        judge_file(target, name)
            .is_ok_and(|verdict| matches!(verdict, Verdict::Named | Verdict::Holds(_)))
    };
    is_within_secrets || target.is_file() && name.is_some_and(|name| is_secret(&name))
}
