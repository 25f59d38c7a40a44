//! Which local AgentCores and which `dev` in the background this user has started on this machine.
//!
//! Each has a note in the user's cache that leads to its folder; whether it still runs is told by the
//! lock there, and never by the note. A process table would not tell which folder a process works in, nor
//! be the same on every system.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::folder;
use crate::{
    effects::{files, folder::Folder},
    error::Failure,
};

pub(super) const FOLDER: &str = "running";
/// Held while notes are written and while those of what is gone are removed.
const LOCK: &str = "running.lock";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    LocalAgentcore,
    Dev,
}

/// Leads to the folder of something that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) kind: Kind,
    /// Cargo's target directory, and the way from there.
    base: PathBuf,
    below: PathBuf,
    pub(crate) workspace: PathBuf,
    /// Of an agent under `dev`.
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

/// Writes down what runs in the folder. What cannot be written down is not found later, and that is no
/// reason to fail.
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

/// A note and what it led to.
pub(crate) type Found<T> = (Note, Result<T, Failure>);

/// The notes of what `runs`; the others are removed.
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
        // One of another place under this name would lead anywhere.
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
