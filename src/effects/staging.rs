//! Temporary directories.

#![expect(
    clippy::disallowed_methods,
    reason = "the directories are deleted here"
)]

use std::{fs, path::Path, thread, time::Duration};

use tempfile::TempDir;

use super::{
    files::FileError,
    interrupt::{self, OnInterrupt},
};

/// A directory that is deleted on drop, and if Ctrl-C ends the process.
pub(crate) struct Passing {
    directory: TempDir,
    _interrupted: OnInterrupt,
}

impl Passing {
    pub(crate) fn of(directory: TempDir) -> Self {
        let path = directory.path().to_owned();
        let interrupted = interrupt::on_interrupt(move || {
            // An installer that gets the same signal may still write for a moment.
            for _ in 0..20 {
                if fs::remove_dir_all(&path).is_ok() || !path.exists() {
                    return;
                }
                thread::sleep(Duration::from_millis(25));
            }
        });
        Self {
            directory,
            _interrupted: interrupted,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

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
