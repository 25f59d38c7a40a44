//! Real paths: links resolved, as other programs write them.

use std::{
    io,
    path::{Path, PathBuf},
};

/// The absolute path without links. On Windows the standard library answers with `\\?\C:\…`, which Python
/// and most other programs do not take; this is `C:\…` wherever that means the same.
pub(crate) fn real_path(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    dunce::canonicalize(path)
}
