//! Which files and directories hold secrets: neither copied nor shipped, whatever a rule or `include`
//! says.
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

use crate::package::secret::{self, Finding, Scan};

/// In source code, each place is worth a word.
const ENOUGH_IN_CODE: usize = 5;

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::effects) enum Verdict {
    Ships,
    /// Source code is shipped: without it the agent does not run.
    Mentions(Vec<Finding>),
    /// Its name says what it is.
    Named,
    Holds(Finding),
}

/// Credentials of a program, or a repository, whose history may hold some.
pub(in crate::effects) fn is_secret_directory(directory: &Path) -> bool {
    let name = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    let parent = directory.parent().and_then(name).unwrap_or_default();
    name(directory).is_some_and(|name| secret::is_secret_directory(&name, &parent))
        || is_bare_repository(directory)
}

/// A git repository without a work tree, which has no `.git` around it.
fn is_bare_repository(directory: &Path) -> bool {
    directory.join("HEAD").is_file()
        && directory.join("objects").is_dir()
        && directory.join("refs").is_dir()
}

/// Of a file, no more is read than decides.
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

/// A link under an innocent name is judged by what it leads to: the real path of something in `folder`.
pub(in crate::effects) fn is_secret_target(target: &Path, folder: &Path) -> bool {
    let is_within_secrets = target
        .ancestors()
        .take_while(|at| *at != folder)
        .any(is_secret_directory);
    let name = target.file_name().map(OsStr::to_string_lossy);
    // What cannot be read is found out when it is copied or shipped.
    let is_secret = |name: &str| {
        judge_file(target, name)
            .is_ok_and(|verdict| matches!(verdict, Verdict::Named | Verdict::Holds(_)))
    };
    is_within_secrets || target.is_file() && name.is_some_and(|name| is_secret(&name))
}
