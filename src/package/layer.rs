//! The two layers of an archive: the dependencies, and the agent's own files over them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{distributions::Modules, newest::Behind};
use crate::config::Runtime;

/// Part of every key: changes whenever the same input makes other bytes than before.
pub(crate) const LAYOUT: u32 = 8;
/// Where the archive is unpacked by the service.
pub(crate) const HOME: &str = "/var/task";

/// The dependencies as they lie in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layer {
    /// Bytes of the local entries: where the archive's directory begins.
    pub(crate) head: u64,
    /// Bytes of the whole file, directory included.
    pub(crate) size: u64,
    /// Of the local entries.
    pub(crate) sha256: String,
    pub(crate) md5: [u8; 16],
    /// Of what follows them.
    pub(crate) directory_sha256: String,
    pub(crate) files: usize,
    /// What was installed, whichever tool did it and whatever was compiled.
    pub(crate) source: String,
    pub(crate) weights: Weights,
    /// What can be imported.
    pub(crate) modules: Modules,
    /// Packages of which a newer version is allowed.
    pub(crate) behind: Vec<Behind>,
    /// The Python that compiled them, such as `3.13.2`.
    pub(crate) compiled_by: Option<String>,
}

/// Bytes by what brought them: a package's folder, or a file at the root.
pub(crate) type Weights = BTreeMap<String, Weight>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Weight {
    pub(crate) zipped: u64,
    pub(crate) unzipped: u64,
}

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) zipped: u64,
    pub(crate) unzipped: u64,
}

/// What each part of an archive weighs.
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

/// Where Python keeps what it compiled from a file.
pub(crate) fn compiled_of(source: &str, runtime: Runtime) -> String {
    let (folder, name) = source.rsplit_once('/').unwrap_or(("", source));
    let stem = name.strip_suffix(".py").unwrap_or(name);
    let slash = if folder.is_empty() { "" } else { "/" };
    format!(
        "{folder}{slash}__pycache__/{stem}.{}.pyc",
        cache_tag(runtime)
    )
}

/// What stands in the names of compiled files: `cpython-313`.
pub(crate) fn cache_tag(runtime: Runtime) -> String {
    format!(
        "c{}",
        runtime
            .as_str()
            .replace("python", "python-")
            .replace('.', "")
    )
}

/// Whether a compiled file of this source is of use: the tests that packages bring along are imported by
/// nobody who starts an agent.
pub(crate) fn is_worth_compiling(path: &str) -> bool {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_python = name.rsplit_once('.').is_some_and(|(_, end)| end == "py");
    is_python && !directory.split('/').any(|folder| folder == "tests")
}

/// The files in groups that one run of the compiler takes: the same on every machine, because what
/// an interpreter compiled before can show in what it writes next.
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
