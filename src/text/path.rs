//! Paths as they are written, without asking the file system.

use std::path::{Component, Path, PathBuf};

/// Returns the path without `.`, and without `..` after a name. Links are not followed.
pub(crate) fn folded(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => match whole.components().next_back() {
                Some(Component::Normal(_)) => {
                    whole.pop();
                }
                Some(Component::RootDir | Component::Prefix(_)) => {}
                Some(Component::ParentDir | Component::CurDir) | None => whole.push(".."),
            },
            other => whole.push(other),
        }
    }
    whole
}

/// Returns true if a name ends with this extension, which has no dot.
pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_leads_back_to_the_same_place_is_dropped() {
        for (path, shown) in [
            ("./a/./b", "a/b"),
            ("a/../b", "b"),
            ("./../a", "../a"),
            ("../../a/b/..", "../../a"),
            ("/../a", "/a"),
            (".", ""),
        ] {
            assert_eq!(folded(Path::new(path)), Path::new(shown), "{path}");
        }
    }
}
