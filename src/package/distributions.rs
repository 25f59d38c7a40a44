//! The modules of installed distributions, from their records.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Python's top-level modules with their distributions, for example `yaml` from `PyYAML 6.0.2`.
pub(crate) type Modules = BTreeMap<String, String>;

/// Folders that wheels contain by mistake and that are never imported.
const LITTER: [&str; 8] = [
    "tests",
    "test",
    "docs",
    "doc",
    "examples",
    "scripts",
    "benchmarks",
    "bin",
];

/// Returns `markdown` and `3.7` for `markdown-3.7.dist-info/RECORD`.
pub(crate) fn of_record(path: &str) -> Option<(&str, &str)> {
    let folder = path.strip_suffix(".dist-info/RECORD")?;
    folder.rsplit_once('-').filter(|_| !folder.contains('/'))
}

/// A distribution that was left out of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The size of its files.
    pub(crate) bytes: u64,
}

/// Returns the files in a distribution's record, as paths in the folder where it is installed.
pub(crate) fn files(record: &str) -> impl Iterator<Item = &str> {
    record.lines().filter_map(|line| {
        let path = match line.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next()?,
            None => line.split(',').next()?,
        };
        // Scripts, which pip records as if this folder was Python's own.
        let path = path.trim_start_matches("../");
        let is_inside =
            !path.is_empty() && !path.starts_with('/') && !path.split('/').any(|part| part == "..");
        is_inside.then_some(path)
    })
}

/// Adds the modules in a distribution's record.
pub(crate) fn add(modules: &mut Modules, name: &str, version: &str, record: &str) {
    for line in record.lines() {
        let path = line.trim_start_matches('"');
        let path = path.split([',', '"']).next().unwrap_or(path);
        if let Some(module) = module_of(path) {
            let entry = modules.entry(module.to_owned());
            entry.or_insert_with(|| format!("{name} {version}"));
        }
    }
}

/// Files that installers write for themselves to a distribution's folder.
const OF_INSTALLERS: [&str; 6] = [
    "RECORD",
    "INSTALLER",
    "REQUESTED",
    "direct_url.json",
    "uv_cache.json",
    "uv_build.json",
];

/// Returns the files of distributions with their hashes, as sorted lines, as far as they are the
/// same for every installer and machine.
pub(crate) fn installed<'r>(records: impl IntoIterator<Item = &'r str>) -> BTreeSet<String> {
    let lines = records.into_iter().flat_map(str::lines);
    lines
        .filter_map(|line| {
            // A path, a hash and a size.
            let (rest, _) = line.rsplit_once(',')?;
            let (path, hash) = rest.rsplit_once(',')?;
            let path = path.trim_matches('"').trim_start_matches("../");
            let name = path.rsplit('/').next().unwrap_or(path);
            let is_written_here = path.contains(".dist-info/") && OF_INSTALLERS.contains(&name);
            let is_compiled = path.split('/').any(|part| part == "__pycache__");
            (!is_written_here && !is_compiled).then(|| format!("{path} {hash}"))
        })
        .collect()
}

/// Returns the top-level module of a file; `None` if it is not a module.
pub(crate) fn module_of(path: &str) -> Option<&str> {
    let (folder, name) = match path.split_once('/') {
        Some((folder, _)) => (Some(folder), path.rsplit('/').next().unwrap_or(path)),
        None => (None, path),
    };
    let (stem, ending) = name.rsplit_once('.')?;
    if !["py", "so", "pyi"].contains(&ending) || (ending == "pyi" && folder.is_none()) {
        return None;
    }
    let module = folder.unwrap_or_else(|| stem.split('.').next().unwrap_or(stem));
    let is_module = module
        .bytes()
        .all(|c| c.is_ascii_alphanumeric() || c == b'_' || c >= 0x80);
    (is_module && !module.is_empty() && module != "__pycache__").then_some(module)
}

/// Returns true for a folder that is never imported, so that several distributions may contain it.
pub(crate) fn is_litter(module: &str) -> bool {
    LITTER.contains(&module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_installed_does_not_hang_on_the_installer() {
        let uv = "six.py,sha256=a,9\nsix-1.dist-info/RECORD,,\nsix-1.dist-info/INSTALLER,sha256=u,2\n\
                  bin/run,sha256=r,3\n";
        let pip = "../../bin/run,sha256=r,3\r\n__pycache__/six.cpython-313.pyc,,\r\n\
                   six-1.dist-info/INSTALLER,sha256=p,4\r\nsix-1.dist-info/RECORD,,\r\nsix.py,sha256=a,9\r\n";
        let found: Vec<String> = installed([uv]).into_iter().collect();
        assert_eq!(found, ["bin/run sha256=r", "six.py sha256=a"]);
        assert_eq!(installed([pip]), installed([uv]));
        assert_ne!(
            installed([uv.replace("=a", "=b").as_str()]),
            installed([uv])
        );
    }

    #[test]
    fn the_files_of_a_record_are_in_the_folder() {
        let record = "six.py,sha256=a,9\n\"a,b.py\",,\r\n../../bin/run,sha256=r,3\n/etc/passwd,,\n\
                      a/../../../x,,\n\n";
        let found: Vec<&str> = files(record).collect();
        assert_eq!(found, ["six.py", "a,b.py", "bin/run"]);
    }

    #[test]
    fn modules_are_known_by_their_real_names() {
        let mut modules = Modules::new();
        let record = "yaml/__init__.py,sha256=x,1\n_yaml/__init__.py,,\nPyYAML-6.0.2.dist-info/METADATA,,\n\
                      six.py,,\n__pycache__/six.cpython-313.pyc,,\n../../bin/tool,,\nbin/tool.py,,\n\
                      native.cpython-313-aarch64-linux-gnu.so,,\nshare/data.json,,\n";
        add(&mut modules, "PyYAML", "6.0.2", record);
        let names: Vec<&str> = modules.keys().map(String::as_str).collect();
        assert_eq!(names, ["_yaml", "bin", "native", "six", "yaml"]);
        assert_eq!(modules["yaml"], "PyYAML 6.0.2");
        assert_eq!(
            of_record("PyYAML-6.0.2.dist-info/RECORD"),
            Some(("PyYAML", "6.0.2"))
        );
        assert_eq!(of_record("a/b-1.dist-info/RECORD"), None);
    }
}
