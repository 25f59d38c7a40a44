//! Chooses how an agent's files are laid out in the archive, based on its imports and paths.

use std::collections::BTreeSet;

use super::{module::Import, reach::Reach, sources::Sources};
use crate::{
    config::ImportName,
    python::standard::{is_importable, is_standard},
};

/// The layout of the source's files in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The shipped folder below the source, with dots; usually empty, for the source itself.
    pub(crate) root: String,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The folder's content is at the archive's root.
    Flat,
    /// A Python package at the archive's root.
    Package {
        name: String,
        /// True if its files also import each other by bare name.
        with_neighbors: bool,
    },
}

/// What starts the agent in the archive's root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run<'a> {
    /// This module's file is run.
    File(&'a str),
    /// An entry point of ours imports it.
    Imported(&'a str),
}

/// More than any number of missing files.
const IMPOSSIBLE: usize = 1 << 20;

impl Layout {
    /// Returns the shipped folder below the source, with `/`.
    pub(crate) fn folder(&self) -> String {
        self.root.replace('.', "/")
    }

    /// Returns the path in the archive of a file below the source.
    pub(crate) fn in_archive(&self, path: &str) -> String {
        let inner = match self.root.as_str() {
            "" => path,
            _ => path
                .strip_prefix(&self.folder())
                .map_or(path, |inner| inner.trim_start_matches('/')),
        };
        match &self.kind {
            Kind::Flat => inner.to_owned(),
            Kind::Package { name, .. } => format!("{name}/{inner}"),
        }
    }

    /// Returns the name by which an entry point imports a module below the source.
    pub(crate) fn module(&self, module: &str) -> String {
        let inner = match self.root.as_str() {
            "" => module,
            root => module
                .strip_prefix(root)
                .map_or(module, |inner| inner.trim_start_matches('.')),
        };
        match &self.kind {
            Kind::Flat => inner.to_owned(),
            Kind::Package { name, .. } if inner.is_empty() => name.clone(),
            Kind::Package { name, .. } => format!("{name}.{inner}"),
        }
    }
}

impl Sources {
    /// Returns the layout in which the fewest imports and files are missing, and how many are.
    /// Among equals the first wins, which keeps the source's own layout.
    pub(super) fn layout(&self, run: Run<'_>, reach: &Reach) -> (Layout, usize) {
        let (Run::File(module) | Run::Imported(module)) = run;
        let mut best: Option<(usize, Layout)> = None;
        let choices = self.choices(run, module);
        let opened = self.opened(reach, &choices);
        for layout in choices {
            let mut missed = self.missed(&layout, run, reach, &opened);
            if let Run::Imported(module) = run
                && !layout.module(module).split('.').all(is_importable)
            {
                missed += IMPOSSIBLE;
            }
            if best.as_ref().is_none_or(|(least, _)| missed < *least) {
                best = Some((missed, layout));
            }
        }
        let flat = Layout {
            root: String::new(),
            kind: Kind::Flat,
        };
        best.map_or((flat, 0), |(missed, layout)| (layout, missed))
    }

    /// Returns whether a linter in the project's directory treats the sources as first-party.
    pub(super) fn is_first_party(&self, layout: &Layout) -> bool {
        let Some(way) = &self.below_project else {
            return false;
        };
        let whole = match (way.as_str(), layout.folder()) {
            ("" | ".", folder) => folder,
            (way, folder) if folder.is_empty() => way.to_owned(),
            (way, folder) => format!("{way}/{folder}"),
        };
        match &layout.kind {
            // ruff's default setting is `src = [".", "src"]`.
            Kind::Flat => whole.is_empty() || whole == "src",
            Kind::Package { name, .. } => whole == *name,
        }
    }

    fn choices(&self, run: Run<'_>, module: &str) -> Vec<Layout> {
        let flat = |root: &str| Layout {
            root: root.to_owned(),
            kind: Kind::Flat,
        };
        let package = |with_neighbors| Layout {
            root: String::new(),
            kind: Kind::Package {
                name: self.package_name(),
                with_neighbors,
            },
        };
        let mut choices = match run {
            Run::File(_) => vec![flat(""), package(false)],
            // The entry point would be its neighbor, and relative imports of it would fail.
            Run::Imported("") => vec![package(false), package(true)],
            // A package made of the project's directory would have the checkout's name.
            Run::Imported(_) if self.is_project() => vec![flat(""), package(false), package(true)],
            Run::Imported(_) => vec![package(false), flat(""), package(true)],
        };
        if matches!(run, Run::Imported(_)) && self.is_installed_from_src(module) {
            choices.insert(0, flat("src"));
        }
        let mut folder = self.folder_of(module);
        while !folder.is_empty() {
            choices.push(flat(&folder));
            folder = folder
                .rsplit_once('.')
                .map_or(String::new(), |(above, _)| above.to_owned());
        }
        choices
    }

    /// Returns the package name for the source: its folder's name, unless Python or a library uses
    /// it.
    pub(super) fn package_name(&self) -> String {
        let legal: String = self
            .folder
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '_' })
            .collect();
        let legal = if ImportName::parse(&legal).is_ok() {
            legal
        } else {
            self.agent.to_string()
        };
        if ImportName::parse(&legal).is_ok() && !self.is_taken(&legal) {
            legal
        } else {
            format!("{legal}_agent")
        }
    }

    /// Returns whether a package with this name would shadow another one that the agent imports.
    fn is_taken(&self, name: &str) -> bool {
        let ours = ["bedrock_agentcore", "starlette", "uvicorn"];
        let imports_it = |(module, import): (&String, &Import)| {
            import.top() == Some(name)
                && self.own(module, 0, &import.module, 0).is_none()
                && !import.names.iter().any(|(taken, _)| {
                    let whole = format!("{}.{taken}", import.module);
                    self.own(module, 0, &whole, import.words()).is_some()
                })
        };
        is_standard(name) || ours.contains(&name) || self.imports_by_module().any(imports_it)
    }

    /// Returns the paths relative to the working directory that at least one of the layouts has.
    fn opened<'s>(&'s self, reach: &Reach, choices: &[Layout]) -> BTreeSet<&'s str> {
        let mut found = BTreeSet::new();
        for module in &reach.modules {
            let Some(parsed) = self.modules.get(module) else {
                continue;
            };
            for (_, path) in &parsed.module.code.paths {
                let is_path = path.contains(['/', '.']) || self.is_directory(path);
                if is_path && choices.iter().any(|layout| self.is_there(layout, path)) {
                    found.insert(path.as_str());
                }
            }
        }
        found
    }

    fn is_directory(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        !path.is_empty()
            && self
                .files
                .iter()
                .any(|file| file.strip_prefix(path).is_some_and(|f| f.starts_with('/')))
    }

    /// Returns whether the archive has `path`, relative to its root.
    fn is_there(&self, layout: &Layout, path: &str) -> bool {
        let path = path.trim_start_matches("./").trim_end_matches('/');
        let inner = match &layout.kind {
            Kind::Flat => Some(path),
            Kind::Package { name, .. } => path
                .strip_prefix(name.as_str())
                .and_then(|inner| inner.strip_prefix('/')),
        };
        let Some(inner) = inner.filter(|inner| !inner.is_empty()) else {
            return false;
        };
        let whole = match layout.root.as_str() {
            "" => inner.to_owned(),
            _ => format!("{}/{inner}", layout.folder()),
        };
        self.files.contains(&whole) || self.is_directory(&whole)
    }

    /// Returns how many imports and files are missing in a layout.
    fn missed(
        &self,
        layout: &Layout,
        run: Run<'_>,
        reach: &Reach,
        opened: &BTreeSet<&str>,
    ) -> usize {
        let mut missed = opened
            .iter()
            .filter(|path| !self.is_there(layout, path))
            .count();
        for module in &reach.modules {
            if !is_below(module, &layout.root) {
                missed += 1;
                continue;
            }
            let Some(parsed) = self.modules.get(module) else {
                continue;
            };
            let imports = parsed.module.imports.iter().filter(|i| !i.may_fail);
            missed += imports
                .filter(|import| !self.is_found(layout, run, module, import))
                .count();
        }
        missed
    }

    /// Returns whether an import of the agent's own files works in this layout.
    fn is_found(&self, layout: &Layout, run: Run<'_>, module: &str, import: &Import) -> bool {
        let names: Vec<String> = match import.names.as_slice() {
            [] => vec![import.module.clone()],
            names if import.module.is_empty() => names.iter().map(|(n, _)| n.clone()).collect(),
            names => names
                .iter()
                .map(|(name, _)| format!("{}.{name}", import.module))
                .collect(),
        };
        names.iter().all(|name| {
            let Some((wanted, _)) = self.own(module, import.level, name, import.words()) else {
                // Not one of the agent's modules.
                return true;
            };
            if import.level > 0 {
                return match layout.kind {
                    Kind::Flat => self.has_package(module, import.level, &layout.root),
                    Kind::Package { .. } => true,
                };
            }
            self.is_found_absolutely(layout, run, name, &wanted)
        })
    }

    /// Returns whether a relative import stays below the archive's root.
    fn has_package(&self, module: &str, level: usize, root: &str) -> bool {
        let folder = self.folder_of(module);
        let inner = folder
            .strip_prefix(root)
            .map_or(folder.as_str(), |inner| inner.trim_start_matches('.'));
        let depth = if inner.is_empty() {
            0
        } else {
            inner.split('.').count()
        };
        depth >= level
    }

    fn is_found_absolutely(&self, layout: &Layout, run: Run<'_>, name: &str, wanted: &str) -> bool {
        let below = |root: &str| {
            let whole = if root.is_empty() {
                name.to_owned()
            } else {
                format!("{root}.{name}")
            };
            is_below(&whole, wanted) && wanted.len() > root.len()
        };
        // Python searches the folder of the file that it runs first, where another module with this
        // name may shadow the intended one.
        if let Run::File(entry) = run {
            let folder = self.folder_of(entry);
            let top = name.split('.').next().unwrap_or_default();
            let beside = match folder.as_str() {
                "" => top.to_owned(),
                folder => format!("{folder}.{top}"),
            };
            if self.modules.contains_key(&beside) || self.is_folder(&beside) {
                return below(&folder);
            }
        }
        match &layout.kind {
            Kind::Flat => below(&layout.root),
            Kind::Package {
                name: package,
                with_neighbors,
            } => {
                *package == self.folder && self.by_own_name(name).is_some()
                    || *with_neighbors && below("")
            }
        }
    }
}

/// Returns whether a module is `package` or below it.
pub(super) fn is_below(module: &str, package: &str) -> bool {
    package.is_empty()
        || module
            .strip_prefix(package)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
