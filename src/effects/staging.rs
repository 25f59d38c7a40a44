//! Temporary directories.

#[cfg(unix)]
use std::fs;

use tempfile::TempDir;

use super::files::FileError;

/// Creates an empty directory that is deleted on drop.
pub(crate) fn empty() -> Result<TempDir, FileError> {
    private(tempfile::Builder::new().prefix("cargo-agentcore-"))
        .tempdir()
        .map_err(|error| FileError::new("make a directory in", &std::env::temp_dir(), error))
}

/// Makes the files readable only by the user.
#[cfg(unix)]
pub(crate) fn private<'a, 'b>(
    builder: &'a mut tempfile::Builder<'b, 'b>,
) -> &'a mut tempfile::Builder<'b, 'b> {
    use std::os::unix::fs::PermissionsExt as _;

    builder.permissions(fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
pub(crate) fn private<'a, 'b>(
    builder: &'a mut tempfile::Builder<'b, 'b>,
) -> &'a mut tempfile::Builder<'b, 'b> {
    builder
}
