//! An open directory. Its entries are reached relative to the handle, so a change of its path in
//! the meantime has no effect.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::fd::OwnedFd,
    path::Path,
};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::{Kind, Opening};

pub(in crate::effects::folder) struct Handle(OwnedFd);

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

impl Handle {
    /// Follows links in the path.
    pub(in crate::effects::folder) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(path, DIRECTORY, Mode::empty())?))
    }

    pub(in crate::effects::folder) fn directory(&self, name: &str) -> io::Result<Self> {
        let flags = DIRECTORY | OFlags::NOFOLLOW;
        Ok(Self(rustix::fs::openat(
            &self.0,
            name,
            flags,
            Mode::empty(),
        )?))
    }

    pub(in crate::effects::folder) fn create_directory(
        &self,
        name: &str,
        private: bool,
    ) -> io::Result<()> {
        let mode = if private { 0o700 } else { 0o777 };
        Ok(rustix::fs::mkdirat(
            &self.0,
            name,
            Mode::from_raw_mode(mode),
        )?)
    }

    /// Removes the access of others, if this user owns the directory.
    pub(in crate::effects::folder) fn close_to_others(&self) {
        let open = |found: rustix::fs::Stat| found.st_mode & 0o077 != 0;
        if rustix::fs::fstat(&self.0).is_ok_and(open) {
            let _ = rustix::fs::fchmod(&self.0, Mode::RWXU);
        }
    }

    pub(in crate::effects::folder) fn kind(&self, name: &str) -> io::Result<Kind> {
        let found = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        })
    }

    pub(in crate::effects::folder) fn file(
        &self,
        name: &str,
        opening: Opening,
    ) -> io::Result<File> {
        let flags = match opening {
            Opening::Read => OFlags::RDONLY,
            Opening::Lock => OFlags::RDWR,
            Opening::LockOrCreate => OFlags::RDWR | OFlags::CREATE,
            Opening::Empty => OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC,
            Opening::New => OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL,
        };
        // Opening a pipe would block forever.
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(rustix::fs::openat(&self.0, name, flags, mode)?.into())
    }

    pub(in crate::effects::folder) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(String::from_utf8_lossy(name).into_owned());
            }
        }
        Ok(names)
    }

    pub(in crate::effects::folder) fn rename(
        &self,
        from: &str,
        into: &Self,
        to: &str,
    ) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &into.0, to)?)
    }

    /// Creates a hard link to a file elsewhere.
    pub(in crate::effects::folder) fn link(&self, name: &str, from: &Path) -> io::Result<()> {
        let follow = AtFlags::SYMLINK_FOLLOW;
        Ok(rustix::fs::linkat(
            rustix::fs::CWD,
            from,
            &self.0,
            name,
            follow,
        )?)
    }

    pub(in crate::effects::folder) fn remove_file(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    pub(in crate::effects::folder) fn remove_directory(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Removes links instead of following them.
    pub(in crate::effects::folder) fn remove_whole(&self, name: &str) -> io::Result<()> {
        let within = match self.directory(name) {
            Ok(within) => within,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in rustix::fs::Dir::read_from(&within.0)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            match rustix::fs::unlinkat(&within.0, name, AtFlags::empty()) {
                // Linux and POSIX report a directory with different errors.
                Err(rustix::io::Errno::ISDIR | rustix::io::Errno::PERM) => {
                    within.remove_whole(&name.to_string_lossy())?;
                }
                Err(rustix::io::Errno::NOENT) | Ok(()) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.remove_directory(name)
    }
}
