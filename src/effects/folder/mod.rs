//! A folder below a trusted directory. Every directory on the path and every file in it is opened
//! relative to its parent and never through a link, because a checkout can contain links that lead
//! to someone else's files.

mod entry;
mod file;
mod handle;
mod lock;
mod marker;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{self, ErrorKind, Read as _, Write as _},
    path::{Component, Path, PathBuf},
};

pub(crate) use self::file::FolderFile;
use self::{
    entry::{holds_file, look, names, refuse_links_below, step, unless_gone},
    handle::{Handle, Kind, Opening},
};
use super::files::{FileError, TEMPORARY, decoded};

/// Who may read new files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readers {
    /// Only the user: caches, locks, the emulator's state.
    User,
    /// Everyone who may read the project's other files.
    Project,
}

/// Whether a file is executable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Plain,
    Executable,
}

/// A folder, which may not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    /// Opened as it is; the caller decides about links in this path.
    base: PathBuf,
    /// The path below the base. None of its parts may be a link.
    below: Vec<String>,
    readers: Readers,
    /// True if the base is cargo's target directory.
    is_target: bool,
}

/// <https://bford.info/cachedir/>
const CACHE_TAG: &str = "\
Signature: 8a477f597d28d172789f06886806bc55
# This file is a cache directory tag created by cargo agentcore.
# For information about cache directory tags see https://bford.info/cachedir/
";

impl Folder {
    /// Only the user can read what is created here.
    pub(crate) fn private(base: PathBuf) -> Self {
        Self {
            base,
            below: Vec::new(),
            readers: Readers::User,
            is_target: false,
        }
    }

    /// Like [`Folder::private`], below cargo's target directory. If that directory is created here,
    /// it gets the tag that excludes it from backups, as cargo's does.
    pub(crate) fn in_target(base: PathBuf) -> Self {
        Self {
            is_target: true,
            ..Self::private(base)
        }
    }

    /// What is created here is as readable as the project's other files.
    pub(crate) fn of_project(base: PathBuf) -> Self {
        Self {
            base,
            below: Vec::new(),
            readers: Readers::Project,
            is_target: false,
        }
    }

    /// Returns a folder in it; `path` may have several parts.
    pub(crate) fn join(&self, path: impl AsRef<Path>) -> Self {
        let steps = path.as_ref().components();
        let steps = steps.filter(|step| !matches!(step, Component::CurDir));
        let mut joined = self.clone();
        joined
            .below
            .extend(steps.map(|step| step.as_os_str().to_string_lossy().into_owned()));
        joined
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.below
            .iter()
            .fold(self.base.clone(), |path, step| path.join(step))
    }

    /// Returns the directory that it is opened from, and the path from there.
    pub(crate) fn parts(&self) -> (PathBuf, PathBuf) {
        (self.base.clone(), self.below.iter().collect())
    }

    /// Returns a file in it.
    pub(crate) fn file(&self, name: impl Into<String>) -> FolderFile {
        FolderFile {
            folder: self.clone(),
            name: name.into(),
        }
    }

    /// Returns the parent folder.
    pub(crate) fn parent(&self) -> Option<Self> {
        self.place().map(|(parent, _)| parent)
    }

    /// Returns the parent folder and the name in it; `None` for the base itself.
    fn place(&self) -> Option<(Self, &str)> {
        let (name, above) = self.below.split_last()?;
        let parent = Self {
            below: above.to_vec(),
            ..self.clone()
        };
        Some((parent, name))
    }

    /// Returns true if it exists. A link or a file in its place is an error.
    pub(crate) fn exists(&self) -> Result<bool, FileError> {
        Ok(self.open()?.is_some())
    }

    /// Returns true if it is a directory; a link in its place is an error.
    pub(crate) fn is_directory(&self) -> Result<bool, FileError> {
        let Some((parent, name)) = self.place() else {
            return self.exists();
        };
        let Some(handle) = parent.open()? else {
            return Ok(false);
        };
        Ok(look(&handle, name, &self.path())? == Some(Kind::Directory))
    }

    fn open(&self) -> Result<Option<Handle>, FileError> {
        let mut handle = match Handle::open(&self.base) {
            Ok(handle) => handle,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FileError::new("open", &self.base, error)),
        };
        let mut at = self.base.clone();
        for name in &self.below {
            at.push(name);
            match step(&handle, name, &at)? {
                Some(next) => handle = next,
                None => return Ok(None),
            }
        }
        Ok(Some(handle))
    }

    /// Creates it and all missing parents.
    pub(crate) fn create(&self) -> Result<(), FileError> {
        self.created().map(drop)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the base is created before it is opened"
    )]
    fn created(&self) -> Result<Handle, FileError> {
        let failed = |at: &Path, error| FileError::new("create the directory", at, error);
        let is_new_target = self.is_target && !self.base.exists();
        std::fs::create_dir_all(&self.base).map_err(|error| failed(&self.base, error))?;
        if is_new_target {
            // A missing tag is harmless.
            let _ = std::fs::write(self.base.join("CACHEDIR.TAG"), CACHE_TAG);
        }
        let mut handle =
            Handle::open(&self.base).map_err(|error| FileError::new("open", &self.base, error))?;
        let mut at = self.base.clone();
        let private = self.readers == Readers::User;
        for name in &self.below {
            at.push(name);
            if let Some(next) = step(&handle, name, &at)? {
                if private {
                    // An earlier version may have left it readable for others.
                    next.close_to_others();
                }
                handle = next;
                continue;
            }
            match handle.create_directory(name, private) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(failed(&at, error));
                }
                _ => {}
            }
            handle =
                step(&handle, name, &at)?.ok_or_else(|| failed(&at, ErrorKind::NotFound.into()))?;
        }
        Ok(handle)
    }

    /// Creates it and refuses links directly in it, so that other code may use its path.
    pub(crate) fn ready(&self) -> Result<PathBuf, FileError> {
        let (handle, path) = (self.created()?, self.path());
        for name in names(&handle, &path)? {
            look(&handle, &name, &path.join(&name))?;
        }
        Ok(path)
    }

    /// Refuses links anywhere in it, for a program that will work there and would follow them.
    pub(crate) fn refuse_links_within(&self) -> Result<(), FileError> {
        match self.open()? {
            Some(handle) => refuse_links_below(&handle, &self.path()),
            None => Ok(()),
        }
    }

    /// Returns the names of its entries, sorted; empty if it does not exist.
    pub(crate) fn names(&self) -> Result<Vec<String>, FileError> {
        match self.open()? {
            Some(handle) => names(&handle, &self.path()),
            None => Ok(Vec::new()),
        }
    }

    /// Returns true if it contains a file or a directory with this name.
    pub(crate) fn holds(&self, name: &str) -> Result<bool, FileError> {
        match self.open()? {
            Some(handle) => Ok(look(&handle, name, &self.path().join(name))?.is_some()),
            None => Ok(false),
        }
    }

    /// Opens an existing file.
    fn existing(
        &self,
        name: &str,
        doing: &'static str,
        opening: Opening,
    ) -> Result<Option<File>, FileError> {
        let path = self.path().join(name);
        let Some(handle) = self.open()? else {
            return Ok(None);
        };
        if !holds_file(&handle, name, doing, &path)? {
            return Ok(None);
        }
        match handle.file(name, opening) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::new(doing, &path, error)),
        }
    }

    /// Opens a file for reading while others may write to it.
    pub(crate) fn open_file(&self, name: &str) -> Result<Option<File>, FileError> {
        self.existing(name, "read", Opening::Read)
    }

    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, FileError> {
        let Some(mut file) = self.open_file(name)? else {
            return Ok(None);
        };
        let mut content = Vec::new();
        file.read_to_end(&mut content)
            .map_err(|error| FileError::new("read", &self.path().join(name), error))?;
        Ok(Some(content))
    }

    pub(crate) fn read_text(&self, name: &str) -> Result<Option<String>, FileError> {
        let Some(content) = self.read(name)? else {
            return Ok(None);
        };
        decoded(content, &self.path().join(name)).map(Some)
    }

    /// Replaces a file atomically.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<(), FileError> {
        self.write_below(name, content, Mode::Plain)
    }

    /// Like [`Self::write`], for a file in a subfolder, which is created. The temporary file is in
    /// this folder.
    pub(crate) fn write_below(
        &self,
        path: &str,
        content: &[u8],
        mode: Mode,
    ) -> Result<(), FileError> {
        let (folder, name) = match path.rsplit_once('/') {
            Some((folder, name)) => (self.join(folder), name),
            None => (self.clone(), path),
        };
        let at = folder.path().join(name);
        let (here, there) = (self.created()?, folder.created()?);
        holds_file(&there, name, "write", &at)?;
        let aside = format!("{TEMPORARY}{:016x}", fastrand::u64(..));
        let written = here.file(&aside, Opening::New).and_then(|mut file| {
            file.write_all(content)?;
            self.set_mode(&file, mode)?;
            here.rename(&aside, &there, name)
        });
        written.map_err(|error| {
            // If it cannot be removed now, the next run removes it.
            let _ = here.remove_file(&aside);
            FileError::new("write", &at, error)
        })
    }

    /// Creates a hard link in a subfolder, which is created. Returns false if that is not possible,
    /// for example across file systems.
    pub(crate) fn link_below(&self, path: &str, from: &Path) -> bool {
        let (folder, name) = match path.rsplit_once('/') {
            Some((folder, name)) => (self.join(folder), name),
            None => (self.clone(), path),
        };
        let created = folder.created();
        created.is_ok_and(|handle| handle.link(name, from).is_ok())
    }

    #[cfg(unix)]
    fn set_mode(&self, file: &File, mode: Mode) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;

        let bits = match (self.readers, mode) {
            (Readers::User, Mode::Plain) => 0o600,
            (Readers::User, Mode::Executable) => 0o700,
            (Readers::Project, Mode::Plain) => 0o644,
            (Readers::Project, Mode::Executable) => 0o755,
        };
        file.set_permissions(std::fs::Permissions::from_mode(bits))
    }

    #[cfg(not(unix))]
    fn set_mode(&self, _file: &File, _mode: Mode) -> io::Result<()> {
        Ok(())
    }

    /// Creates an empty file for another program's output.
    pub(crate) fn empty_file(&self, name: &str) -> Result<File, FileError> {
        let path = self.path().join(name);
        let handle = self.created()?;
        holds_file(&handle, name, "write", &path)?;
        handle
            .file(name, Opening::Empty)
            .map_err(|error| FileError::new("write", &path, error))
    }

    /// Renames a file in it; a missing file is not an error.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        let path = self.path().join(from);
        let Some(handle) = self.open()? else {
            return Ok(());
        };
        look(&handle, from, &path)?;
        unless_gone(handle.rename(from, &handle, to), "rename", &path)
    }

    /// Removes a file; a missing file is not an error.
    pub(crate) fn remove_file(&self, name: &str) -> Result<(), FileError> {
        let path = self.path().join(name);
        let Some(handle) = self.open()? else {
            return Ok(());
        };
        holds_file(&handle, name, "remove", &path)?;
        unless_gone(handle.remove_file(name), "remove", &path)
    }

    /// Removes the folder if it is empty.
    pub(crate) fn remove_if_empty(&self) -> Result<(), FileError> {
        let Some((parent, name)) = self.place() else {
            return Ok(());
        };
        let Some(handle) = parent.open()? else {
            return Ok(());
        };
        match handle.remove_directory(name) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
            removed => unless_gone(removed, "remove the directory", &self.path()),
        }
    }

    /// Removes the folder with all its content. Links in it are removed, not followed.
    pub(crate) fn remove_whole(&self) -> Result<(), FileError> {
        let (Some((parent, name)), true) = (self.place(), self.exists()?) else {
            return Ok(());
        };
        let Some(handle) = parent.open()? else {
            return Ok(());
        };
        let removed = handle.remove_whole(name);
        unless_gone(removed, "remove the directory", &self.path())
    }
}
