//! How a running `dev` informs other commands about an agent: a record in the agent's folder, valid
//! while the lock next to it is held.

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
/// Contains the nonce of the `dev` that should end.
const STOP: &str = "stop";
/// Another command that checks the lock holds it for a moment.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

/// The state of an agent under `dev`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Standing {
    Starting,
    Serving,
    /// It cannot run until a file is edited.
    Broken,
}

/// Written only by the process that holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) pid: u32,
    /// The agent's name.
    #[serde(default)]
    pub(crate) agent: String,
    pub(crate) url: String,
    /// The path of requests below the URL.
    pub(crate) path: String,
    pub(crate) nonce: String,
    pub(crate) standing: Standing,
}

impl Record {
    /// Creates the record of this process.
    pub(crate) fn of(
        agent: String,
        url: String,
        path: String,
        nonce: String,
        standing: Standing,
    ) -> Self {
        Self {
            pid: std::process::id(),
            agent,
            url,
            path,
            nonce,
            standing,
        }
    }
}

/// What other commands can see of an agent's `dev`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sight {
    Gone,
    /// It holds the lock, but has not written its record yet.
    Starting,
    Running(Record),
}

/// The result of [`hold`].
pub(crate) enum Hold {
    Held(Lock),
    /// Another `dev` runs the agent.
    Taken(Option<Record>),
}

/// Returns whether a `dev` that did not mark its folders yet may have written this file.
fn is_ours(name: &str) -> bool {
    [LOCK, RECORD, STOP].contains(&name)
}

/// Takes the agent's lock and deletes what an earlier run left.
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
    // An unreadable record comes from another version.
    let text = folder.read_text(RECORD)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Looks once, without changing anything.
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

/// Why a `dev` ends without Ctrl-C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Another command asked for it.
    Asked,
    /// Its folder was removed.
    Homeless,
}

/// Returns why the `dev` that holds the lock should end.
pub(super) fn reason_to_end(folder: &Folder, lock: &Lock, nonce: &str) -> Option<Reason> {
    match folder.lock_file(LOCK) {
        Ok(Some(file)) if !lock.is_of(&file) => return Some(Reason::Homeless),
        Ok(None) => return Some(Reason::Homeless),
        // A file that cannot be opened at the moment still exists.
        Ok(Some(_)) | Err(_) => {}
    }
    let asked = matches!(folder.read_text(STOP), Ok(Some(text)) if text == nonce);
    asked.then_some(Reason::Asked)
}
