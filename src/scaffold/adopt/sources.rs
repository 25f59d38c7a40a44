//! The sources of an agent as Python modules: read, named, and asked how they import each other.

use std::{collections::BTreeMap, path::PathBuf};

use super::parse::{Function, Import, Module, parse};
use crate::{
    error::{Failure, Message, Snippet},
    names::AgentName,
};

/// A Python file of the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PythonFile {
    /// Below the source, with `/`.
    pub(crate) path: String,
    /// As messages call it.
    pub(crate) shown: PathBuf,
    pub(crate) text: String,
}

/// All the sources, by the names that Python gives their modules.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    pub(super) agent: AgentName,
    /// The source's folder, which is the package's name where the sources name themselves.
    pub(super) folder: String,
    /// Whether the sources lie in the project's directory under the name of their copy.
    pub(super) first_party: bool,
    pub(super) modules: BTreeMap<String, Parsed>,
}

#[derive(Debug, Clone)]
pub(super) struct Parsed {
    pub(super) shown: PathBuf,
    /// Below the source, with `/`.
    pub(super) path: String,
    pub(super) module: Module,
}

impl Sources {
    /// Parses every file. The messages are warnings: a file that cannot be read whole.
    pub(crate) fn read(
        agent: &AgentName,
        folder: &str,
        first_party: bool,
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
            first_party,
            modules,
        };
        (sources, warnings)
    }

    /// The key of the module that is called `module`, with or without the package's name before it.
    pub(super) fn resolve(&self, module: &str) -> Option<String> {
        let (head, rest) = module.split_once('.').unwrap_or((module, ""));
        let inner = head == self.agent.as_str() || head == self.folder;
        [inner.then_some(rest), Some(module)]
            .into_iter()
            .flatten()
            .find(|name| self.modules.contains_key(*name))
            .map(str::to_owned)
    }

    pub(super) fn place(&self, module: &str, function: &Function) -> String {
        format!("{}:{}", self.modules[module].shown.display(), function.line)
    }

    /// Whether the sources import one another by bare names, as scripts of one folder do.
    pub(crate) fn imports_its_neighbours(&self) -> bool {
        self.imports().any(|(_, import)| {
            import.top.as_deref().is_some_and(|top| {
                self.is_top_level(top) && top != self.agent.as_str() && !STANDARD.contains(&top)
            })
        })
    }

    /// Refuses sources that will not find themselves under the name that their copy has.
    pub(crate) fn check_own_imports(&self) -> Result<(), Failure> {
        let agent = self.agent.as_str();
        for (parsed, import) in self.imports() {
            let Some(top) = import.top.as_deref() else {
                continue;
            };
            let place = format!("{}:{}", parsed.shown.display(), import.line);
            if self.is_top_level(top) && top == agent {
                return Err(Failure::config(format!(
                    "the source holds a package `{top}` itself, which the copy of the same name would hide"
                ))
                .note(format!("imported in {place}"))
                .help("name that folder with `--source`, or the agent otherwise with `--name`"));
            }
            if top == self.folder && top != agent && !self.is_top_level(top) {
                return Err(Failure::config(format!(
                    "the sources import themselves as `{top}`, and their copy would be called `{agent}`"
                ))
                .note(format!("imported in {place}"))
                .help(format!("call the agent `{top}`, or let the sources import each other relatively (`from .module import name`)")));
            }
            let nested = format!("src.{top}");
            let is_nested = self.modules.keys().any(|name| below(name, &nested));
            if is_nested && !self.is_top_level(top) {
                return Err(Failure::config(format!(
                    "the source is a whole project; its package is `src/{top}`"
                ))
                .note(format!("imported in {place} as `{top}`"))
                .help(format!(
                    "name the package's folder with `--source`: it ends in `src/{top}`"
                )));
            }
        }
        Ok(())
    }

    pub(super) fn imports(&self) -> impl Iterator<Item = (&Parsed, &Import)> {
        self.modules
            .iter()
            .filter(|(name, _)| !is_test(name))
            .flat_map(|(_, parsed)| parsed.module.imports.iter().map(move |i| (parsed, i)))
    }

    pub(super) fn is_top_level(&self, name: &str) -> bool {
        self.modules.keys().any(|module| below(module, name))
    }

    pub(super) fn imports_relatively(&self, module: &str) -> bool {
        self.modules.get(module).is_some_and(|parsed| {
            let mut imports = parsed.module.imports.iter();
            imports.any(|import| import.top.is_none())
        })
    }
}

/// Modules of Python's own that agents like to name theirs after: importing one is no sign that the
/// neighbour is meant.
const STANDARD: [&str; 22] = [
    "asyncio",
    "calendar",
    "code",
    "collections",
    "copy",
    "datetime",
    "email",
    "http",
    "io",
    "json",
    "logging",
    "parser",
    "platform",
    "queue",
    "random",
    "secrets",
    "signal",
    "string",
    "test",
    "token",
    "types",
    "typing",
];

fn below(module: &str, package: &str) -> bool {
    module
        .strip_prefix(package)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn module_name(path: &str) -> String {
    let path = path.strip_suffix(".py").unwrap_or(path);
    let path = match path.strip_suffix("__init__") {
        Some(folder) if folder.is_empty() || folder.ends_with('/') => folder.trim_end_matches('/'),
        _ => path,
    };
    path.replace('/', ".")
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
        "`{}` is not Python that can be parsed whole; what it defines after this may be missed",
        file.shown.display()
    ))
    .at(Snippet {
        file: file.shown.clone(),
        text: file.text.clone(),
        span: first_line(&file.text, span),
        label: String::new(),
    })
}

/// An error's range may take in half of the file.
fn first_line(text: &str, span: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let end = text[span.start..]
        .find('\n')
        .map_or(text.len(), |length| span.start + length);
    span.start..span.end.min(end.max(span.start))
}
