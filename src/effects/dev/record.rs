//! What a running `dev` tells other commands of an agent: a record in the agent's folder, true while the lock
//! beside it is held.

use std::fs::TryLockError;

use serde::{Deserialize, Serialize};

use crate::{
    effects::{
        clock,
        files::{Attempt, FileError, Lock},
        folder::Folder,
    },
    error::Failure,
};

/// Held while an agent runs.
const LOCK: &str = "running.lock";
const RECORD: &str = "dev.json";
/// Holds the nonce of the `dev` that is to end.
const STOP: &str = "stop";
/// Another command that looks whether the lock is held holds it for a moment.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

/// How an agent under development stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Standing {
    Starting,
    Serving,
    /// It cannot run until something is edited.
    Broken,
}

/// Written by the process that holds the lock, and by no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) pid: u32,
    pub(crate) url: String,
    /// Where requests go below the URL.
    pub(crate) path: String,
    pub(crate) nonce: String,
    pub(crate) standing: Standing,
}

impl Record {
    /// Of this process.
    pub(crate) fn of(url: String, path: String, nonce: String, standing: Standing) -> Self {
        Self {
            pid: std::process::id(),
            url,
            path,
            nonce,
            standing,
        }
    }
}

/// What is to be seen of an agent's `dev`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sight {
    Gone,
    /// It holds the lock and has not told yet where it is.
    Starting,
    Running(Record),
}

/// What came of the wish to run an agent.
pub(crate) enum Hold {
    Held(Lock),
    /// Another `dev` runs it.
    Taken(Option<Record>),
}

/// Whether `dev` may have written this before it marked folders as its own.
fn is_ours(name: &str) -> bool {
    [LOCK, RECORD, STOP].contains(&name)
}

/// Takes the agent's lock; what an earlier run told is forgotten.
pub(crate) async fn hold(folder: &Folder) -> Result<Hold, Failure> {
    folder.create_marked(is_ours)?;
    for _ in 0..LOCK_TRIES {
        if let Attempt::Held(lock) = folder.try_lock(LOCK)? {
            folder.remove_file(RECORD)?;
            folder.remove_file(STOP)?;
            return Ok(Hold::Held(lock));
        }
        clock::sleep(LOCK_PAUSE).await;
    }
    Ok(Hold::Taken(read(folder)?))
}

pub(crate) fn write(folder: &Folder, record: &Record) -> Result<(), FileError> {
    let text = serde_json::to_vec(record).expect("a record can be written as JSON");
    folder.write(RECORD, &text)
}

fn read(folder: &Folder) -> Result<Option<Record>, Failure> {
    // One that cannot be read is being written by another version.
    let text = folder.read_text(RECORD)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Looks once, and changes nothing.
pub(crate) fn look(folder: &Folder) -> Result<Sight, Failure> {
    let Some(file) = folder.lock_file(LOCK)? else {
        return Ok(Sight::Gone);
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Sight::Gone),
        Err(TryLockError::WouldBlock) => Ok(read(folder)?.map_or(Sight::Starting, Sight::Running)),
        Err(TryLockError::Error(error)) => {
            Err(FileError::new("lock", &folder.path().join(LOCK), error).into())
        }
    }
}

/// Asks the `dev` of this record, and no other, to end.
pub(crate) fn ask_to_stop(folder: &Folder, record: &Record) -> Result<(), FileError> {
    folder.write(STOP, record.nonce.as_bytes())
}

/// Why a `dev` is to end that nobody has pressed Ctrl-C for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Another command asked for it.
    Asked,
    /// Its folder was removed.
    Homeless,
}

/// Whether the `dev` that holds the lock is to end.
pub(super) fn reason_to_end(folder: &Folder, lock: &Lock, nonce: &str) -> Option<Reason> {
    match folder.lock_file(LOCK) {
        Ok(Some(file)) if !lock.is_of(&file) => return Some(Reason::Homeless),
        Ok(None) => return Some(Reason::Homeless),
        // What cannot be opened at the moment is still there.
        Ok(Some(_)) | Err(_) => {}
    }
    let asked = matches!(folder.read_text(STOP), Ok(Some(text)) if text == nonce);
    asked.then_some(Reason::Asked)
}
