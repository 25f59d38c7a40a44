//! Folders that `clean` deletes with all their content.

use super::{Folder, entry::names};
use crate::effects::files::FileError;

/// Marks a folder that `clean` deletes with all its content.
const MARKER: &str = ".made-by-cargo-agentcore";
const MARKED: &[u8] =
    b"Made by cargo agentcore. `cargo agentcore clean` deletes this folder with everything in it.\n";

impl Folder {
    /// Creates it with the marker of a folder that may be deleted whole. An existing folder gets
    /// the marker only if all its entries can be this tool's.
    pub(crate) fn create_marked(&self, is_ours: impl Fn(&str) -> bool) -> Result<(), FileError> {
        let handle = self.created()?;
        let names = names(&handle, &self.path())?;
        if names.iter().any(|name| name == MARKER) || !names.iter().all(|name| is_ours(name)) {
            return Ok(());
        }
        self.write(MARKER, MARKED)
    }

    pub(crate) fn is_marked(&self) -> Result<bool, FileError> {
        Ok(self.read(MARKER)?.as_deref() == Some(MARKED))
    }
}
