//! Locks in a folder. A lock's file can be removed while another process waits for it, so a lock
//! counts only if its file still has the name.

use std::fs::File;

use super::{Folder, entry::holds_file, handle::Opening};
use crate::effects::files::{self, Attempt, Busy, FileError, Lock};

impl Folder {
    /// Acquires the lock with this name; creates its file if necessary.
    pub(crate) fn try_lock(&self, name: &str) -> Result<Attempt, FileError> {
        let path = self.path().join(name);
        loop {
            let handle = self.created()?;
            holds_file(&handle, name, "lock", &path)?;
            let file = handle
                .file(name, Opening::LockOrCreate)
                .map_err(|error| FileError::new("lock", &path, error))?;
            match Attempt::of(file, path.clone())? {
                // Another process removed the file after it was opened.
                Attempt::Held(lock) if !self.is_lock(name, &lock)? => {}
                attempt => return Ok(attempt),
            }
        }
    }

    /// Waits for the lock. Calls `waiting` if another process has it.
    pub(crate) fn lock(&self, name: &str, waiting: impl FnOnce()) -> Result<Lock, FileError> {
        match self.try_lock(name)? {
            Attempt::Held(lock) => Ok(lock),
            Attempt::Busy(busy) => {
                waiting();
                self.wait(name, busy)
            }
        }
    }

    /// Waits for a lock that another process has.
    pub(crate) fn wait(&self, name: &str, busy: Busy) -> Result<Lock, FileError> {
        let mut busy = busy;
        loop {
            let lock = busy.wait()?;
            if self.is_lock(name, &lock)? {
                return Ok(lock);
            }
            busy = match self.try_lock(name)? {
                Attempt::Held(lock) => return Ok(lock),
                Attempt::Busy(busy) => busy,
            };
        }
    }

    /// Returns whether the locked file still has this name.
    fn is_lock(&self, name: &str, lock: &Lock) -> Result<bool, FileError> {
        Ok(self.lock_file(name)?.is_some_and(|file| lock.is_of(&file)))
    }

    /// Like [`Self::is_lock`], for a shared lock.
    pub(crate) fn is_shared_lock(&self, name: &str, file: &File) -> Result<bool, FileError> {
        let now = self.lock_file(name)?;
        Ok(now.is_some_and(|now| files::is_one_file(&now, file)))
    }

    /// Opens a lock's file, to check whether it is locked.
    pub(crate) fn lock_file(&self, name: &str) -> Result<Option<File>, FileError> {
        self.existing(name, "open", Opening::Lock)
    }
}
