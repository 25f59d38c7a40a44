//! A directory on systems without directory handles: each step is checked right before it is used.
#![expect(
    clippy::disallowed_methods,
    reason = "this is where a system without open directories touches files"
)]

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use super::entry::{Kind, Opening};
use crate::effects::path::real_path;

pub(super) struct Handle(PathBuf);

impl Handle {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() {
            return Ok(Self(path.to_owned()));
        }
        Err(ErrorKind::NotADirectory.into())
    }

    pub(super) fn directory(&self, name: &str) -> io::Result<Self> {
        match self.kind(name)? {
            Kind::Directory => Ok(Self(self.0.join(name))),
            Kind::File | Kind::Link | Kind::Other => Err(ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn create_directory(&self, name: &str, _private: bool) -> io::Result<()> {
        fs::create_dir(self.0.join(name))
    }

    /// Does nothing: on these systems, a user's directories are already closed to others.
    pub(super) fn close_to_others(&self) {}

    pub(super) fn kind(&self, name: &str) -> io::Result<Kind> {
        let found = fs::symlink_metadata(self.0.join(name))?.file_type();
        Ok(if found.is_symlink() {
            Kind::Link
        } else if found.is_dir() {
            Kind::Directory
        } else if found.is_file() {
            Kind::File
        } else {
            Kind::Other
        })
    }

    pub(super) fn file(&self, name: &str, opening: Opening) -> io::Result<File> {
        match self.kind(name) {
            Ok(Kind::File) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(Kind::Directory | Kind::Link | Kind::Other) => {
                return Err(ErrorKind::InvalidInput.into());
            }
        }
        let mut options = File::options();
        match opening {
            Opening::Read => options.read(true),
            Opening::Lock => options.read(true).write(true),
            Opening::LockOrCreate => options.read(true).write(true).create(true).truncate(false),
            Opening::Empty => options.write(true).create(true).truncate(true),
            Opening::New => options.write(true).create_new(true),
        };
        options.open(self.0.join(name))
    }

    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        fs::read_dir(&self.0)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    pub(super) fn rename(&self, from: &str, into: &Self, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), into.0.join(to))
    }

    /// Creates a hard link to a file elsewhere.
    pub(super) fn link(&self, name: &str, from: &Path) -> io::Result<()> {
        fs::hard_link(real_path(from)?, self.0.join(name))
    }

    pub(super) fn remove_file(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    pub(super) fn remove_directory(&self, name: &str) -> io::Result<()> {
        fs::remove_dir(self.0.join(name))
    }

    /// The standard library does not follow links here.
    pub(super) fn remove_whole(&self, name: &str) -> io::Result<()> {
        match self.kind(name)? {
            Kind::Directory => fs::remove_dir_all(self.0.join(name)),
            Kind::File | Kind::Link | Kind::Other => Err(ErrorKind::NotADirectory.into()),
        }
    }
}
