//! The calls in a Python file, each with the full name of its callee, the arguments as far as they
//! can be read, and the enclosing function.

mod value;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use tree_sitter::Node;

use self::value::literal;
use super::{Import, children, words};

/// A part of a module that runs on its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Runs on import.
    Module,
    /// Below `if __name__ == "__main__"`.
    Main,
    /// A top-level function or class, including everything nested in it.
    Named(String),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) calls: Vec<Call>,
    /// The dotted names mentioned in each scope.
    pub(crate) mentions: BTreeMap<Scope, BTreeSet<String>>,
    /// The values of variables: a call's result, as `package.Class()`, or another name.
    pub(crate) holds: BTreeMap<String, String>,
    /// The module's own variables.
    pub(crate) globals: BTreeSet<String>,
    /// What functions return, in the same form.
    pub(crate) returns: BTreeMap<String, String>,
    /// Literal paths passed to a call or assigned to a variable, with their lines.
    pub(crate) paths: Vec<(usize, String)>,
    /// All string literals.
    pub(crate) strings: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) scope: Scope,
    pub(crate) line: usize,
    /// Such as `uvicorn.run` and `mcp.server.fastmcp.FastMCP().run`.
    pub(crate) callee: String,
    pub(crate) arguments: Vec<Argument>,
    /// The variable that the result is assigned to.
    pub(crate) kept_in: Option<String>,
    /// The function decorated by this call.
    pub(crate) decorates: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Argument {
    pub(crate) name: Option<String>,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// A literal, or an environment variable's default.
    Known(String),
    /// A name or a call's result.
    Named(String),
    Unknown,
}

impl Call {
    pub(crate) fn argument(&self, name: &str) -> Option<&Value> {
        let mut all = self.arguments.iter();
        all.find(|argument| argument.name.as_deref() == Some(name))
            .map(|argument| &argument.value)
    }

    pub(crate) fn positional(&self, index: usize) -> Option<&Value> {
        let mut all = self.arguments.iter().filter(|a| a.name.is_none());
        all.nth(index).map(|argument| &argument.value)
    }

    /// Returns the last part of the callee's name.
    pub(crate) fn last(&self) -> &str {
        self.callee.rsplit('.').next().unwrap_or(&self.callee)
    }
}

/// The nesting limit. Real code is nested less, and unlimited recursion could overflow the stack.
const DEPTH: usize = 150;

pub(super) fn read(root: Node<'_>, text: &str, imports: &[Import]) -> Code {
    let mut reader = Reader {
        text,
        imported: imported(imports),
        constants: BTreeMap::new(),
        code: Code::default(),
        depth: Cell::new(0),
    };
    reader.assignments(root, true);
    reader.walk(root, &Scope::Module, None);
    reader.code
}

/// Maps the names that imports define to their full names.
fn imported(imports: &[Import]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for import in imports {
        let module = format!("{}{}", ".".repeat(import.level), import.module);
        if import.names.is_empty() {
            let whole = import.alias.is_some();
            let first = module.split('.').next().unwrap_or_default();
            let local = import.alias.clone().unwrap_or_else(|| first.to_owned());
            names.insert(local, if whole { module } else { first.to_owned() });
            continue;
        }
        for (name, local) in &import.names {
            let dot = if module.is_empty() || module.ends_with('.') {
                ""
            } else {
                "."
            };
            names.insert(local.clone(), format!("{module}{dot}{name}"));
        }
    }
    names
}

struct Reader<'t> {
    text: &'t str,
    imported: BTreeMap<String, String>,
    constants: BTreeMap<String, String>,
    code: Code,
    depth: Cell<usize>,
}

impl Reader<'_> {
    /// Collects the variables' values, before the calls are read.
    fn assignments(&mut self, node: Node<'_>, at_top: bool) {
        if !self.enter() {
            return;
        }
        for child in children(node) {
            // Code that runs only as a script does not run on import.
            let inner = match child.kind() {
                "function_definition" | "class_definition" => true,
                "if_statement" => self.asks_for_main(child),
                _ => false,
            };
            self.assignments(child, at_top && !inner);
            match child.kind() {
                "assignment" => self.assignment(child, at_top),
                "with_item" | "as_pattern" => self.as_pattern(child),
                "return_statement" => self.returned(child),
                _ => {}
            }
        }
        self.leave();
    }

    /// Goes one level deeper. Returns false at the limit.
    fn enter(&self) -> bool {
        let deeper = self.depth.get() < DEPTH;
        if deeper {
            self.depth.set(self.depth.get() + 1);
        }
        deeper
    }

    fn leave(&self) {
        self.depth.set(self.depth.get() - 1);
    }

    fn assignment(&mut self, node: Node<'_>, at_top: bool) {
        let (Some(left), Some(right)) = (
            node.child_by_field_name("left"),
            node.child_by_field_name("right"),
        ) else {
            return;
        };
        if left.kind() != "identifier" {
            return;
        }
        let name = words(left, self.text).to_owned();
        if at_top {
            self.code.globals.insert(name.clone());
        }
        match self.value(right) {
            Value::Known(literal) => {
                self.constants.insert(name, literal);
            }
            Value::Named(what) if what != name => {
                // A variable's first value is the decisive one.
                self.code.holds.entry(name).or_insert(what);
            }
            Value::Named(_) | Value::Unknown => {}
        }
    }

    fn as_pattern(&mut self, node: Node<'_>) {
        let parts = children(node);
        if let [what, name] = parts.as_slice()
            && let Value::Named(what) = self.value(*what)
        {
            let name = words(*name, self.text).to_owned();
            self.code.holds.entry(name).or_insert(what);
        }
    }

    fn returned(&mut self, node: Node<'_>) {
        let mut at = node;
        let mut function = None;
        while let Some(parent) = at.parent() {
            if parent.kind() == "function_definition" {
                function = parent.child_by_field_name("name");
            }
            at = parent;
        }
        let (Some(name), Some(value)) = (function, node.named_child(0)) else {
            return;
        };
        if let Value::Named(what) = self.value(value) {
            let name = words(name, self.text).to_owned();
            self.code.returns.entry(name).or_insert(what);
        }
    }

    fn walk(&mut self, node: Node<'_>, scope: &Scope, kept_in: Option<&str>) {
        if self.enter() {
            self.walk_into(node, scope, kept_in);
            self.leave();
        }
    }

    fn walk_into(&mut self, node: Node<'_>, scope: &Scope, kept_in: Option<&str>) {
        match node.kind() {
            "function_definition" | "class_definition" => {
                let own = node
                    .child_by_field_name("name")
                    .map(|name| Scope::Named(words(name, self.text).to_owned()));
                let inner = match (scope, own) {
                    (Scope::Module | Scope::Main, Some(own)) => own,
                    _ => scope.clone(),
                };
                for child in children(node) {
                    self.walk(child, &inner, None);
                }
                return;
            }
            "decorated_definition" => self.decorators(node, scope),
            "if_statement" if self.asks_for_main(node) => {
                for child in children(node) {
                    self.walk(child, &Scope::Main, None);
                }
                return;
            }
            "call" => self.call(node, scope, kept_in),
            "identifier" | "attribute" => {
                let name = self.full_name(node);
                self.mention(scope, name);
            }
            "string" => self.string(node),
            "import_statement" | "import_from_statement" => return,
            _ => {}
        }
        let target = (node.kind() == "assignment")
            .then(|| node.child_by_field_name("left"))
            .flatten()
            .filter(|left| left.kind() == "identifier")
            .map(|left| words(left, self.text).to_owned());
        for child in children(node) {
            let is_value = node.child_by_field_name("right") == Some(child);
            let keeps = target.as_deref().filter(|_| is_value);
            let keeps = keeps.or(kept_in.filter(|_| node.kind() == "expression_statement"));
            self.walk(child, scope, keeps);
        }
    }

    fn asks_for_main(&self, node: Node<'_>) -> bool {
        node.child_by_field_name("condition")
            .is_some_and(|condition| {
                let words = words(condition, self.text);
                words.contains("__name__") && words.contains("__main__")
            })
    }

    /// Reads decorators, which are outside of the scope that they decorate.
    fn decorators(&mut self, node: Node<'_>, scope: &Scope) {
        let name = node
            .child_by_field_name("definition")
            .and_then(|definition| definition.child_by_field_name("name"))
            .map(|name| words(name, self.text).to_owned());
        for decorator in children(node)
            .into_iter()
            .filter(|child| child.kind() == "decorator")
        {
            let Some(what) = decorator.named_child(0) else {
                continue;
            };
            let (callee, arguments) = match what.kind() {
                "call" => (
                    what.child_by_field_name("function")
                        .map(|function| self.full_name(function)),
                    self.arguments(what),
                ),
                _ => (Some(self.full_name(what)), Vec::new()),
            };
            self.code.calls.push(Call {
                scope: scope.clone(),
                line: decorator.start_position().row + 1,
                callee: callee.unwrap_or_default(),
                arguments,
                kept_in: None,
                decorates: name.clone(),
            });
        }
    }

    fn call(&mut self, node: Node<'_>, scope: &Scope, kept_in: Option<&str>) {
        let is_decorator = node
            .parent()
            .is_some_and(|parent| parent.kind() == "decorator");
        let Some(function) = node.child_by_field_name("function") else {
            return;
        };
        if !is_decorator {
            self.code.calls.push(Call {
                scope: scope.clone(),
                line: node.start_position().row + 1,
                callee: self.full_name(function),
                arguments: self.arguments(node),
                kept_in: kept_in.map(str::to_owned),
                decorates: None,
            });
        }
    }

    fn arguments(&self, call: Node<'_>) -> Vec<Argument> {
        let Some(list) = call.child_by_field_name("arguments") else {
            return Vec::new();
        };
        children(list)
            .into_iter()
            .filter(|node| node.kind() != "comment")
            .map(|node| match node.kind() {
                "keyword_argument" => Argument {
                    name: node
                        .child_by_field_name("name")
                        .map(|name| words(name, self.text).to_owned()),
                    value: node
                        .child_by_field_name("value")
                        .map_or(Value::Unknown, |value| self.value(value)),
                },
                // Their content is known only at run time.
                "dictionary_splat" | "list_splat" => Argument {
                    name: Some("**".to_owned()),
                    value: Value::Unknown,
                },
                _ => Argument {
                    name: None,
                    value: self.value(node),
                },
            })
            .collect()
    }

    fn mention(&mut self, scope: &Scope, name: String) {
        let names = self.code.mentions.entry(scope.clone()).or_default();
        names.insert(name);
    }

    fn string(&mut self, node: Node<'_>) {
        let Some(literal) = literal(node, self.text) else {
            return;
        };
        let parent = node.parent();
        let of_call = parent.is_some_and(|parent| match parent.kind() {
            "argument_list" => !parent.parent().is_some_and(|call| self.joins(call)),
            "keyword_argument" | "assignment" | "default_parameter" | "typed_default_parameter" => {
                true
            }
            _ => false,
        });
        if of_call {
            self.code
                .paths
                .push((node.start_position().row + 1, literal.clone()));
        }
        self.code.strings.insert(literal);
    }

    /// Returns whether the call joins paths, so that the literal is only a part of one.
    fn joins(&self, call: Node<'_>) -> bool {
        call.child_by_field_name("function").is_some_and(|what| {
            let last = words(what, self.text).rsplit('.').next().unwrap_or("");
            ["join", "joinpath", "with_name"].contains(&last)
        }) || call.parent().is_some_and(|parent| {
            // `Path(__file__).parent / "prompt.md"`
            parent.kind() == "binary_operator" && words(parent, self.text).contains("__file__")
        })
    }
}
