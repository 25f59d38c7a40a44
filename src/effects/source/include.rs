//! The files that an agent's `include` adds back.

use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::{error::Failure, redaction::secret::is_hidden};

/// The patterns for one folder. They match paths below the folder and paths as shipped.
#[derive(Debug)]
pub(in crate::effects) struct Include {
    all: Gitignore,
    /// The patterns that explicitly name hidden files; `*` alone does not add any.
    revealing: Gitignore,
    folder: PathBuf,
    /// The prefix of shipped paths before the path below the folder.
    prefix: String,
}

impl Include {
    pub(in crate::effects) fn new(
        patterns: &[String],
        folder: &Path,
        prefix: &str,
    ) -> Result<Self, Failure> {
        let names_hidden = |pattern: &&String| {
            let pattern = pattern.trim_start_matches('!');
            pattern.split('/').any(is_hidden)
        };
        Ok(Self {
            all: compiled(patterns)?,
            revealing: compiled(patterns.iter().filter(names_hidden))?,
            folder: folder.to_owned(),
            prefix: prefix.to_owned(),
        })
    }

    pub(in crate::effects) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(in crate::effects) fn names(&self, path: &Path) -> bool {
        self.matches(&self.all, path)
    }

    /// Returns whether a path is excluded because it or one of its parents is hidden.
    pub(in crate::effects) fn hides(&self, path: &Path) -> bool {
        let below = path.strip_prefix(&self.folder).unwrap_or(path);
        let is_hidden = below.iter().any(|part| is_hidden(&part.to_string_lossy()));
        is_hidden && !self.matches(&self.revealing, path)
    }

    /// Returns whether something in a hidden directory may be shipped anyway.
    pub(in crate::effects) fn may_reveal(&self) -> bool {
        !self.revealing.is_empty()
    }

    fn matches(&self, patterns: &Gitignore, path: &Path) -> bool {
        if patterns.is_empty() {
            return false;
        }
        let Ok(below) = path.strip_prefix(&self.folder) else {
            return false;
        };
        let is_dir = path.is_dir();
        let shipped = Path::new(&self.prefix).join(below);
        [below, &shipped].into_iter().any(|path| {
            patterns
                .matched_path_or_any_parents(path, is_dir)
                .is_ignore()
        })
    }
}

fn compiled<'a>(patterns: impl IntoIterator<Item = &'a String>) -> Result<Gitignore, Failure> {
    let mut builder = GitignoreBuilder::new(".");
    for pattern in patterns {
        builder.add_line(None, pattern).map_err(|error| {
            Failure::config(format!("invalid pattern `{pattern}` in `include`: {error}"))
        })?;
    }
    builder
        .build()
        .map_err(|error| Failure::config(format!("`include` cannot be used: {error}")))
}
