//! Waits for edits. Watches only directories that can contain shipped files; the files' content
//! decides whether anything changed.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use ignore::WalkBuilder;
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use crate::effects::clock;

/// An editor writes several times per save.
const BURST: Duration = Duration::from_millis(80);
/// How often to check the files if the system does not report edits.
const LOOK: Duration = Duration::from_secs(1);

pub(crate) struct Watch {
    /// `None` if the system does not report edits.
    watcher: Option<RecommendedWatcher>,
    edited: mpsc::UnboundedReceiver<PathBuf>,
    watched: BTreeSet<PathBuf>,
    /// The files of the last burst.
    burst: BTreeSet<PathBuf>,
    /// Files that are known not to be shipped because editing them changed nothing.
    unshipped: BTreeSet<PathBuf>,
}

impl Watch {
    /// Creates a watch. The second value is the reason why the system does not report edits, if
    /// any.
    pub(crate) fn new() -> (Self, Option<String>) {
        let (sender, edited) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            if event.kind.is_access() {
                return;
            }
            for path in event.paths {
                // The command may have ended, and its receiver with it.
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

    /// Watches the directories below `roots`, except `target` and ignored ones, and those of
    /// `files`. Returns whether any of them is new, so that an earlier edit may have been missed,
    /// and why something cannot be watched.
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
                // It may already be deleted.
                Err(_) if !directory.is_dir() => {}
                Err(error) => why = Some(error.to_string()),
            }
        }
        // A directory that is deleted and recreated must be watched again.
        self.watched.retain(|directory| directory.is_dir());
        if why.is_some() {
            self.watcher = None;
        }
        (is_new, why)
    }

    /// Waits for an edit and the end of its burst.
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

    /// Ignores the files of the last burst from now on, except those in `known`, because nothing
    /// changed.
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

    /// Stops ignoring files, because a change may affect which files are shipped.
    pub(crate) fn something_changed(&mut self) {
        self.unshipped.clear();
    }
}
