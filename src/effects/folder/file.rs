//! A file in a folder.

use std::path::PathBuf;

use super::{Folder, entry::holds_file};
use crate::effects::files::FileError;

/// A file in a folder, which may not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FolderFile {
    pub(crate) folder: Folder,
    pub(crate) name: String,
}

impl FolderFile {
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }

    pub(crate) fn exists(&self) -> Result<bool, FileError> {
        self.folder.holds(&self.name)
    }

    /// Refuses anything in its place that is not a file.
    pub(crate) fn check(&self) -> Result<(), FileError> {
        if let Some(handle) = self.folder.open()? {
            holds_file(&handle, &self.name, "open", &self.path())?;
        }
        Ok(())
    }

    pub(crate) fn read_text(&self) -> Result<Option<String>, FileError> {
        self.folder.read_text(&self.name)
    }

    pub(crate) fn write(&self, content: &[u8]) -> Result<(), FileError> {
        self.folder.write(&self.name, content)
    }

    pub(crate) fn remove(&self) -> Result<(), FileError> {
        self.folder.remove_file(&self.name)
    }
}
