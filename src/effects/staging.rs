//! A place for what is not to stay.

#[cfg(unix)]
use std::fs;

use tempfile::TempDir;

use super::files::FileError;

/// An empty directory that goes away with the value.
pub(crate) fn empty() -> Result<TempDir, FileError> {
    private(tempfile::Builder::new().prefix("cargo-agentcore-"))
        .tempdir()
        .map_err(|error| FileError::new("make a directory in", &std::env::temp_dir(), error))
}

/// What is made is readable by the user alone.
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
