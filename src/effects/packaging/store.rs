//! The cache of dependencies, shared by a user's projects: one folder per entry, which is either
//! complete or missing.
//!
//! An entry is built in a temporary folder and renamed. Its lock file is held while it is built,
//! read or deleted, so that no entry is deleted while it is in use, or built twice at the same
//! time.
#![expect(clippy::disallowed_methods, reason = "the cache is kept here")]

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use crate::{
    effects::{
        cache,
        files::{self, Attempt, FileError, Lock},
        folder::Folder,
        staging::{Passing, private},
    },
    error::Failure,
    package::layer::Layer,
};

const ARCHIVE: &str = "dependencies.zip";
const DESCRIPTION: &str = "layer.json";
const BUILDING: &str = ".building-";
/// The limits of the cache; the least recently used entries beyond them are deleted.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    entries: usize,
    bytes: u64,
}

const BOUNDS: Bounds = Bounds {
    entries: 20,
    bytes: 2 * 1024 * 1024 * 1024,
};

/// A locked entry.
pub(super) struct Held {
    home: PathBuf,
    key: String,
    // The lock is released before the claim, so that other agents of this run may wait for another
    // run.
    _lock: Lock,
    _claim: Claim,
}

/// The entries that agents of this run wait for or hold, once for each agent.
static CLAIMED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// One agent's claim to an entry, because agents of one run also wait for each other, which is not
/// reported.
struct Claim {
    path: PathBuf,
}

impl Claim {
    /// Claims the entry and tries to lock it. Returns true if another agent of this run claimed it
    /// before.
    fn stake(home: &Folder, lock: &str) -> Result<(Self, Attempt, bool), FileError> {
        // Both under one guard: otherwise, the second agent could get the lock first, and the first
        // one would take it for another run.
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = home.try_lock(lock)?;
        let path = home.path().join(lock);
        let among_us = claimed.contains(&path);
        claimed.push(path.clone());
        Ok((Self { path }, attempt, among_us))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = claimed.iter().position(|other| *other == self.path) {
            claimed.swap_remove(at);
        }
    }
}

/// Locks the entry. Calls `waiting` if another run holds it.
pub(super) fn hold(key: &str, waiting: impl FnOnce()) -> Result<Held, Failure> {
    hold_in(cache::directory()?.join("dependencies"), key, waiting)
}

fn hold_in(home: PathBuf, key: &str, waiting: impl FnOnce()) -> Result<Held, Failure> {
    cache::create(&home)?;
    let path = lock_of(&home, key);
    let folder = Folder::private(home.clone());
    let name = format!("{key}.lock");
    let (claim, attempt, among_us) = Claim::stake(&folder, &name)?;
    let lock = match attempt {
        Attempt::Held(lock) => lock,
        Attempt::Busy(busy) => {
            if !among_us {
                waiting();
            }
            folder.wait(&name, busy)?
        }
    };
    // The lock file's time records the last use; a failure is harmless.
    if let Ok(file) = File::options().write(true).open(&path) {
        let _ = file.set_modified(SystemTime::now());
    }
    sweep(&home, key);
    Ok(Held {
        home,
        key: key.to_owned(),
        _lock: lock,
        _claim: claim,
    })
}

impl Held {
    pub(super) fn archive(&self) -> PathBuf {
        self.home.join(&self.key).join(ARCHIVE)
    }

    /// Returns the entry if it is complete. If `is_known` confirms its start, only the end is
    /// checked.
    pub(super) fn read(
        &self,
        is_known: impl FnOnce(&Layer) -> bool,
    ) -> Result<Option<Layer>, Failure> {
        let description = self.home.join(&self.key).join(DESCRIPTION);
        let Some(text) = files::read_text(&description)? else {
            return Ok(None);
        };
        let Some(layer) = serde_json::from_str::<Layer>(&text).ok() else {
            return Ok(None);
        };
        let archive = self.archive();
        if !fs::metadata(&archive).is_ok_and(|found| found.len() == layer.size)
            || layer.head > layer.size
        {
            return Ok(None);
        }
        let is_whole = files::hash_part(&archive, layer.head, layer.size)?
            == layer.directory_sha256
            && (is_known(&layer) || files::hash_part(&archive, 0, layer.head)? == layer.sha256);
        Ok(is_whole.then_some(layer))
    }

    /// Creates a folder to build in.
    pub(super) fn workshop(&self) -> Result<Passing, Failure> {
        let prefix = format!("{}{BUILDING}", self.key);
        let made = private(tempfile::Builder::new().prefix(&prefix)).tempdir_in(&self.home);
        let made = made.map_err(|error| FileError::new("write in", &self.home, error))?;
        Ok(Passing::of(made))
    }

    /// Moves the finished archive to its place.
    pub(super) fn publish(&self, archive: &Path, layer: &Layer) -> Result<(), Failure> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| FileError::new("write", &path, error)
        };
        let staged = archive.with_file_name("entry");
        let entry = Folder::private(staged.with_file_name("")).join("entry");
        entry.create()?;
        files::close_to_others(archive)?;
        fs::rename(archive, staged.join(ARCHIVE)).map_err(failed(&staged))?;
        let text = serde_json::to_string(layer).expect("a layer is plain data");
        entry.write(DESCRIPTION, text.as_bytes())?;
        let place = self.home.join(&self.key);
        files::remove_tree(&place)?;
        fs::rename(&staged, &place).map_err(failed(&place))?;
        // The installer of a killed run may have kept writing; it has ended by now.
        sweep(&self.home, &self.key);
        Ok(())
    }

    /// Deletes the least recently used entries. A failure is ignored.
    pub(super) fn evict_others(&self) {
        self.evict_beyond(BOUNDS);
    }

    fn evict_beyond(&self, bounds: Bounds) {
        let Ok(found) = fs::read_dir(&self.home) else {
            return;
        };
        let mut others: Vec<(SystemTime, u64, String)> = found
            .filter_map(Result::ok)
            .filter_map(|entry| {
                let key = entry.file_name().into_string().ok()?;
                if key.contains('.') || key == self.key {
                    return None;
                }
                let used =
                    fs::metadata(lock_of(&self.home, &key)).and_then(|found| found.modified());
                let size = fs::metadata(entry.path().join(ARCHIVE)).map_or(0, |found| found.len());
                Some((used.unwrap_or(SystemTime::UNIX_EPOCH), size, key))
            })
            .collect();
        others.sort_by_key(|(used, ..)| std::cmp::Reverse(*used));
        let mut bytes = fs::metadata(self.archive()).map_or(0, |found| found.len());
        for (at, (_, size, key)) in others.iter().enumerate() {
            bytes += size;
            if at + 1 < bounds.entries && bytes <= bounds.bytes {
                continue;
            }
            let free = File::options()
                .write(true)
                .open(lock_of(&self.home, key))
                .is_ok_and(|file| file.try_lock().is_ok_and(|()| drop_entry(&self.home, key)));
            if free {
                bytes -= size;
            }
        }
    }
}

/// Deletes an entry; its lock must be held.
fn drop_entry(home: &Path, key: &str) -> bool {
    sweep(home, key);
    files::remove_tree(&home.join(key)).is_ok()
}

fn lock_of(home: &Path, key: &str) -> PathBuf {
    home.join(format!("{key}.lock"))
}

/// Deletes incomplete folders of an entry; its lock must be held.
fn sweep(home: &Path, key: &str) {
    let prefix = format!("{key}{BUILDING}");
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            // An installer that outlived its run may still write; the next run tries again.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;
    use crate::package::{distributions::Modules, layer::Weights};

    struct Shelf(TempDir);

    impl Shelf {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("a directory"))
        }

        fn hold(&self, key: &str) -> Held {
            hold_in(self.0.path().to_owned(), key, || panic!("`{key}` is held")).expect("a lock")
        }

        /// Adds an entry with this size that was last used this many minutes ago.
        fn put(&self, key: &str, size: u64, minutes: u64) {
            let held = self.hold(key);
            publish(&held, size);
            drop(held);
            let used = SystemTime::now() - Duration::from_mins(minutes);
            let lock = File::options()
                .write(true)
                .open(lock_of(self.0.path(), key))
                .expect("a lock file");
            lock.set_modified(used).expect("it is ours");
        }

        fn keys(&self) -> Vec<String> {
            let mut keys = files::names_in(self.0.path()).expect("it is read");
            keys.retain(|name| !name.contains('.'));
            keys
        }
    }

    fn publish(held: &Held, size: u64) {
        let workshop = held.workshop().expect("a workshop");
        let archive = workshop.path().join(ARCHIVE);
        let content = vec![0; usize::try_from(size).expect("a small size")];
        fs::write(&archive, content).expect("room");
        let sha256 = |to| files::hash_part(&archive, 0, to).expect("it is read");
        let layer = Layer {
            head: 0,
            size,
            sha256: sha256(0),
            md5: [0; 16],
            directory_sha256: sha256(size),
            files: 0,
            source: String::new(),
            weights: Weights::new(),
            modules: Modules::new(),
            left_out: Vec::new(),
            behind: Vec::new(),
            compiled_by: None,
        };
        held.publish(&archive, &layer).expect("a place");
    }

    const ROOMY: Bounds = Bounds {
        entries: 100,
        bytes: 1 << 20,
    };

    #[test]
    fn the_least_recently_used_beyond_the_number_go() {
        let shelf = Shelf::new();
        for (key, minutes) in [("a", 3), ("b", 1), ("c", 2)] {
            shelf.put(key, 10, minutes);
        }
        let held = shelf.hold("new");
        publish(&held, 10);
        held.evict_beyond(ROOMY);
        assert_eq!(shelf.keys(), ["a", "b", "c", "new"]);
        held.evict_beyond(Bounds {
            entries: 2,
            ..ROOMY
        });
        assert_eq!(shelf.keys(), ["b", "new"]);
        assert!(held.read(|_| false).expect("it is read").is_some());
    }

    #[test]
    fn the_bytes_of_all_are_bounded_and_the_new_entry_stays() {
        let shelf = Shelf::new();
        for (key, size, minutes) in [("a", 30, 1), ("b", 50, 2), ("c", 10, 3)] {
            shelf.put(key, size, minutes);
        }
        let held = shelf.hold("new");
        publish(&held, 40);
        held.evict_beyond(Bounds { bytes: 80, ..ROOMY });
        // Without `b`, which is too large, there is room for `c`.
        assert_eq!(shelf.keys(), ["a", "c", "new"]);
        held.evict_beyond(Bounds { bytes: 1, ..ROOMY });
        assert_eq!(shelf.keys(), ["new"]);
    }

    #[test]
    fn what_another_run_uses_stays() {
        let shelf = Shelf::new();
        shelf.put("old", 10, 9);
        let in_use = shelf.hold("old");
        let held = shelf.hold("new");
        publish(&held, 10);
        let one = Bounds {
            entries: 1,
            ..ROOMY
        };
        held.evict_beyond(one);
        assert_eq!(shelf.keys(), ["new", "old"]);
        drop(in_use);
        // A process that another test starts at this moment has the lock until it runs its program.
        for _ in 0..500 {
            held.evict_beyond(one);
            if shelf.keys() == ["new"] {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(shelf.keys(), ["new"]);
    }

    #[test]
    fn half_an_entry_is_none() {
        let shelf = Shelf::new();
        let held = shelf.hold("new");
        assert!(held.read(|_| false).expect("it is read").is_none());
        publish(&held, 10);
        assert!(held.read(|_| false).expect("it is read").is_some());
        // The same length, different content.
        fs::write(held.archive(), [1; 10]).expect("room");
        assert!(held.read(|_| false).expect("it is read").is_none());
        fs::write(held.archive(), "short").expect("room");
        assert!(held.read(|_| false).expect("it is read").is_none());
    }
}
