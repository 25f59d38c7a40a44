//! The record of the files that `prepare` wrote: `deployment/.cargo-agentcore`.
//!
//! One line per file in the form of `sha256sum`, sorted by path. During a run, a path may have
//! several hashes, old and new, so that the next run recognizes the files of a killed run.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

use crate::error::{Message, Snippet};

/// The record's name in the deployment folder.
pub(crate) const FILE: &str = ".cargo-agentcore";

/// A file's SHA-256 in lower-case hexadecimal digits.
pub(crate) type Hash = String;

/// The written files: paths relative to the deployment folder, with `/`, and hashes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Record {
    pub(crate) files: BTreeMap<String, BTreeSet<Hash>>,
}

impl Record {
    pub(crate) fn parse(file: &Path, text: &str) -> Result<Self, Message> {
        let mut record = Self::default();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let shown = line.trim_end_matches(['\n', '\r']);
            let span = start..start + shown.len();
            start += line.len();
            if shown.is_empty() {
                continue;
            }
            let Some((hash, path)) = shown
                .split_once("  ")
                .filter(|(hash, path)| legal(hash, path))
            else {
                return Err(Message::new("the record of copied files is damaged")
                    .at(Snippet {
                        file: file.to_owned(),
                        text: text.to_owned(),
                        span,
                        label: "not a hash and a path".to_owned(),
                    })
                    .help(
                        "delete the file: copies that equal their sources are taken over again",
                    ));
            };
            record.add(path, hash);
        }
        Ok(record)
    }

    pub(crate) fn add(&mut self, path: &str, hash: &str) {
        self.files
            .entry(path.to_owned())
            .or_default()
            .insert(hash.to_owned());
    }

    pub(crate) fn holds(&self, path: &str, hash: &str) -> bool {
        self.files
            .get(path)
            .is_some_and(|hashes| hashes.contains(hash))
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for (path, hashes) in &self.files {
            for hash in hashes {
                writeln!(text, "{hash}  {path}").expect("a string takes every text");
            }
        }
        text
    }
}

fn legal(hash: &str, path: &str) -> bool {
    let digits = hash.len() == 64 && hash.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    let inside = path
        .split('/')
        .all(|part| !part.is_empty() && part != "." && part != "..");
    digits && inside && !path.contains(['\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        let mut record = Record::default();
        record.add("a/b.py", &"0".repeat(64));
        record.add("a/b.py", &"1".repeat(64));
        record.add("a/a c.py", &"2".repeat(64));
        let text = record.to_text();
        assert!(text.starts_with(&format!("{}  a/a c.py\n", "2".repeat(64))));
        assert_eq!(Record::parse(Path::new("r"), &text), Ok(record));
    }

    #[test]
    fn a_damaged_line_and_a_path_that_leaves_the_folder_are_pointed_at() {
        let good = format!("{}  a/b.py\n", "0".repeat(64));
        for bad in [
            "nonsense",
            &format!("{}  ../x", "0".repeat(64)),
            &format!("{}  /x", "0".repeat(64)),
        ] {
            let message = Record::parse(Path::new("r"), &format!("{good}{bad}\n")).unwrap_err();
            let at = message.at.unwrap();
            assert_eq!(&at.text[at.span], bad);
        }
    }
}
