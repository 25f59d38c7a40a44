//! The files of an archive, as Python's import system finds them.

/// The modules in an archive.
#[derive(Debug)]
pub(crate) struct Modules<'a> {
    /// Sorted by path.
    files: Vec<(&'a str, Owner)>,
}

/// Where a file comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    Agent,
    Dependency,
}

/// The result of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// The file that runs when the module is loaded; `None` for a folder without `__init__.py`.
    pub(super) file: Option<File>,
    /// The folders with its submodules, as paths that end in `/`. Empty if the module is not a
    /// package.
    pub(super) folders: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) owner: Owner,
}

impl File {
    /// Returns true for the agent's own Python source.
    pub(super) fn is_readable(&self) -> bool {
        let ending = self.path.rsplit_once('.').map(|(_, ending)| ending);
        self.owner == Owner::Agent && ending == Some("py")
    }
}

impl Found {
    pub(super) fn is_namespace(&self) -> bool {
        self.file.is_none()
    }

    pub(super) fn is_owned_by_dependency(&self) -> bool {
        let file = self.file.as_ref();
        file.is_some_and(|file| file.owner == Owner::Dependency)
    }
}

impl<'a> Modules<'a> {
    /// Lists the files by their paths relative to the archive's root, with `/`. If both have a
    /// file, the agent's is used.
    pub(crate) fn new(
        own: impl IntoIterator<Item = &'a str>,
        dependencies: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let own = own.into_iter().map(|path| (path, Owner::Agent));
        let dependencies = dependencies.into_iter();
        let mut files: Vec<_> = own
            .chain(dependencies.map(|path| (path, Owner::Dependency)))
            .collect();
        files.sort_unstable();
        files.dedup_by_key(|(path, _)| *path);
        Self { files }
    }

    /// Finds the module `name` in the first folder that has it, in the order of Python's finder:
    /// packages, native, source and compiled files, then folders without `__init__.py`.
    pub(super) fn find(&self, name: &str, folders: &[String]) -> Option<Found> {
        let mut portions = Vec::new();
        for folder in folders {
            let stem = format!("{folder}{name}");
            let below = format!("{stem}/");
            if let Some(file) = self.loadable(&format!("{below}__init__")) {
                return Some(Found {
                    file: Some(file),
                    folders: vec![below],
                });
            }
            if let Some(file) = self.loadable(&stem) {
                return Some(Found {
                    file: Some(file),
                    folders: Vec::new(),
                });
            }
            if self.starting_with(&below).next().is_some() {
                portions.push(below);
            }
        }
        (!portions.is_empty()).then_some(Found {
            file: None,
            folders: portions,
        })
    }

    fn loadable(&self, stem: &str) -> Option<File> {
        let dotted = format!("{stem}.");
        let mut best: Option<(usize, &str, Owner)> = None;
        for (path, owner) in self.starting_with(&dotted) {
            let ending = &path[dotted.len()..];
            let rank = match ending {
                "py" => 1,
                "pyc" => 2,
                _ if is_native(ending) => 0,
                _ => continue,
            };
            if best.is_none_or(|(other, ..)| rank < other) {
                best = Some((rank, path, owner));
            }
        }
        best.map(|(_, path, owner)| File {
            path: path.to_owned(),
            owner,
        })
    }

    fn starting_with(&self, prefix: &str) -> impl Iterator<Item = (&'a str, Owner)> {
        let start = self.files.partition_point(|(path, _)| *path < prefix);
        self.files[start..]
            .iter()
            .copied()
            .take_while(move |(path, _)| path.starts_with(prefix))
    }

    /// Returns the names of the modules in the folders.
    pub(super) fn names_in(&self, folders: &[String]) -> Vec<&'a str> {
        let mut names = Vec::new();
        for folder in folders {
            for (path, _) in self.starting_with(folder) {
                let name = &path[folder.len()..];
                let name = match name.split_once('/') {
                    Some((directory, _)) => directory,
                    None => match name.split_once('.') {
                        Some((stem, "py" | "pyc")) => stem,
                        Some((stem, ending)) if is_native(ending) => stem,
                        _ => continue,
                    },
                };
                if is_identifier(name) && name != "__pycache__" && names.last() != Some(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// Returns the folders of the agent's own files that contain a module with this name, where a
    /// changed `sys.path` may lead.
    pub(super) fn own_folders_with(&self, name: &str) -> Vec<String> {
        let mut folders: Vec<String> = Vec::new();
        let own = self
            .files
            .iter()
            .filter(|(_, owner)| *owner == Owner::Agent);
        for (path, _) in own {
            let mut start = 0;
            for part in path.split('/') {
                if part.split('.').next() == Some(name) {
                    folders.push(path[..start].to_owned());
                }
                start += part.len() + 1;
            }
        }
        folders.sort_by_key(|folder| (folder.len(), folder.clone()));
        folders.dedup();
        folders
    }

    /// Returns true if a dependency has a module with this name at the archive's root.
    pub(super) fn is_installed(&self, name: &str) -> bool {
        let found = self.find(name, &[String::new()]);
        found.is_some_and(|found| found.file.is_none_or(|file| file.owner != Owner::Agent))
    }
}

/// Returns true for the suffix of a native module, such as `cpython-313-aarch64-linux-gnu.so`.
fn is_native(ending: &str) -> bool {
    let (tag, last) = ending.rsplit_once('.').unwrap_or(("", ending));
    last == "so" && !tag.contains('/')
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c == '_' || c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: [&str; 8] = [
        "invoke.py",
        "my_agent/__init__.py",
        "my_agent/tools.py",
        "my_agent/prompts/system.md",
        "my_agent/native.cpython-313-aarch64-linux-gnu.so",
        "my_agent/native.pyi",
        "my_agent/__pycache__/gone.cpython-313.pyc",
        "google/ours.py",
    ];
    const DEPENDENCIES: [&str; 6] = [
        "google/genai/__init__.py",
        "six.py",
        "my_agent/tools.py",
        "old.pyc",
        "both/__init__.py",
        "both.py",
    ];

    fn find(name: &str, folder: &str) -> Option<String> {
        let modules = Modules::new(OWN, DEPENDENCIES);
        let found = modules.find(name, &[folder.to_owned()])?;
        let file = found
            .file
            .map(|file| format!("{} {:?}", file.path, file.owner));
        Some(file.unwrap_or_else(|| found.folders.join(" ")))
    }

    #[test]
    fn modules_are_found_as_python_finds_them() {
        for (name, folder, found) in [
            ("invoke", "", "invoke.py Agent"),
            ("six", "", "six.py Dependency"),
            ("old", "", "old.pyc Dependency"),
            ("both", "", "both/__init__.py Dependency"),
            ("my_agent", "", "my_agent/__init__.py Agent"),
            ("tools", "my_agent/", "my_agent/tools.py Agent"),
            ("prompts", "my_agent/", "my_agent/prompts/"),
            ("google", "", "google/"),
            (
                "native",
                "my_agent/",
                "my_agent/native.cpython-313-aarch64-linux-gnu.so Agent",
            ),
        ] {
            assert_eq!(find(name, folder).as_deref(), Some(found), "{name}");
        }
        for (name, folder) in [
            ("Tools", "my_agent/"),
            ("gone", "my_agent/"),
            ("tools", ""),
            ("genai", ""),
            ("invok", ""),
        ] {
            assert_eq!(find(name, folder), None, "{name}");
        }
    }

    #[test]
    fn a_namespace_has_its_portions_from_every_folder() {
        let modules = Modules::new(["a/ns/x.py", "b/ns/y.py"], []);
        let folders = ["a/".to_owned(), "b/".to_owned()];
        let found = modules.find("ns", &folders).unwrap();
        assert_eq!(found.folders, ["a/ns/", "b/ns/"]);
        assert!(modules.find("y", &found.folders).is_some());
    }

    #[test]
    fn the_names_in_a_folder_are_those_that_can_be_imported() {
        let modules = Modules::new(OWN, DEPENDENCIES);
        assert_eq!(
            modules.names_in(&["my_agent/".to_owned()]),
            ["__init__", "native", "prompts", "tools"]
        );
        assert_eq!(modules.own_folders_with("tools"), ["my_agent/"]);
        assert_eq!(modules.own_folders_with("google"), [""]);
    }
}
