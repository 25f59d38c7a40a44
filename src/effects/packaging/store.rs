//! The cache of dependencies that a user's projects share: one folder an entry, complete or not there.
//!
//! An entry is built beside its place and renamed into it. Its lock file is held by whoever builds,
//! reads or drops it, so none is dropped while it is in use, and none is built twice at once.
#![expect(clippy::disallowed_methods, reason = "the cache is kept here")]

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use tempfile::TempDir;

use crate::{
    effects::{
        cache,
        files::{self, FileError, Lock},
    },
    error::Failure,
    package::layer::Layer,
};

const ARCHIVE: &str = "dependencies.zip";
const DESCRIPTION: &str = "layer.json";
const BUILDING: &str = ".building-";
/// The least recently used entries beyond these go.
const ENTRIES: usize = 20;
const BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// One entry, held.
pub(super) struct Held {
    home: PathBuf,
    key: String,
    // The lock goes before the claim: who then waits no more for this run may wait for another.
    _lock: Lock,
    _claim: Claim,
}

/// What agents of this run wait for or hold, once for each of them.
static CLAIMED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// One agent's part in an entry. Agents of one run wait for each other as well, and that is no news.
struct Claim {
    path: PathBuf,
    first: bool,
}

impl Claim {
    fn new(path: &Path) -> Self {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        let first = !claimed.iter().any(|other| other == path);
        claimed.push(path.to_owned());
        Self {
            path: path.to_owned(),
            first,
        }
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

/// `waiting` is called where another run holds the entry.
pub(super) fn hold(key: &str, waiting: impl FnOnce()) -> Result<Held, Failure> {
    let home = cache::directory()?.join("dependencies");
    files::create_dir_all(&home)?;
    let path = lock_of(&home, key);
    let claim = Claim::new(&path);
    let lock = files::lock(&path, || {
        if claim.first {
            waiting();
        }
    })?;
    // The time of the lock file tells when the entry was last used; a wrong order costs little.
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

    /// The entry, where it is whole.
    pub(super) fn read(&self) -> Result<Option<Layer>, Failure> {
        let description = self.home.join(&self.key).join(DESCRIPTION);
        let Some(text) = files::read_text(&description)? else {
            return Ok(None);
        };
        let layer: Option<Layer> = serde_json::from_str(&text).ok();
        Ok(layer.filter(|layer| {
            fs::metadata(self.archive()).is_ok_and(|found| found.len() == layer.size)
        }))
    }

    /// A new folder to build in.
    pub(super) fn workshop(&self) -> Result<TempDir, Failure> {
        let made = tempfile::Builder::new()
            .prefix(&format!("{}{BUILDING}", self.key))
            .tempdir_in(&self.home);
        Ok(made.map_err(|error| FileError::new("write in", &self.home, error))?)
    }

    /// Puts the finished archive in its place.
    pub(super) fn publish(&self, archive: &Path, layer: &Layer) -> Result<(), Failure> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| FileError::new("write", &path, error)
        };
        let staged = archive.with_file_name("entry");
        files::create_dir_all(&staged)?;
        fs::rename(archive, staged.join(ARCHIVE)).map_err(failed(&staged))?;
        let text = serde_json::to_string(layer).expect("a layer is plain data");
        files::write_atomic(&staged.join(DESCRIPTION), &staged, text.as_bytes(), false)?;
        let place = self.home.join(&self.key);
        files::remove_tree(&place)?;
        fs::rename(&staged, &place).map_err(failed(&place))?;
        // The installer of a killed run may have gone on writing; by now it has come to its end.
        sweep(&self.home, &self.key);
        Ok(())
    }

    /// Drops what has not been used for longest. A cache that stays too large is no reason to fail.
    pub(super) fn evict_others(&self) {
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
            if at + 1 < ENTRIES && bytes <= BYTES {
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

/// While its lock is held.
fn drop_entry(home: &Path, key: &str) -> bool {
    sweep(home, key);
    files::remove_tree(&home.join(key)).is_ok()
}

fn lock_of(home: &Path, key: &str) -> PathBuf {
    home.join(format!("{key}.lock"))
}

/// Half-built folders of an entry whose lock is held are nobody's.
fn sweep(home: &Path, key: &str) {
    let prefix = format!("{key}{BUILDING}");
    for entry in fs::read_dir(home).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            // An installer that outlived its run may still write; the next run tries again.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
