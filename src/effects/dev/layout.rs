//! The agent's own files as they lie in the archive, without copying them where links are possible.

use std::path::PathBuf;

use crate::{
    effects::{
        files::{self, FileError},
        folder::{Folder, Mode},
    },
    package::composition::Files,
};

/// The place of the code in the folder of a run.
pub(super) fn code(run: &Folder) -> Folder {
    run.join("code")
}

/// Lays the files out in an empty folder. They are hard links: an edit in place is seen at once, and a
/// program that looks for its own place finds the archive's layout.
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

/// Python resolves links in the path of the program that it runs.
#[cfg(unix)]
fn as_python_names_it(path: PathBuf) -> PathBuf {
    crate::effects::path::real_path(&path).unwrap_or(path)
}

#[cfg(not(unix))]
fn as_python_names_it(path: PathBuf) -> PathBuf {
    path
}
