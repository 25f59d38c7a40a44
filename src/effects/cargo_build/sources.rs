//! The files that a binary is built from, as they are now.
#![expect(clippy::disallowed_methods, reason = "the files are looked at here")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::SystemTime,
};

use ignore::WalkBuilder;

/// The size and the time of each file. cargo decides whether a change matters.
pub(crate) type Sources = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// Returns the files below the directories, except ignored ones and those in `target`, and these
/// `others`.
pub(crate) fn sources(directories: &[PathBuf], others: &[PathBuf], target: &Path) -> Sources {
    let mut files: BTreeSet<PathBuf> = others.iter().cloned().collect();
    for directory in directories {
        let target = target.to_owned();
        let walk = WalkBuilder::new(directory)
            .require_git(false)
            .filter_entry(move |entry| entry.path() != target)
            .build();
        let found = walk.flatten().filter(|entry| {
            let kind = entry.file_type();
            kind.is_some_and(|kind| kind.is_file())
        });
        files.extend(found.map(ignore::DirEntry::into_path));
    }
    let described = files.into_iter().filter_map(|path| {
        // A file may be gone by now.
        let about = std::fs::metadata(&path).ok()?;
        Some((path, (about.len(), about.modified().ok())))
    });
    described.collect()
}
