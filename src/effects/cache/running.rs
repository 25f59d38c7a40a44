//! The local AgentCores and `dev` processes that this user has started on this machine.
//!
//! Each has a note in the user's cache with its folder. The lock in that folder, not the note,
//! decides whether it still runs. A process table would not show the folders, and differs between
//! systems.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder;
use crate::{
    effects::{files, folder::Folder},
    error::Failure,
};

pub(super) const FOLDER: &str = "running";
/// Held while notes, or records of where there is state, are written or removed.
pub(crate) const LOCK: &str = "running.lock";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    LocalAgentcore,
    Dev,
}

/// Points to the folder of something that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) kind: Kind,
    /// Cargo's target directory, and the path below it.
    base: PathBuf,
    below: PathBuf,
    pub(crate) workspace: PathBuf,
    /// The agent under `dev`.
    pub(crate) agent: Option<String>,
}

impl Note {
    pub(crate) fn folder(&self) -> Folder {
        Folder::private(self.base.clone()).join(&self.below)
    }

    fn name(&self) -> String {
        let path = self.folder().path();
        format!(
            "{}.json",
            &files::hash(path.display().to_string().as_bytes())[..32]
        )
    }
}

/// Records what runs in the folder. A failure is ignored; it is then not found later.
pub(crate) fn note(kind: Kind, at: &Folder, workspace: &Path, agent: Option<&str>) {
    let (base, below) = at.parts();
    let note = Note {
        kind,
        base,
        below,
        workspace: workspace.to_owned(),
        agent: agent.map(str::to_owned),
    };
    let write = || -> Result<(), Failure> {
        let cache = folder()?;
        let _lock = cache.lock(LOCK, || {})?;
        let text = serde_json::to_string(&note).expect("a note is plain data");
        Ok(cache.join(FOLDER).write(&note.name(), text.as_bytes())?)
    };
    let _ = write();
}

/// A note and the result of checking it.
pub(crate) type Found<T> = (Note, Result<T, Failure>);

/// Returns the notes of what still `runs`, and removes the others.
pub(crate) fn all<T>(
    runs: impl Fn(&Note) -> Result<Option<T>, Failure>,
) -> Result<Vec<Found<T>>, Failure> {
    let cache = folder()?;
    if !cache.exists()? {
        return Ok(Vec::new());
    }
    let _lock = cache.lock(LOCK, || {})?;
    let notes = cache.join(FOLDER);
    let mut found = Vec::new();
    for name in notes.names()? {
        let Some(text) = notes.read_text(&name)? else {
            continue;
        };
        let note: Option<Note> = serde_json::from_str(&text).ok();
        // A note under another's name could point anywhere.
        let note = note.filter(|note| note.name() == name);
        let state = note.as_ref().map(|note| runs(note).transpose());
        match (note, state) {
            (Some(note), Some(Some(state))) => found.push((note, state)),
            _ => notes.remove_file(&name)?,
        }
    }
    found.sort_by_key(|(note, _)| note.folder().path());
    Ok(found)
}
