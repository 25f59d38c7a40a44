//! The entries of the cache, and their use by this process.
//!
//! A process that uses an entry holds a shared lock on it; creating and removing one needs the
//! exclusive lock. So no entry is removed while a process uses it.
#![expect(clippy::disallowed_methods, reason = "the cache is looked at here")]

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use super::folder;
use crate::{
    effects::{
        files::{self, Attempt, FileError, TEMPORARY},
        folder::Folder,
    },
    error::Failure,
};

/// The locks of the entries that this process uses.
static USED: Mutex<Vec<(PathBuf, File)>> = Mutex::new(Vec::new());

/// Returns the entry with this name, creating it with `make` if it is not complete. It stays until
/// this process ends.
pub(crate) fn ensure(
    name: &str,
    is_complete: impl Fn(&Path) -> bool,
    waiting: impl Fn(),
    mut make: impl FnMut(&Path) -> Result<(), Failure>,
) -> Result<PathBuf, Failure> {
    let cache = folder()?;
    cache.create()?;
    let home = cache.path().join(name);
    loop {
        if keep_in(&cache, name, &waiting)? && is_complete(&home) {
            return Ok(home);
        }
        release(&home);
        let _lock = cache.lock(&lock_of(name), &waiting)?;
        if !is_complete(&home) {
            // Left by a killed run.
            files::remove_tree(&home)?;
            make(&home)?;
        }
    }
}

/// Marks an entry made by another process as used. Ignores paths outside the cache.
pub(crate) fn keep(home: &Path) -> Result<(), Failure> {
    let cache = folder()?;
    let name = home.file_name().and_then(|name| name.to_str());
    if let (Some(name), true) = (name, home.parent() == Some(&cache.path())) {
        keep_in(&cache, name, || {})?;
    }
    Ok(())
}

/// Takes the lock, unless it does not exist or is being removed. Returns whether it is held.
fn keep_in(cache: &Folder, name: &str, waiting: impl Fn()) -> Result<bool, Failure> {
    let home = cache.path().join(name);
    let is_held = |used: &Vec<(PathBuf, File)>| used.iter().any(|(path, _)| *path == home);
    if is_held(&USED.lock().unwrap_or_else(PoisonError::into_inner)) {
        return Ok(true);
    }
    let Some(file) = cache.lock_file(&lock_of(name))? else {
        return Ok(false);
    };
    let failed = |error| FileError::new("lock", &cache.path().join(lock_of(name)), error);
    match file.try_lock_shared() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            waiting();
            file.lock_shared().map_err(failed)?;
        }
        Err(TryLockError::Error(error)) => return Err(failed(error).into()),
    }
    if !cache.is_shared_lock(&lock_of(name), &file)? {
        return Ok(false);
    }
    // The lock file's time records the last use; a wrong one is harmless.
    let _ = file.set_modified(SystemTime::now());
    USED.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push((home, file));
    Ok(true)
}

fn release(home: &Path) {
    USED.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .retain(|(path, _)| path != home);
}

fn lock_of(name: &str) -> String {
    format!("{name}.lock")
}

/// The purpose of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// For building archives.
    Dependencies,
    /// For running archives on this machine.
    LocalPackages,
    LocalPython,
    Emulator,
    Debugger,
    /// Layers of base images, and of dependencies for images.
    Images,
    /// Facts about installed programs.
    Programs,
    /// What an interrupted run left.
    Unfinished,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Dependencies,
        Self::LocalPackages,
        Self::LocalPython,
        Self::Emulator,
        Self::Debugger,
        Self::Images,
        Self::Programs,
        Self::Unfinished,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Dependencies => "dependencies",
            Self::LocalPackages => "local-packages",
            Self::LocalPython => "local-python",
            Self::Emulator => "emulator",
            Self::Debugger => "debugger",
            Self::Images => "images",
            Self::Programs => "programs",
            Self::Unfinished => "unfinished",
        }
    }

    /// Returns the kind of a folder directly in the cache.
    fn of_folder(name: &str) -> Option<Self> {
        let known = [
            ("local-packages-", Self::LocalPackages),
            ("local-python-", Self::LocalPython),
            ("ministack-", Self::Emulator),
            ("debugpy-", Self::Debugger),
            ("image-layer-", Self::Images),
            ("image-packages-", Self::Images),
        ];
        let (_, kind) = known
            .into_iter()
            .find(|(prefix, _)| name.starts_with(prefix))?;
        let digest = name.rsplit('-').next().unwrap_or_default();
        is_digest(digest).then_some(kind)
    }
}

/// Returns whether the text is a digest that names an entry.
fn is_digest(text: &str) -> bool {
    (12..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    /// By path below the cache's directory, with `/`.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) used: SystemTime,
    place: Storage,
}

#[derive(Debug, Clone)]
enum Storage {
    /// A folder, and the name of the lock next to it.
    Folder {
        parent: Folder,
        name: String,
        lock: String,
    },
    /// A file that is read and written atomically.
    File { parent: Folder, name: String },
}

/// The content of the cache.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) entries: Vec<Entry>,
    /// The locks of entries that were removed.
    pub(crate) locks: Vec<IdleLock>,
    /// Files of other programs, and ours that are not cached.
    pub(crate) others: Vec<String>,
}

/// Where local AgentCores in other target directories are recorded.
pub(crate) const HOMES: &str = "local-homes";

/// Our records of consents, running processes and state in other directories, which are not cached.
const KEPT: [&str; 3] = ["confirmed", super::running::FOLDER, HOMES];

pub(crate) fn contents() -> Result<Contents, Failure> {
    let cache = folder()?;
    let mut found = Contents::default();
    for name in cache.names()? {
        if KEPT.contains(&name.as_str()) || name.starts_with(TEMPORARY) {
            continue;
        }
        if let Some(stem) = name.strip_suffix(".lock")
            && (Kind::of_folder(stem).is_some() || stem == super::running::FOLDER)
        {
            if stem != super::running::FOLDER && !cache.path().join(stem).exists() {
                found.locks.push(IdleLock::new(&cache, &name));
            }
            continue;
        }
        match (name.as_str(), Kind::of_folder(&name)) {
            ("dependencies", _) => dependencies(&cache.join(&name), &mut found)?,
            ("programs", _) => programs(&cache.join(&name), &mut found)?,
            (_, Some(kind)) if is_directory(&cache.join(&name)) => {
                let lock = lock_of(&name);
                found.entries.push(entry(kind, &cache, &name, &name, lock));
            }
            _ => found.others.push(name),
        }
    }
    Ok(found)
}

fn is_directory(folder: &Folder) -> bool {
    folder.is_directory().unwrap_or(false)
}

fn dependencies(home: &Folder, found: &mut Contents) -> Result<(), Failure> {
    if !is_directory(home) {
        found.others.push("dependencies".to_owned());
        return Ok(());
    }
    for name in home.names()? {
        // Folders in which an entry is being built are named `KEY.building-…`.
        let key = name.split('.').next().unwrap_or_default();
        let shown = format!("dependencies/{name}");
        let lock = lock_of(key);
        if !is_digest(key) && key != "nothing" {
            found.others.push(shown);
        } else if name == lock {
            if !home.path().join(key).exists() {
                found.locks.push(IdleLock::new(home, &name));
            }
        } else if is_directory(&home.join(&name)) {
            let kind = if name == key {
                Kind::Dependencies
            } else {
                Kind::Unfinished
            };
            found.entries.push(entry(kind, home, &name, &shown, lock));
        } else {
            found.others.push(shown);
        }
    }
    Ok(())
}

fn programs(home: &Folder, found: &mut Contents) -> Result<(), Failure> {
    if !is_directory(home) {
        found.others.push("programs".to_owned());
        return Ok(());
    }
    for name in home.names()? {
        let shown = format!("programs/{name}");
        let path = home.path().join(&name);
        match (name.strip_suffix(".json"), fs::symlink_metadata(&path)) {
            (Some(digest), Ok(data)) if is_digest(digest) && data.is_file() => {
                found.entries.push(Entry {
                    kind: Kind::Programs,
                    name: shown,
                    bytes: data.len(),
                    used: data.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                    place: Storage::File {
                        parent: home.clone(),
                        name,
                    },
                });
            }
            _ if name.starts_with(TEMPORARY) => {}
            _ => found.others.push(shown),
        }
    }
    Ok(())
}

fn entry(kind: Kind, parent: &Folder, name: &str, shown: &str, lock: String) -> Entry {
    let path = parent.path().join(name);
    let modified = |path: &Path| fs::symlink_metadata(path).and_then(|data| data.modified());
    Entry {
        kind,
        name: shown.to_owned(),
        bytes: size(&path),
        used: modified(&parent.path().join(&lock))
            .or_else(|_| modified(&path))
            .unwrap_or(SystemTime::UNIX_EPOCH),
        place: Storage::Folder {
            parent: parent.clone(),
            name: name.to_owned(),
            lock,
        },
    }
}

/// Returns the size of all files in bytes, without following links.
fn size(path: &Path) -> u64 {
    let Ok(data) = fs::symlink_metadata(path) else {
        return 0;
    };
    if !data.is_dir() {
        return data.len();
    }
    let inside = fs::read_dir(path).into_iter().flatten().flatten();
    inside.map(|entry| size(&entry.path())).sum()
}

/// The lock of an entry that no longer exists.
#[derive(Debug, Clone)]
pub(crate) struct IdleLock {
    parent: Folder,
    name: String,
}

impl IdleLock {
    fn new(parent: &Folder, name: &str) -> Self {
        Self {
            parent: parent.clone(),
            name: name.to_owned(),
        }
    }

    /// Removes the lock, unless a process works with it or its entry exists again.
    pub(crate) fn remove(&self) -> Result<(), Failure> {
        let entry = self.name.strip_suffix(".lock").unwrap_or(&self.name);
        if let Attempt::Held(_lock) = self.parent.try_lock(&self.name)?
            && !self.parent.path().join(entry).exists()
        {
            self.parent.remove_file(&self.name)?;
        }
        Ok(())
    }
}

/// The result of removing an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    Removed,
    InUse,
}

impl Entry {
    /// Returns the time of the last use, in seconds since 1970.
    pub(crate) fn used_at(&self) -> u64 {
        let used = self.used.duration_since(SystemTime::UNIX_EPOCH);
        used.map_or(0, |used| used.as_secs())
    }

    /// Removes the entry unless it is in use. With `is_trial`, only checks whether it is.
    pub(crate) fn remove(&self, is_trial: bool) -> Result<Removal, Failure> {
        match &self.place {
            Storage::File { .. } if is_trial => {}
            Storage::File { parent, name } => parent.remove_file(name)?,
            Storage::Folder { parent, name, lock } => {
                let Attempt::Held(_lock) = parent.try_lock(lock)? else {
                    return Ok(Removal::InUse);
                };
                if !is_trial {
                    parent.join(name).remove_whole()?;
                    // The entry of an unfinished one may exist.
                    if lock_of(name) == *lock {
                        parent.remove_file(lock)?;
                    }
                }
            }
        }
        Ok(Removal::Removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ours_are_entries() {
        let digest = "0123456789abcdef";
        for (name, kind) in [
            ("local-packages-", Kind::LocalPackages),
            ("local-python-3.13-", Kind::LocalPython),
            ("ministack-1.5.33-", Kind::Emulator),
            ("debugpy-1.8.22-", Kind::Debugger),
            ("image-layer-", Kind::Images),
        ] {
            assert_eq!(Kind::of_folder(&format!("{name}{digest}")), Some(kind));
            assert_eq!(Kind::of_folder(name), None);
        }
        assert_eq!(Kind::of_folder("local-packages-of-mine"), None);
        assert_eq!(Kind::of_folder(digest), None);
    }
}
