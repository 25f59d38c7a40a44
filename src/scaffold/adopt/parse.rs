//! What one Python file defines, as far as `init` asks: functions, classes, imports, an app of its own.
//!
//! A real parser reads the text; nothing of it is run. A file with syntax errors still tells what the
//! parser could make of the rest.

use std::ops::Range;

use tree_sitter::Node;

use super::signature::{self, Parameter};
use crate::python::syntax;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Module {
    pub(crate) functions: Vec<Function>,
    pub(crate) classes: Vec<Class>,
    pub(crate) imports: Vec<Import>,
    pub(crate) app: Option<App>,
    /// The bytes that the parser could not read.
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

/// What the class itself says about how it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Construction {
    /// Nothing; its bases may.
    Inherited,
    /// The arguments that it cannot be made without.
    Needs(Vec<String>),
    /// It cannot be made at all, such as an abstract class.
    Never(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) line: usize,
    /// The first word of the module's name; `None` where the import is relative.
    pub(crate) top: Option<String>,
}

/// What serves requests by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct App {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) kind: AppKind,
    /// Whether the file starts the server itself.
    pub(crate) runs: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AppKind {
    /// `app = BedrockAgentCoreApp()`.
    Sdk,
    /// An app of another framework whose routes are those that the runtime asks for.
    Routes,
}

/// The paths that the runtime asks for.
const PATHS: [&str; 2] = ["/invocations", "/ping"];

/// Reads one file.
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
        if module.app.is_none() {
            module.app = app(node, text);
        }
    }
    imports(root, text, &mut module.imports);
    module.app = module.app.or_else(|| routed_app(root, text));
    if let Some(app) = &mut module.app {
        app.runs = calls(root, &format!("{}.run", app.name), text)
            || app.kind == AppKind::Routes && calls(root, "uvicorn.run", text);
    }
    module
}

pub(super) fn children(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).collect()
}

pub(super) fn words<'t>(node: Node<'_>, text: &'t str) -> &'t str {
    text.get(node.byte_range()).unwrap_or_default()
}

/// The definition itself, and the names of what decorates it.
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

/// By its own `yield`, or by what it says that it returns.
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
    // What they yield is theirs.
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
    for child in syntax::descendants(root, |_| true) {
        let line = child.start_position().row + 1;
        let mut import = |name: Node<'_>| {
            let whole = words(name, text);
            let top = (name.kind() != "relative_import")
                .then(|| whole.split('.').next().unwrap_or(whole).trim().to_owned());
            found.push(Import { line, top });
        };
        match child.kind() {
            "import_from_statement" => {
                if let Some(module) = child.child_by_field_name("module_name") {
                    import(module);
                }
            }
            "import_statement" => {
                for name in children(child) {
                    let aliased = name.child_by_field_name("name");
                    import(if name.kind() == "aliased_import" {
                        aliased.unwrap_or(name)
                    } else {
                        name
                    });
                }
            }
            _ => {}
        }
    }
}

fn app(node: Node<'_>, text: &str) -> Option<App> {
    if node.kind() != "expression_statement" {
        return None;
    }
    let assignment = node.named_child(0)?;
    let left = assignment.child_by_field_name("left")?;
    let right = assignment.child_by_field_name("right")?;
    let callee = words(right.child_by_field_name("function")?, text);
    let made = callee.rsplit('.').next().unwrap_or(callee) == "BedrockAgentCoreApp";
    (made && left.kind() == "identifier").then(|| App {
        name: words(left, text).to_owned(),
        line: node.start_position().row + 1,
        kind: AppKind::Sdk,
        runs: false,
    })
}

/// The app whose decorators give functions both paths, such as `@app.post("/invocations")`.
fn routed_app(root: Node<'_>, text: &str) -> Option<App> {
    let routes: Vec<(&str, &str, usize)> = children(root)
        .into_iter()
        .filter(|node| node.kind() == "decorated_definition")
        .flat_map(children)
        .filter(|node| node.kind() == "decorator")
        .filter_map(|decorator| {
            let call = decorator.named_child(0)?;
            let app = call.child_by_field_name("function")?;
            let app = app.child_by_field_name("object")?;
            let path = call.child_by_field_name("arguments")?.named_child(0)?;
            let path = words(path, text).trim_matches(['"', '\'']);
            Some((words(app, text), path, decorator.start_position().row + 1))
        })
        .collect();
    let has = |app: &str, path: &str| routes.iter().any(|route| (route.0, route.1) == (app, path));
    let (name, _, line) = routes
        .iter()
        .find(|(app, path, _)| *path == PATHS[0] && has(app, PATHS[1]))?;
    Some(App {
        name: (*name).to_owned(),
        line: *line,
        kind: AppKind::Routes,
        runs: false,
    })
}

fn calls(node: Node<'_>, callee: &str, text: &str) -> bool {
    syntax::descendants(node, |_| true).any(|child| {
        child.kind() == "call"
            && child
                .child_by_field_name("function")
                .is_some_and(|function| words(function, text) == callee)
    })
}
