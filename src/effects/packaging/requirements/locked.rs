//! Checks for `--locked` that files pin all versions.

use super::Wanted;
use crate::{effects::files, error::Failure, package::requirements::Kind};

/// Refuses requirements that do not pin the versions. The installer checks a requirements file:
/// with hashes, everything that is installed must be listed.
pub(in super::super) fn lock_down(wanted: &mut Wanted) -> Result<(), Failure> {
    match wanted.kind {
        Kind::Lock => Ok(()),
        Kind::Pyproject | Kind::Requirements if !wanted.requires => Ok(()),
        Kind::Pyproject => Err(Failure::config(format!(
            "`--locked` needs a `uv.lock`, and there is none for `{}`",
            wanted.file.display()
        ))
        .help("`uv lock` writes it")),
        Kind::Requirements => {
            wanted.inputs.requires_hashes = true;
            wanted.digest = files::hash(format!("{}\nlocked", wanted.digest).as_bytes());
            Ok(())
        }
    }
}
