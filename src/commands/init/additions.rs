//! What `init` adds to files that already exist.

use std::path::{Path, PathBuf};

use super::written::{After, GITIGNORE, Ignoring};
use crate::{plan::init::relative, project::declaring::Before};

/// An addition to an existing file.
pub(super) struct Addition<'a> {
    pub(super) file: PathBuf,
    pub(super) what: String,
    /// The file's text with the addition.
    pub(super) whole: &'a [u8],
}

/// Returns the path to a file, relative to the folder that `init` works in.
pub(super) fn way(before: &Before, file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default();
    match file.parent() {
        Some(directory) if directory != before.root => {
            Path::new(&relative(&before.root, directory)).join(name)
        }
        _ => PathBuf::from(name),
    }
}

pub(super) fn additions<'a>(before: &Before, after: &'a After) -> Vec<Addition<'a>> {
    let mut found = Vec::new();
    if let Some(Ignoring { lines, whole }) = &after.ignoring {
        let lines: Vec<String> = lines.iter().map(|line| format!("`{line}`")).collect();
        found.push(Addition {
            file: before.root.join(GITIGNORE),
            what: lines.join(", "),
            whole,
        });
    }
    found.extend(after.insertions.iter().map(|insertion| Addition {
        file: insertion.manifest.clone(),
        what: insertion.what.to_owned(),
        whole: insertion.whole.as_bytes(),
    }));
    found
}
