//! Lays out the agent's own files as in the archive, with links instead of copies if possible.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use crate::{
    effects::{
        files::{self, FileError},
        folder::{Folder, Mode},
    },
    package::composition::Files,
};

/// Returns the folder of the code in a run's folder.
pub(super) fn code(run: &Folder) -> Folder {
    run.join("code")
}

/// Lays out the files in an empty folder. Hard links make edits in place visible at once, and let a
/// program find the archive's layout around itself.
pub(super) fn lay(folder: &Folder, files: &Files) -> Result<PathBuf, FileError> {
    folder.create()?;
    for (path, origin) in files {
        let mode = if origin.executable {
            Mode::Executable
        } else {
            Mode::Plain
        };
        match &origin.instead {
            Some(content) => folder.write_below(path, content, mode)?,
            None if folder.link_below(path, &origin.from) => {}
            None => folder.write_below(path, &files::read_bytes(&origin.from)?, mode)?,
        }
    }
    Ok(as_python_names_it(folder.path()))
}

/// Copies a binary into the folder, so that the next build can replace it while it runs. Returns the
/// copy.
#[expect(clippy::disallowed_methods, reason = "the folder is this run's own")]
pub(crate) fn copy_binary(binary: &Path, folder: &Path) -> Result<PathBuf, FileError> {
    let copy = folder.join(binary.file_name().unwrap_or(OsStr::new("agent")));
    std::fs::copy(binary, &copy).map_err(|error| FileError::new("copy", binary, error))?;
    Ok(copy)
}

/// Resolves links in the path, because Python does so with its program's path.
#[cfg(unix)]
fn as_python_names_it(path: PathBuf) -> PathBuf {
    crate::effects::path::real_path(&path).unwrap_or(path)
}

#[cfg(not(unix))]
fn as_python_names_it(path: PathBuf) -> PathBuf {
    path
}
