//! A copy of a folder that may be changed without changing the folder.
#![expect(clippy::disallowed_methods, reason = "this is where files are copied")]

use std::{fs, io, path::Path};

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

/// The folder as it is, links as links.
pub(crate) fn copy_of(folder: &Path, into: &Path) -> Result<(), FileError> {
    copy(folder, into).map_err(|error| FileError::new("copy", folder, error))
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let to = to.join(entry.file_name());
        if kind.is_dir() {
            copy(&entry.path(), &to)?;
        } else if kind.is_symlink() {
            link(&fs::read_link(entry.path())?, &to)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &to)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

/// Making links needs a privilege there; what is shipped has none in any case.
#[cfg(not(unix))]
fn link(_target: &Path, _at: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_to_the_copy_is_not_done_to_the_folder() {
        let (folder, copied) = (empty().unwrap(), empty().unwrap());
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/b"), "1").unwrap();
        copy_of(folder.path(), copied.path()).unwrap();
        fs::write(copied.path().join("a/b"), "2").unwrap();
        assert_eq!(fs::read(folder.path().join("a/b")).unwrap(), b"1");
    }
}
