//! What `--locked` asks of the requirements: that files fix every version.

use super::Wanted;
use crate::{effects::files, error::Failure, package::requirements::Kind};

/// Refuses requirements that do not fix the versions. What a requirements file fixes is checked by the
/// installer: with hashes, everything that is installed has to be listed.
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
