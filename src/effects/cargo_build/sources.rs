//! The files that a binary is built from, as they are now.
#![expect(clippy::disallowed_methods, reason = "the files are looked at here")]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::SystemTime,
};

use ignore::WalkBuilder;

use crate::package::cargo::dep_info;

/// The size and the time of each file; `None` if only its existence counts.
pub(crate) type Sources = BTreeMap<PathBuf, Option<(u64, Option<SystemTime>)>>;

/// A package that is built from a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalPackage {
    /// How cargo names it.
    pub(crate) id: String,
    pub(crate) directory: PathBuf,
}

/// What a binary was made from, as cargo says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MadeFrom {
    /// Files and directories.
    paths: Vec<PathBuf>,
    /// The IDs of packages whose build script runs after a change to any file of the package.
    whole: Vec<String>,
}

impl MadeFrom {
    /// Reads the list that cargo puts beside a binary. `whole` are the packages that it cannot list.
    pub(super) fn of(binary: &Path, whole: Vec<String>) -> Option<Self> {
        let text = std::fs::read_to_string(binary.with_extension("d")).ok()?;
        let paths: Vec<PathBuf> = dep_info::listed(&text)
            .into_iter()
            .map(PathBuf::from)
            .collect();
        (!paths.is_empty()).then_some(Self { paths, whole })
    }
}

/// Returns true if cargo runs a build script again after any change, because the script did not say
/// which changes matter.
pub(super) fn depends_on_everything(out_dir: &Path) -> bool {
    let said = out_dir.parent().map(|folder| folder.join("output"));
    let said = said.and_then(|file| std::fs::read_to_string(file).ok());
    said.is_none_or(|said| !said.contains("rerun-if-"))
}

/// What to look at for the next build.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watched {
    pub(crate) packages: Vec<LocalPackage>,
    /// What the last good build was made from. Before there is one, any file of a package counts.
    made_from: Option<MadeFrom>,
    /// True if the last build failed, perhaps for want of a file.
    has_failed: bool,
}

impl Watched {
    /// Takes over what a build was made from, if cargo says so.
    pub(crate) fn succeeded(&mut self, made_from: Option<MadeFrom>) {
        self.made_from = made_from;
        self.has_failed = false;
    }

    pub(crate) fn failed(&mut self) {
        self.has_failed = true;
    }

    /// Returns the files that the next build may be made from, and these `others`. What cargo makes
    /// itself, in `target`, is left out.
    pub(crate) fn sources(&self, others: &[PathBuf], target: &Path) -> Sources {
        let mut files: BTreeSet<PathBuf> = others.iter().cloned().collect();
        let mut there = BTreeSet::new();
        for LocalPackage { id, directory } in &self.packages {
            files.insert(directory.join("Cargo.toml"));
            match &self.made_from {
                Some(made_from) if !made_from.whole.contains(id) => {
                    files.extend(below(&directory.join("src"), target));
                    if self.has_failed {
                        there.extend(below(directory, target));
                    }
                }
                Some(_) | None => files.extend(below(directory, target)),
            }
        }
        let listed = self.made_from.iter().flat_map(|made_from| &made_from.paths);
        for path in listed.filter(|path| !path.starts_with(target)) {
            if path.is_dir() {
                files.extend(below(path, target));
            } else {
                files.insert(path.clone());
            }
        }
        let mut sources: Sources = there.into_iter().map(|path| (path, None)).collect();
        sources.extend(files.into_iter().filter_map(|path| {
            // A file may be gone by now.
            let about = std::fs::metadata(&path).ok()?;
            Some((path, Some((about.len(), about.modified().ok()))))
        }));
        sources
    }
}

/// Returns what counts from now on. Files are taken as they were before the build, so that edits
/// during it are not lost.
pub(crate) fn since(before: &Sources, now: Sources) -> Sources {
    let now = now.into_iter();
    now.map(|(path, about)| {
        let earlier = before.get(&path).copied().flatten();
        let about = about.map(|about| earlier.unwrap_or(about));
        (path, about)
    })
    .collect()
}

/// Returns the files below a directory, except ignored ones and those in `target`.
pub(crate) fn below(directory: &Path, target: &Path) -> impl Iterator<Item = PathBuf> {
    let target = target.to_owned();
    let walk = WalkBuilder::new(directory)
        .require_git(false)
        .filter_entry(move |entry| entry.path() != target)
        .build();
    let found = walk.flatten().filter(|entry| {
        let kind = entry.file_type();
        kind.is_some_and(|kind| kind.is_file())
    });
    found.map(ignore::DirEntry::into_path)
}
