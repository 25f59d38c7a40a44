//! The two layers of an archive: the dependencies, and the agent's own files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    distributions::{LeftOut, Modules},
    newest::Behind,
};
use crate::config::Runtime;

/// A part of every key. Must be increased when the same input produces other bytes.
pub(crate) const LAYOUT: u32 = 8;
/// Where the service unpacks the archive.
pub(crate) const HOME: &str = "/var/task";

/// The dependencies in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layer {
    /// The size of the local entries: the offset of the archive's directory.
    pub(crate) head: u64,
    /// The size of the whole file, including the directory.
    pub(crate) size: u64,
    /// Hashes of the local entries.
    pub(crate) sha256: String,
    pub(crate) md5: [u8; 16],
    /// The hash of the directory after them.
    pub(crate) directory_sha256: String,
    pub(crate) files: usize,
    /// A digest of what was installed, regardless of the installer and compiled files.
    pub(crate) source: String,
    pub(crate) weights: Weights,
    /// The modules that can be imported.
    pub(crate) modules: Modules,
    /// Distributions that were installed and left out.
    #[serde(default)]
    pub(crate) left_out: Vec<LeftOut>,
    /// Packages that have a newer allowed version.
    pub(crate) behind: Vec<Behind>,
    /// The Python version that compiled them, such as `3.13.2`.
    pub(crate) compiled_by: Option<String>,
}

/// The size of each top-level entry: a package's folder, or a file at the root.
pub(crate) type Weights = BTreeMap<String, Weight>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Weight {
    pub(crate) zipped: u64,
    pub(crate) unzipped: u64,
}

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) zipped: u64,
    pub(crate) unzipped: u64,
}

/// Returns the size of each part of an archive.
pub(crate) fn weigh(entries: &[Entry]) -> Weights {
    let mut weights = Weights::new();
    for entry in entries {
        let top = entry.path.split('/').next().unwrap_or(&entry.path);
        let weight = weights.entry(top.to_owned()).or_default();
        weight.zipped += entry.zipped;
        weight.unzipped += entry.unzipped;
    }
    weights
}

/// Returns the path of a file's compiled form.
pub(crate) fn compiled_of(source: &str, runtime: Runtime) -> String {
    let (folder, name) = source.rsplit_once('/').unwrap_or(("", source));
    let stem = name.strip_suffix(".py").unwrap_or(name);
    let slash = if folder.is_empty() { "" } else { "/" };
    format!(
        "{folder}{slash}__pycache__/{stem}.{}.pyc",
        cache_tag(runtime)
    )
}

/// Returns the tag in the names of compiled files: `cpython-313`.
pub(crate) fn cache_tag(runtime: Runtime) -> String {
    format!(
        "c{}",
        runtime
            .as_str()
            .replace("python", "python-")
            .replace('.', "")
    )
}

/// Returns true if compiling this source is useful. Tests in packages are never imported by an
/// agent.
pub(crate) fn is_worth_compiling(path: &str) -> bool {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_python = name.rsplit_once('.').is_some_and(|(_, end)| end == "py");
    is_python && !directory.split('/').any(|folder| folder == "tests")
}

/// Returns the files in groups for one run of the compiler. The groups are the same on every
/// machine, because an interpreter's output depends on what it compiled before.
pub(crate) fn compile_groups<T>(sorted: &[T]) -> impl Iterator<Item = &[T]> {
    sorted.chunks(200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compiled_lies_beside_its_source() {
        let compiled = |own| compiled_of(own, Runtime::Python313);
        assert_eq!(compiled("six.py"), "__pycache__/six.cpython-313.pyc");
        assert_eq!(compiled("a/b.py"), "a/__pycache__/b.cpython-313.pyc");
    }

    #[test]
    fn tests_that_packages_bring_along_are_not_compiled() {
        for (path, worth) in [
            ("six.py", true),
            ("tests.py", true),
            ("sympy/core/add.py", true),
            ("sympy/testing/runtests.py", true),
            ("sympy/core/tests/test_add.py", false),
            ("tests/deep/a.py", false),
            ("a/data.json", false),
        ] {
            assert_eq!(is_worth_compiling(path), worth, "{path}");
        }
    }

    #[test]
    fn weights_are_gathered_by_what_stands_at_the_root() {
        let entry = |path: &str, zipped, unzipped| Entry {
            path: path.to_owned(),
            zipped,
            unzipped,
        };
        let weights = weigh(&[
            entry("a/b.py", 1, 2),
            entry("a/c/d.py", 3, 4),
            entry("six.py", 5, 6),
        ]);
        let is = |zipped, unzipped| Weight { zipped, unzipped };
        assert_eq!(
            weights,
            BTreeMap::from([("a".to_owned(), is(4, 6)), ("six.py".to_owned(), is(5, 6))])
        );
    }
}
