//! Waits for edits. Only directories that can hold what is shipped are watched; whether an edit changed
//! anything, its files' content tells.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use ignore::WalkBuilder;
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use crate::effects::clock;

/// An editor writes several times when it saves.
const BURST: Duration = Duration::from_millis(80);
/// How often files are looked at where the system tells nothing of edits.
const LOOK: Duration = Duration::from_secs(1);

pub(crate) struct Watch {
    /// None where the system tells nothing.
    watcher: Option<RecommendedWatcher>,
    edited: mpsc::UnboundedReceiver<PathBuf>,
    watched: BTreeSet<PathBuf>,
    /// Files of the last burst.
    burst: BTreeSet<PathBuf>,
    /// Files that are not shipped, as an edit has shown.
    unshipped: BTreeSet<PathBuf>,
}

impl Watch {
    /// The second value says why the system tells nothing of edits.
    pub(crate) fn new() -> (Self, Option<String>) {
        let (sender, edited) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if event.kind.is_access() {
                return;
            }
            for path in event.paths {
                // Nobody listens any more where the command has ended.
                let _ = sender.send(path);
            }
        });
        let (watcher, why) = match watcher {
            Ok(watcher) => (Some(watcher), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let watch = Self {
            watcher,
            edited,
            watched: BTreeSet::new(),
            burst: BTreeSet::new(),
            unshipped: BTreeSet::new(),
        };
        (watch, why)
    }

    /// Watches the directories below `roots`, what ignore files leave out aside, and those of `files`.
    /// `target` is passed over. The answer is whether any of them is new, so that something may have
    /// happened in it before, and why something cannot be watched.
    pub(crate) fn follow<'f>(
        &mut self,
        roots: &[PathBuf],
        files: impl Iterator<Item = &'f Path>,
        target: &Path,
    ) -> (bool, Option<String>) {
        let mut directories: BTreeSet<PathBuf> = files
            .filter_map(Path::parent)
            .filter(|parent| parent.is_dir())
            .map(Path::to_owned)
            .collect();
        for root in roots.iter().filter(|root| root.is_dir()) {
            let target = target.to_owned();
            let walk = WalkBuilder::new(root)
                .require_git(false)
                .filter_entry(move |entry| {
                    entry.path() != target && entry.file_name() != "__pycache__"
                })
                .build();
            let found = walk.flatten().filter(|entry| {
                let kind = entry.file_type();
                kind.is_some_and(|kind| kind.is_dir())
            });
            directories.extend(found.map(ignore::DirEntry::into_path));
        }
        let Some(watcher) = &mut self.watcher else {
            return (false, None);
        };
        let (mut is_new, mut why) = (false, None);
        for directory in &directories {
            if self.watched.contains(directory) {
                continue;
            }
            match watcher.watch(directory, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(directory.clone());
                    is_new = true;
                }
                // It may be gone again.
                Err(_) if !directory.is_dir() => {}
                Err(error) => why = Some(error.to_string()),
            }
        }
        // A directory that is gone and comes back is another one.
        self.watched.retain(|directory| directory.is_dir());
        if why.is_some() {
            self.watcher = None;
        }
        (is_new, why)
    }

    /// Waits until something was edited, and the burst is over.
    pub(crate) async fn edited(&mut self) {
        if self.watcher.is_none() {
            clock::sleep(LOOK).await;
            return;
        }
        loop {
            self.burst.clear();
            match self.edited.recv().await {
                Some(path) => self.note(path),
                None => std::future::pending().await,
            }
            clock::sleep(BURST).await;
            while let Ok(path) = self.edited.try_recv() {
                self.note(path);
            }
            if !self.burst.is_empty() {
                return;
            }
        }
    }

    fn note(&mut self, path: PathBuf) {
        if !self.unshipped.contains(&path) {
            self.burst.insert(path);
        }
    }

    /// The last burst changed nothing: its files are not looked at again, those of `known` aside.
    pub(crate) fn nothing_changed(&mut self, known: &BTreeSet<PathBuf>) {
        for path in std::mem::take(&mut self.burst) {
            let is_rule = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if !is_rule && !path.is_dir() && !known.contains(&path) {
                self.unshipped.insert(path);
            }
        }
    }

    /// Something changed: other files may be shipped now.
    pub(crate) fn something_changed(&mut self) {
        self.unshipped.clear();
    }
}
