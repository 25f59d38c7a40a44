//! Where the sources of an adopted agent are.

use std::path::{Component, Path, PathBuf};

use super::relative;
use crate::text::path::folded;

#[derive(Clone, Copy)]
pub(crate) struct Location<'a> {
    /// The project's directory.
    pub(crate) root: &'a Path,
    /// The source as the user wrote it.
    pub(crate) shown: &'a Path,
    pub(crate) source: &'a Path,
    /// The requirements file from the command line.
    pub(crate) requirements: Option<&'a Path>,
}

impl Location<'_> {
    /// Returns a folder of the source as the table names it.
    pub(crate) fn in_the_table(&self, inner: &str) -> String {
        let whole = self.source.join(inner);
        if self.shown.is_absolute() {
            whole.display().to_string()
        } else {
            relative(self.root, &whole)
        }
    }

    /// Returns the path of a file in or above the source, starting like the user's path of the
    /// source.
    pub(crate) fn as_the_user_would(&self, path: &Path) -> PathBuf {
        let (shown, source) = (self.shown, self.source);
        if let Ok(inner) = path.strip_prefix(source) {
            return match shown.to_str() {
                Some("." | "") => inner.to_owned(),
                _ => shown.join(inner),
            };
        }
        let folder = path.parent().unwrap_or(source);
        let up = source.ancestors().take_while(|at| *at != folder).count();
        let mut last = shown.components().rev().take(up);
        let has_names = last.all(|part| matches!(part, Component::Normal(_)));
        let beginning = match shown.ancestors().nth(up) {
            Some(beginning) if has_names => beginning.to_owned(),
            _ => shown.join(relative(source, folder)),
        };
        folded(&beginning.join(path.file_name().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_above_the_source_is_named_from_where_the_user_stands() {
        for (path, shown, said) in [
            ("/a/b/c/r.txt", "../c", "../c/r.txt"),
            ("/a/b/c/d/r.txt", "../c", "../c/d/r.txt"),
            ("/a/b/c/r.txt", ".", "r.txt"),
            ("/a/b/r.txt", "../b/c", "../b/r.txt"),
            ("/a/b/r.txt", "c", "r.txt"),
            ("/a/b/r.txt", ".", "../r.txt"),
            ("/a/r.txt", "../c", "../../r.txt"),
        ] {
            let location = Location {
                root: Path::new("/a"),
                shown: Path::new(shown),
                source: Path::new("/a/b/c"),
                requirements: None,
            };
            let found = location.as_the_user_would(Path::new(path));
            assert_eq!(found, Path::new(said), "{path} from {shown}");
        }
    }
}
