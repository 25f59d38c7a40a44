//! Extracts what `init` needs from a Python file: functions, classes, imports, calls.
//!
//! Parses the text without running it. A file with syntax errors yields what the parser could make
//! of the rest.

pub(super) mod code;
pub(super) mod signature;

use std::ops::Range;

use tree_sitter::Node;

use self::{code::Code, signature::Parameter};
use crate::python::syntax;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Module {
    pub(crate) functions: Vec<Function>,
    pub(crate) classes: Vec<Class>,
    pub(crate) imports: Vec<Import>,
    pub(crate) code: Code,
    /// The bytes that could not be parsed.
    pub(crate) syntax_error: Option<Range<usize>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) kind: Kind,
    /// Without `self` or `cls`.
    pub(crate) parameters: Vec<Parameter>,
    /// Without `@` and arguments.
    pub(crate) decorators: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Coroutine,
    Generator,
    AsyncGenerator,
}

impl Kind {
    pub(crate) fn streams(self) -> bool {
        matches!(self, Self::Generator | Self::AsyncGenerator)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) name: String,
    pub(crate) bases: Vec<String>,
    pub(crate) methods: Vec<Function>,
    pub(crate) construction: Construction,
}

/// What a class declares about its construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Construction {
    /// Nothing; its bases may.
    Inherited,
    /// These arguments are required.
    Needs(Vec<String>),
    /// It cannot be instantiated, for example because it is abstract.
    Never(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) line: usize,
    /// The number of leading dots; 0 for absolute imports.
    pub(crate) level: usize,
    /// Without the dots; empty in `from . import tools`.
    pub(crate) module: String,
    /// The imported names and the names they get; empty for `import tools`.
    pub(crate) names: Vec<(String, String)>,
    /// `import tools as t`
    pub(crate) alias: Option<String>,
    /// True if the import may fail: in `try`, or for a type checker.
    pub(crate) may_fail: bool,
}

impl Import {
    /// Returns the number of parts in the module's name.
    pub(crate) fn words(&self) -> usize {
        let words = self.module.split('.');
        words.filter(|word| !word.is_empty()).count()
    }

    /// Returns the first part of the module's name, or `None` for relative imports.
    pub(crate) fn top(&self) -> Option<&str> {
        (self.level == 0).then(|| self.module.split('.').next().unwrap_or_default())
    }
}

/// Parses a file.
pub(crate) fn parse(text: &str) -> Module {
    let tree = syntax::tree(text);
    let root = tree.root_node();
    let mut module = Module {
        syntax_error: syntax::first_error(root),
        ..Module::default()
    };
    for node in children(root) {
        let (definition, decorators) = undecorated(node, text);
        match definition.kind() {
            "function_definition" => {
                let found = function(definition, decorators, text, false);
                module.functions.extend(found);
            }
            "class_definition" => module.classes.extend(class(definition, &decorators, text)),
            _ => {}
        }
    }
    imports(root, text, &mut module.imports);
    module.code = code::read(root, text, &module.imports);
    module
}

fn children(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).collect()
}

fn words<'t>(node: Node<'_>, text: &'t str) -> &'t str {
    text.get(node.byte_range()).unwrap_or_default()
}

/// Returns the definition without its decorators, and their names.
fn undecorated<'n>(node: Node<'n>, text: &str) -> (Node<'n>, Vec<String>) {
    if node.kind() != "decorated_definition" {
        return (node, Vec::new());
    }
    let decorators = children(node)
        .into_iter()
        .filter(|child| child.kind() == "decorator")
        .map(|child| {
            let whole = words(child, text).trim_start_matches('@');
            whole.split('(').next().unwrap_or(whole).trim().to_owned()
        })
        .collect();
    let definition = node.child_by_field_name("definition").unwrap_or(node);
    (definition, decorators)
}

fn name(node: Node<'_>, text: &str) -> Option<String> {
    let name = words(node.child_by_field_name("name")?, text);
    (!name.is_empty()).then(|| name.to_owned())
}

fn function(
    node: Node<'_>,
    decorators: Vec<String>,
    text: &str,
    is_method: bool,
) -> Option<Function> {
    let name = name(node, text)?;
    let mut parameters = signature::parameters(node, text);
    let is_static = decorators.iter().any(|word| word == "staticmethod");
    if is_method && !is_static && !parameters.is_empty() {
        parameters.remove(0);
    }
    Some(Function {
        name,
        line: node.start_position().row + 1,
        kind: kind(node, text),
        parameters,
        decorators,
    })
}

/// Returns the kind of function, based on `yield` in it or its declared return type.
fn kind(node: Node<'_>, text: &str) -> Kind {
    let is_async = node.child(0).is_some_and(|first| first.kind() == "async");
    let yields = node.child_by_field_name("body").is_some_and(yields);
    let returns = node
        .child_by_field_name("return_type")
        .map_or("", |node| words(node, text));
    let returned = returns.split('[').next().unwrap_or(returns).trim();
    let returned = returned.rsplit('.').next().unwrap_or(returned);
    match (is_async, yields, returned) {
        (true, true, _) | (false, false, "AsyncIterator" | "AsyncGenerator" | "AsyncIterable") => {
            Kind::AsyncGenerator
        }
        (false, true, _) | (false, false, "Iterator" | "Generator") => Kind::Generator,
        (true, false, _) => Kind::Coroutine,
        (false, false, _) => Kind::Plain,
    }
}

fn yields(body: Node<'_>) -> bool {
    // Nested definitions have their own `yield`.
    let others = ["function_definition", "class_definition", "lambda"];
    syntax::descendants(body, |node| !others.contains(&node.kind()))
        .any(|node| node.kind() == "yield")
}

fn class(node: Node<'_>, decorators: &[String], text: &str) -> Option<Class> {
    let name = name(node, text)?;
    let bases: Vec<String> = node
        .child_by_field_name("superclasses")
        .map(|list| {
            children(list)
                .into_iter()
                .filter(|base| base.kind() != "keyword_argument")
                .map(|base| {
                    let whole = words(base, text);
                    let whole = whole.split('[').next().unwrap_or(whole);
                    whole.rsplit('.').next().unwrap_or(whole).to_owned()
                })
                .collect()
        })
        .unwrap_or_default();
    let body = node.child_by_field_name("body")?;
    let methods: Vec<Function> = children(body)
        .into_iter()
        .filter_map(|child| {
            let (definition, decorators) = undecorated(child, text);
            (definition.kind() == "function_definition")
                .then(|| function(definition, decorators, text, true))
                .flatten()
        })
        .collect();
    let construction = signature::construction(body, decorators, &bases, &methods, text);
    Some(Class {
        name,
        bases,
        methods,
        construction,
    })
}

fn imports(root: Node<'_>, text: &str, found: &mut Vec<Import>) {
    let mut pending = vec![(root, false)];
    while let Some((node, may_fail)) = pending.pop() {
        match node.kind() {
            "import_from_statement" => found.extend(import_from(node, text, may_fail)),
            "import_statement" => {
                for name in children(node) {
                    let alias = name.child_by_field_name("alias");
                    let module = name.child_by_field_name("name").unwrap_or(name);
                    found.push(Import {
                        line: node.start_position().row + 1,
                        level: 0,
                        module: words(module, text).to_owned(),
                        names: Vec::new(),
                        alias: alias.map(|alias| words(alias, text).to_owned()),
                        may_fail,
                    });
                }
            }
            kind => {
                let type_checking = kind == "if_statement"
                    && node
                        .child_by_field_name("condition")
                        .is_some_and(|asked| words(asked, text).ends_with("TYPE_CHECKING"));
                let may_fail = may_fail || kind == "try_statement" || type_checking;
                let inner = children(node).into_iter().rev();
                pending.extend(inner.map(|node| (node, may_fail)));
            }
        }
    }
}

fn import_from(node: Node<'_>, text: &str, may_fail: bool) -> Option<Import> {
    let from = node.child_by_field_name("module_name")?;
    let whole = words(from, text);
    let module = whole.trim_start_matches('.');
    let mut cursor = node.walk();
    let mut names: Vec<(String, String)> = node
        .children_by_field_name("name", &mut cursor)
        .map(|name| {
            let taken = name.child_by_field_name("name").unwrap_or(name);
            let local = name.child_by_field_name("alias").unwrap_or(taken);
            (words(taken, text).to_owned(), words(local, text).to_owned())
        })
        .collect();
    if names.is_empty() {
        names.push(("*".to_owned(), "*".to_owned()));
    }
    Some(Import {
        line: node.start_position().row + 1,
        level: whole.len() - module.len(),
        module: module.trim().to_owned(),
        names,
        alias: None,
        may_fail,
    })
}
