//! An agent's sources as Python modules: parsed, named, and with their imports.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::module::{self, Function, Import, Module, parse};
use crate::{
    error::{Message, Snippet},
    names::AgentName,
    python::standard::is_importable,
};

/// A Python file of the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PythonFile {
    /// By path below the source, with `/`.
    pub(crate) path: String,
    /// The path in messages.
    pub(crate) shown: PathBuf,
    pub(crate) text: String,
}

/// All the sources, by Python module name.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    pub(super) agent: AgentName,
    /// The source's folder, which is also the package's name if the sources refer to themselves.
    pub(super) folder: String,
    /// The path from the project's directory to the source, if it is below.
    pub(super) below_project: Option<String>,
    /// All files below the source, with `/`.
    pub(super) files: BTreeSet<String>,
    pub(super) modules: BTreeMap<String, Parsed>,
    /// True if the source is a project whose installed packages are below `src`.
    pub(super) installs_src: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Parsed {
    pub(super) shown: PathBuf,
    /// By path below the source, with `/`.
    pub(super) path: String,
    pub(super) module: Module,
}

impl Sources {
    /// Parses all files. Returns warnings for files that cannot be parsed completely.
    pub(crate) fn read(
        agent: &AgentName,
        folder: &str,
        below_project: Option<String>,
        listing: BTreeSet<String>,
        files: Vec<PythonFile>,
    ) -> (Self, Vec<Message>) {
        let mut modules = BTreeMap::new();
        let mut warnings = Vec::new();
        for file in files {
            let module = parse(&file.text);
            if let Some(span) = module.syntax_error.clone() {
                warnings.push(syntax_error(&file, span));
            }
            let name = module_name(&file.path);
            modules.insert(
                name,
                Parsed {
                    shown: file.shown,
                    path: file.path,
                    module,
                },
            );
        }
        let sources = Self {
            agent: agent.clone(),
            folder: folder.to_owned(),
            below_project,
            files: listing,
            modules,
            installs_src: false,
        };
        (sources, warnings)
    }

    /// Takes account of a pyproject.toml in the source's folder.
    #[must_use]
    pub(crate) fn with_project(mut self, pyproject: &str) -> Self {
        // With an `__init__.py`, it is a package itself.
        self.installs_src = is_installed(pyproject) && !self.modules.contains_key("src");
        self
    }

    /// Returns whether the module is part of a package that is installed from `src`.
    pub(super) fn is_installed_from_src(&self, module: &str) -> bool {
        let mut parts = module.split('.');
        let is_below = parts.next() == Some("src");
        let package = parts.next();
        let is_package = package.is_some_and(|package| self.is_folder(&format!("src.{package}")));
        self.installs_src && is_below && is_package
    }

    /// Returns the key of a module whose name may begin with the package's name.
    pub(super) fn resolve(&self, module: &str) -> Option<String> {
        let (head, rest) = module.split_once('.').unwrap_or((module, ""));
        let inner = [self.agent.as_str(), &self.folder, &self.package_name()].contains(&head);
        [inner.then_some(rest), Some(module)]
            .into_iter()
            .flatten()
            .find(|name| self.modules.contains_key(*name))
            .map(str::to_owned)
    }

    pub(super) fn place(&self, module: &str, function: &Function) -> String {
        format!("{}:{}", self.modules[module].shown.display(), function.line)
    }

    /// Returns whether the source is the project's own directory.
    pub(crate) fn is_project(&self) -> bool {
        self.below_project.as_deref() == Some("")
    }

    pub(super) fn is_coroutine(&self, module: &str, function: &str) -> bool {
        self.modules.get(module).is_some_and(|parsed| {
            let mut functions = parsed.module.functions.iter();
            functions.any(|found| found.name == function && found.kind == module::Kind::Coroutine)
        })
    }

    pub(super) fn imports_relatively(&self, module: &str) -> bool {
        self.modules.get(module).is_some_and(|parsed| {
            let mut imports = parsed.module.imports.iter();
            imports.any(|import| import.level > 0)
        })
    }

    pub(super) fn imports_by_module(&self) -> impl Iterator<Item = (&String, &Import)> {
        self.modules
            .iter()
            .filter(|(name, _)| !is_test(name))
            .flat_map(|(name, parsed)| parsed.module.imports.iter().map(move |i| (name, i)))
    }
}

/// Returns whether installing the project, as `uv run` does, installs its packages.
fn is_installed(pyproject: &str) -> bool {
    let Ok(table) = pyproject.parse::<toml::Table>() else {
        return false;
    };
    let tool = |name: &str| table.get("tool").and_then(|tool| tool.get(name));
    let uv = tool("uv").and_then(|uv| uv.get("package"));
    match uv.and_then(toml::Value::as_bool) {
        Some(package) => package,
        None => table.contains_key("build-system") || tool("poetry").is_some(),
    }
}

fn module_name(path: &str) -> String {
    let path = path.strip_suffix(".py").unwrap_or(path);
    let path = match path.strip_suffix("__init__") {
        Some(folder) if folder.is_empty() || folder.ends_with('/') => folder.trim_end_matches('/'),
        _ => path,
    };
    path.replace('/', ".")
}

/// Returns whether Python can import the module, if it finds its folder.
pub(super) fn has_importable_name(module: &str) -> bool {
    module.is_empty() || module.rsplit('.').next().is_some_and(is_importable)
}

/// Returns a name for a file that Python can import.
pub(super) fn importable_name(file: &str) -> String {
    let stem = file.strip_suffix(".py").unwrap_or(file);
    let stem: String = stem
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '_' })
        .collect();
    let stem = stem.trim_start_matches(|c: char| !c.is_alphabetic());
    if is_importable(stem) {
        format!("{stem}.py")
    } else {
        format!("{stem}_agent.py")
            .trim_start_matches('_')
            .to_owned()
    }
}

pub(super) fn is_public(module: &str) -> bool {
    !is_test(module) && module.split('.').all(|part| !part.starts_with('_'))
}

pub(super) fn is_test(module: &str) -> bool {
    module.split('.').any(|part| {
        ["tests", "test", "conftest"].contains(&part)
            || part.starts_with("test_")
            || part.ends_with("_test")
    })
}

fn syntax_error(file: &PythonFile, span: std::ops::Range<usize>) -> Message {
    Message::new(format!(
        "`{}` has a syntax error, so some of its functions may not be found",
        file.shown.display()
    ))
    .at(Snippet {
        file: file.shown.clone(),
        text: file.text.clone(),
        span: first_line(&file.text, span),
        label: String::new(),
    })
}

/// Shortens an error's range to its first line, because it may cover half of the file.
fn first_line(text: &str, span: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let end = text[span.start..]
        .find('\n')
        .map_or(text.len(), |length| span.start + length);
    span.start..span.end.min(end.max(span.start))
}
