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

use super::{Kind, Opening};
use crate::effects::path::real_path;

pub(in crate::effects::folder) struct Handle(PathBuf);

impl Handle {
    pub(in crate::effects::folder) fn open(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() {
            return Ok(Self(path.to_owned()));
        }
        Err(ErrorKind::NotADirectory.into())
    }

    pub(in crate::effects::folder) fn directory(&self, name: &str) -> io::Result<Self> {
        match self.kind(name)? {
            Kind::Directory => Ok(Self(self.0.join(name))),
            Kind::File | Kind::Link | Kind::Other => Err(ErrorKind::NotADirectory.into()),
        }
    }

    pub(in crate::effects::folder) fn create_directory(
        &self,
        name: &str,
        _private: bool,
    ) -> io::Result<()> {
        fs::create_dir(self.0.join(name))
    }

    /// Does nothing: on these systems, a user's directories are already closed to others.
    pub(in crate::effects::folder) fn close_to_others(&self) {}

    pub(in crate::effects::folder) fn kind(&self, name: &str) -> io::Result<Kind> {
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

    pub(in crate::effects::folder) fn file(
        &self,
        name: &str,
        opening: Opening,
    ) -> io::Result<File> {
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

    pub(in crate::effects::folder) fn names(&self) -> io::Result<Vec<String>> {
        fs::read_dir(&self.0)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    pub(in crate::effects::folder) fn rename(
        &self,
        from: &str,
        into: &Self,
        to: &str,
    ) -> io::Result<()> {
        fs::rename(self.0.join(from), into.0.join(to))
    }

    /// Creates a hard link to a file elsewhere.
    pub(in crate::effects::folder) fn link(&self, name: &str, from: &Path) -> io::Result<()> {
        fs::hard_link(real_path(from)?, self.0.join(name))
    }

    pub(in crate::effects::folder) fn remove_file(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    pub(in crate::effects::folder) fn remove_directory(&self, name: &str) -> io::Result<()> {
        fs::remove_dir(self.0.join(name))
    }

    /// The standard library does not follow links here.
    pub(in crate::effects::folder) fn remove_whole(&self, name: &str) -> io::Result<()> {
        match self.kind(name)? {
            Kind::Directory => fs::remove_dir_all(self.0.join(name)),
            Kind::File | Kind::Link | Kind::Other => Err(ErrorKind::NotADirectory.into()),
        }
    }
}
