//! The agent's own files in an archive, and where they come from.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::record::{Hash, Record};
use crate::error::Message;

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) from: PathBuf,
    pub(crate) hash: Hash,
    pub(crate) size: u64,
    /// The modification time in nanoseconds since 1970.
    pub(crate) modified: Option<u64>,
    pub(crate) executable: bool,
    /// Content that is shipped instead of the file's own.
    pub(crate) instead: Option<Vec<u8>>,
}

/// Files by their path in the archive, with `/`.
pub(crate) type Files = BTreeMap<String, Origin>;

/// The agent's own files in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Composition {
    pub(crate) files: Files,
}

impl Composition {
    /// Merges sources and deployment folder. A file in the folder that equals the source with the
    /// same path is a copy; any other is a collision.
    pub(crate) fn of(sources: Files, folder: Files) -> Result<Self, Vec<Message>> {
        let mut collisions = Vec::new();
        let mut files = sources;
        for (path, origin) in folder {
            match collides(&files, &path) {
                None => {
                    files.insert(path, origin);
                }
                Some((other, there)) if *other == path && there.hash == origin.hash => {}
                Some((other, there)) => {
                    collisions.push(collision((&path, &origin), (other, there)));
                }
            }
        }
        if collisions.is_empty() {
            Ok(Self { files })
        } else {
            Err(collisions)
        }
    }
}

/// Returns the file that conflicts with `path`: at the same path, at a parent directory's path, or
/// below it.
fn collides<'a>(files: &'a Files, path: &str) -> Option<(&'a String, &'a Origin)> {
    let above = path.match_indices('/').map(|(cut, _)| &path[..cut]);
    let below = format!("{path}/");
    above
        .chain([path])
        .find_map(|name| files.get_key_value(name))
        .or_else(|| {
            let (first, origin) = files.range(below.clone()..).next()?;
            first.starts_with(&below).then_some((first, origin))
        })
}

fn collision((path, origin): (&str, &Origin), (other, there): (&str, &Origin)) -> Message {
    let what = if path == other {
        format!("two files would be `{path}` in the archive")
    } else {
        format!("`{path}` and `{other}` cannot both be in the archive")
    };
    Message::new(what)
        .note(format!("one is the source `{}`", there.from.display()))
        .note(format!("the other is `{}`", origin.from.display()))
        .help("rename or delete one of them; the deployment folder is for what is not among the sources")
}

/// A copied file that was edited in the deployment folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EditedCopy {
    /// Relative to the deployment folder.
    pub(crate) path: String,
    /// The original; `None` if it no longer exists.
    pub(crate) source: Option<PathBuf>,
}

/// Returns the recorded copies that equal neither what was written nor the current sources.
pub(crate) fn edited_copies(
    record: &Record,
    found: &BTreeMap<String, Hash>,
    sources: &Files,
) -> Vec<EditedCopy> {
    let edited = found.iter().filter(|(path, hash)| {
        record.files.contains_key(*path)
            && !record.holds(path, hash)
            && sources
                .get(*path)
                .is_none_or(|source| source.hash != **hash)
    });
    edited
        .map(|(path, _)| EditedCopy {
            path: path.clone(),
            source: sources.get(path).map(|source| source.from.clone()),
        })
        .collect()
}

/// Warns about edited copies and names the originals. `kept` says what happens to the copies.
pub(crate) fn edited_warning(
    edited: &[EditedCopy],
    deployment: &Path,
    kept: &str,
) -> Option<Message> {
    if edited.is_empty() {
        return None;
    }
    let mut warning = Message::new(format!(
        "copied files were edited in the deployment folder{kept}"
    ));
    for EditedCopy { path, source } in edited {
        let copy = deployment.join(path);
        warning = warning.note(match source {
            Some(source) => format!("`{}` is a copy of `{}`", copy.display(), source.display()),
            None => format!("`{}` is a copy of a source that is gone", copy.display()),
        });
    }
    Some(warning)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::collections::BTreeSet;

    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        list.iter()
            .map(|(path, hash)| {
                let origin = Origin {
                    from: PathBuf::from(format!("/{hash}/{path}")),
                    hash: (*hash).to_owned(),
                    size: 0,
                    modified: None,
                    executable: false,
                    instead: None,
                };
                ((*path).to_owned(), origin)
            })
            .collect()
    }

    #[test]
    fn both_parts_are_in_the_archive_and_an_equal_copy_counts_as_its_source() {
        let sources = files(&[("a/x.py", "1"), ("a/y.py", "2")]);
        let folder = files(&[("a/x.py", "1"), ("a/z.py", "3"), ("main.py", "4")]);
        let composed = Composition::of(sources, folder).unwrap();
        let paths: Vec<&String> = composed.files.keys().collect();
        assert_eq!(paths, ["a/x.py", "a/y.py", "a/z.py", "main.py"]);
    }

    #[test]
    fn what_both_provide_is_refused_with_both_places() {
        for (source, other) in [
            ("a/x.py", "a/x.py"),
            ("a/x.py", "a"),
            ("a", "a/x.py"),
            ("a/b/c", "a/b"),
            ("a", "a/b/c"),
        ] {
            let refused = Composition::of(files(&[(source, "1")]), files(&[(other, "2")]));
            let messages = refused.unwrap_err();
            let notes = messages[0].notes.join("\n");
            for place in [format!("`/1/{source}`"), format!("`/2/{other}`")] {
                assert!(notes.contains(&place), "{place}: {notes}");
            }
        }
        let fine = Composition::of(
            files(&[("a-b", "1"), ("a.py", "1")]),
            files(&[("a/x", "2")]),
        );
        assert!(fine.is_ok());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_is_in_the_way_of_another(
            sources in prop::collection::btree_set("[ab](/[ab]){0,2}", 0..4),
            folder in prop::collection::btree_set("[ab](/[ab]){0,2}", 0..4),
        ) {
            let of = |paths: &BTreeSet<String>, hash: &str| {
                let paths: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), hash)).collect();
                files(&paths)
            };
            // Each part is a valid tree, without a file at a directory's path.
            let is_tree = |paths: &BTreeSet<String>| paths.iter().all(|path| {
                paths.iter().all(|other| !other.starts_with(&format!("{path}/")))
            });
            prop_assume!(is_tree(&sources) && is_tree(&folder));
            let all: BTreeSet<String> = sources.union(&folder).cloned().collect();
            let fits = is_tree(&all) && sources.is_disjoint(&folder);
            match Composition::of(of(&sources, "1"), of(&folder, "2")) {
                Ok(composed) => {
                    prop_assert!(fits);
                    prop_assert_eq!(composed.files.into_keys().collect::<BTreeSet<_>>(), all);
                }
                Err(_) => prop_assert!(!fits),
            }
        }
    }

    #[test]
    fn an_edited_copy_differs_from_what_was_written_and_from_its_source() {
        let mut record = Record::default();
        for path in [
            "a/same",
            "a/stale",
            "a/edited",
            "a/carried_over",
            "old/edited",
        ] {
            record.add(path, "1");
        }
        let found = [
            ("a/same", "1"),
            ("a/stale", "1"),
            ("a/edited", "2"),
            ("a/carried_over", "2"),
            ("a/unknown", "2"),
            ("old/edited", "2"),
        ];
        let found = found.map(|(path, hash)| (path.to_owned(), hash.to_owned()));
        let sources = files(&[
            ("a/same", "1"),
            ("a/stale", "3"),
            ("a/edited", "1"),
            ("a/carried_over", "2"),
        ]);
        let edited = edited_copies(&record, &found.into(), &sources);
        let told: Vec<(&str, bool)> = edited
            .iter()
            .map(|copy| (copy.path.as_str(), copy.source.is_some()))
            .collect();
        assert_eq!(told, [("a/edited", true), ("old/edited", false)]);
    }
}
