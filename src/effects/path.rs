//! Real paths with links resolved, in the form that other programs accept.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Returns the absolute path without links. On Windows the standard library returns `\\?\C:\…`,
/// which Python and most other programs do not accept; this returns `C:\…` if it means the same.
pub(crate) fn real_path(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    dunce::canonicalize(path)
}
