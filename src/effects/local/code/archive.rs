//! The content of an archive: the agent's own files, and its distributions.

use std::{collections::BTreeSet, fs::File, io::Read as _, path::Path};

use zip::ZipArchive;

use super::unreadable;
use crate::{error::Failure, package::distributions};

/// An open archive and its content.
pub(super) struct Archive {
    zip: ZipArchive<File>,
    /// Sorted by name.
    pub(super) distributions: Vec<Distribution>,
    /// The paths of the files that belong to no distribution.
    pub(super) own: Vec<String>,
}

/// An installed distribution, as described by its `.dist-info`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Distribution {
    pub(super) name: String,
    pub(super) version: String,
    /// True if its files are the same on every machine.
    pub(super) is_pure: bool,
    /// The paths of its files in the archive.
    pub(super) files: Vec<String>,
}

/// The largest metadata file that is read into memory, in bytes.
const LARGEST_RECORD: u64 = 16 * 1024 * 1024;

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let mut zip = ZipArchive::new(file).map_err(|error| unreadable(path, &error))?;
        let mut names = BTreeSet::new();
        for name in zip.file_names() {
            let name = name.map_err(|error| unreadable(path, &error))?;
            if !name.ends_with('/') {
                names.insert(name.into_owned());
            }
        }
        let records: Vec<String> = names
            .iter()
            .filter(|name| distributions::of_record(name).is_some())
            .cloned()
            .collect();
        let mut found = Vec::new();
        let mut taken = BTreeSet::new();
        for record in records {
            let Some((name, version)) = distributions::of_record(&record) else {
                continue;
            };
            let folder = record.strip_suffix("RECORD").unwrap_or(&record);
            let wheel = read_text(&mut zip, path, &format!("{folder}WHEEL"))?.unwrap_or_default();
            let list = read_text(&mut zip, path, &record)?.unwrap_or_default();
            let mut files: Vec<String> = list
                .lines()
                .map(recorded)
                .filter(|file| names.contains(file))
                .collect();
            files.retain(|file| taken.insert(file.clone()));
            found.push(Distribution {
                name: name.to_owned(),
                version: version.to_owned(),
                is_pure: is_pure(&wheel),
                files,
            });
        }
        names.retain(|name| !taken.contains(name) && !is_cache_of(name, &taken));
        Ok(Self {
            zip,
            distributions: found,
            own: names.into_iter().collect(),
        })
    }

    /// Extracts files to a directory.
    pub(super) fn extract(
        &mut self,
        path: &Path,
        files: &BTreeSet<&str>,
        to: &Path,
    ) -> Result<(), Failure> {
        for index in 0..self.zip.len() {
            let mut entry = self
                .zip
                .by_index(index)
                .map_err(|error| unreadable(path, &error))?;
            let name = entry.name().map_err(|error| unreadable(path, &error))?;
            if !files.contains(name.as_ref()) {
                continue;
            }
            let Some(inside) = entry.enclosed_name() else {
                return Err(Failure::world(format!(
                    "the archive `{}` has an entry that leads out of it: `{name}`",
                    path.display(),
                )));
            };
            let executable = entry.unix_mode().is_some_and(|mode| mode & 0o100 != 0);
            super::write(&to.join(inside), &mut entry, executable)?;
        }
        Ok(())
    }
}

fn read_text(
    zip: &mut ZipArchive<File>,
    path: &Path,
    name: &str,
) -> Result<Option<String>, Failure> {
    let mut entry = match zip.by_name(name) {
        Ok(entry) => entry,
        Err(zip::result::ZipError::FileNotFound) => return Ok(None),
        Err(error) => return Err(unreadable(path, &error)),
    };
    let mut bytes = Vec::new();
    entry
        .by_ref()
        .take(LARGEST_RECORD)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &error))?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Returns the path in a line of a RECORD (PyPA "Recording installed projects": CSV, quoted if it
/// contains a comma).
fn recorded(line: &str) -> String {
    let path = match line.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or(quoted),
        None => line.split(',').next().unwrap_or(line),
    };
    // Scripts are in `bin` of the target folder, but a wheel's own record uses a longer relative
    // path.
    path.strip_prefix("../../").unwrap_or(path).to_owned()
}

/// Returns true if every tag of the wheel is for any platform (PyPA "Binary distribution format":
/// `Tag`).
fn is_pure(wheel: &str) -> bool {
    let mut tags = wheel
        .lines()
        .filter_map(|line| line.strip_prefix("Tag:"))
        .peekable();
    tags.peek().is_some() && tags.all(|tag| tag.trim().ends_with("-any"))
}

/// Returns true if the file is the compiled form of one of `sources`.
fn is_cache_of(name: &str, sources: &BTreeSet<String>) -> bool {
    let mut parts = name.rsplitn(3, '/');
    let (Some(file), Some("__pycache__")) = (parts.next(), parts.next()) else {
        return false;
    };
    let stem = file.split('.').next().unwrap_or(file);
    let folder = parts.next();
    let source = folder.map_or_else(|| format!("{stem}.py"), |at| format!("{at}/{stem}.py"));
    sources.contains(&source)
}

/// Returns a text that identifies the distributions for this machine.
pub(super) fn fingerprint(distributions: &[Distribution]) -> String {
    let lines: BTreeSet<[&str; 3]> = distributions
        .iter()
        .map(|found| {
            let kind = if found.is_pure { "any" } else { "platform" };
            [found.name.as_str(), found.version.as_str(), kind]
        })
        .collect();
    let lines: Vec<String> = lines.into_iter().map(|words| words.join(" ")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_is_pure_where_every_tag_is_for_any_platform() {
        assert!(is_pure(
            "Wheel-Version: 1.0\nTag: py2-none-any\nTag: py3-none-any\n"
        ));
        assert!(!is_pure(
            "Tag: py3-none-any\nTag: cp313-cp313-linux_aarch64\n"
        ));
        assert!(!is_pure(""), "what says nothing is not trusted");
    }

    #[test]
    fn a_record_names_files_in_its_first_column() {
        assert_eq!(recorded("a/b.py,sha256=x,12"), "a/b.py");
        assert_eq!(recorded("\"a,b.py\",,"), "a,b.py");
        assert_eq!(recorded("../../bin/tool,,"), "bin/tool");
    }

    #[test]
    fn compiled_files_of_a_distribution_are_not_the_agents_own() {
        let sources = BTreeSet::from(["a/b.py".to_owned(), "six.py".to_owned()]);
        assert!(is_cache_of("a/__pycache__/b.cpython-313.pyc", &sources));
        assert!(is_cache_of("__pycache__/six.cpython-313.pyc", &sources));
        assert!(!is_cache_of(
            "agent/__pycache__/b.cpython-313.pyc",
            &sources
        ));
    }
}
