//! What a Python file uses: calls of libraries, texts, environment variables, request headers.

mod call;
mod environment;
mod pending;
mod request_headers;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use tree_sitter::Node;

pub(crate) use self::call::{Call, Variable};
use self::{
    call::Argument,
    pending::{Around, Pending},
    value::{LONG_ENOUGH, Value},
};
use super::{
    code::Word,
    syntax::{children, descendants},
};

#[derive(Debug, Clone, Default)]
pub(crate) struct Uses {
    pub(crate) calls: Vec<Call>,
    /// Texts that the code uses: no docstrings, no keys, nothing that is only compared.
    pub(crate) texts: Vec<Value>,
    pub(crate) variables: Vec<Variable>,
    /// Environment variables that the code sets.
    pub(crate) sets: BTreeSet<String>,
    /// Names of request headers.
    pub(crate) headers: Vec<Word>,
    /// The top-level names of the imported modules.
    pub(crate) imports: BTreeSet<String>,
}

/// The maximum depth of expressions that are evaluated.
const DEEP_ENOUGH: usize = 20;

pub(super) fn read(root: Node<'_>, text: &str) -> Uses {
    let mut reader = Reader {
        text,
        has_variables: text.contains("environ") || text.contains("getenv"),
        has_headers: text.contains("headers") || text.contains("Header("),
        imported: BTreeMap::new(),
        held: BTreeMap::new(),
        header_names: BTreeSet::new(),
        uses: Uses::default(),
    };
    let mut declarations = Vec::new();
    for node in descendants(root, |_| true) {
        match node.kind() {
            "import_statement" | "import_from_statement" => reader.import(node),
            kind if DECLARES.contains(&kind) => declarations.push(node),
            _ => {}
        }
    }
    for node in declarations {
        reader.declare(node);
    }
    reader.visit_all(root);
    reader.uses
}

/// Nodes that assign values to names.
const DECLARES: [&str; 8] = [
    "as_pattern",
    "assignment",
    "augmented_assignment",
    "for_in_clause",
    "for_statement",
    "lambda_parameters",
    "named_expression",
    "parameters",
];

/// The value of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    Text(Value),
    /// The result of a call, in the form of [`Call::callee`].
    Object(String),
    /// Different values in different places.
    Unknown,
}

struct Reader<'t> {
    text: &'t str,
    /// True if the file uses the environment; `has_headers` is true if it uses request headers.
    /// Most files use neither.
    has_variables: bool,
    has_headers: bool,
    /// What is imported, by its name in this file.
    imported: BTreeMap<&'t str, String>,
    held: BTreeMap<&'t str, Held>,
    /// Names that contain a request's headers.
    header_names: BTreeSet<&'t str>,
    uses: Uses,
}

impl<'t> Reader<'t> {
    fn words(&self, node: Node<'_>) -> &'t str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    fn import(&mut self, node: Node<'_>) {
        let from = node.child_by_field_name("module_name");
        let from = from.map(|module| self.words(module));
        let mut cursor = node.walk();
        for name in node.children_by_field_name("name", &mut cursor) {
            let original = self.words(name.child_by_field_name("name").unwrap_or(name));
            let alias = name.child_by_field_name("alias").map(|a| self.words(a));
            let first = original.split('.').next().unwrap_or(original);
            let top = from
                .and_then(|from| from.split('.').next())
                .unwrap_or(first);
            self.uses.imports.insert(top.to_owned());
            let (local, whole) = match (from, alias) {
                (Some(from), alias) => (alias.unwrap_or(original), format!("{from}.{original}")),
                (None, Some(alias)) => (alias, original.to_owned()),
                (None, None) => (first, first.to_owned()),
            };
            self.imported.entry(local).or_insert(whole);
        }
    }

    /// Records the values of names.
    fn declare(&mut self, node: Node<'_>) {
        match node.kind() {
            "assignment" | "named_expression" => {
                let name = node
                    .child_by_field_name("left")
                    .or_else(|| node.child_by_field_name("name"));
                let value = node
                    .child_by_field_name("right")
                    .or_else(|| node.child_by_field_name("value"));
                if let (Some(name), Some(value)) = (name, value) {
                    self.assigned(name, value);
                }
            }
            "as_pattern" => {
                let value = node.named_child(0);
                let alias = node.child_by_field_name("alias");
                if let (Some(value), Some(alias)) = (value, alias) {
                    self.assigned(alias, value);
                }
            }
            "augmented_assignment" | "for_statement" | "for_in_clause" => {
                if let Some(name) = node.child_by_field_name("left") {
                    self.hides(name);
                }
            }
            "parameters" | "lambda_parameters" => {
                for parameter in children(node) {
                    let name = match parameter.kind() {
                        "identifier" => Some(parameter),
                        "typed_parameter" => parameter.named_child(0),
                        _ => parameter.child_by_field_name("name"),
                    };
                    if let Some(name) = name {
                        self.hides(name);
                    }
                }
            }
            _ => {}
        }
    }

    fn assigned(&mut self, name: Node<'_>, value: Node<'_>) {
        // A placeholder for a value that is created later.
        if value.kind() == "none" {
            return;
        }
        if !["identifier", "attribute", "as_pattern_target"].contains(&name.kind()) {
            self.hides(name);
            return;
        }
        let name = self.words(name);
        if self.has_headers && self.holds_headers(value) {
            self.header_names.insert(name);
        }
        let held = match self.value(value, 0) {
            Some(value) => Held::Text(value),
            None => self.object(value, 0).map_or(Held::Unknown, Held::Object),
        };
        let known = self.held.entry(name).or_insert_with(|| held.clone());
        if !known.is_same(&held) {
            *known = Held::Unknown;
        }
    }

    /// Records that the names have different values in different places.
    fn hides(&mut self, node: Node<'_>) {
        for name in descendants(node, |node| node.kind() != "attribute") {
            if ["identifier", "attribute"].contains(&name.kind()) {
                self.held.insert(self.words(name), Held::Unknown);
            }
        }
    }

    /// Visits all nodes without recursion, because source code may be nested deeper than the stack
    /// allows.
    fn visit_all(&mut self, root: Node<'_>) {
        let around = Around {
            texts: true,
            as_script: false,
            at_load: true,
            is_kept: false,
        };
        let mut pending = Pending {
            stack: vec![(root, around)],
            cursor: root.walk(),
        };
        while let Some((node, around)) = pending.stack.pop() {
            let from = pending.stack.len();
            self.visit(node, around, &mut pending);
            pending.stack[from..].reverse();
        }
    }

    /// Visits a node and adds the children to visit to `pending`.
    fn visit<'n>(&mut self, node: Node<'n>, around: Around, pending: &mut Pending<'n>) {
        let quiet = Around {
            texts: false,
            ..around
        };
        let kept = Around {
            is_kept: true,
            ..around
        };
        match node.kind() {
            "import_statement" | "import_from_statement" | "type" | "comment" => {}
            "function_definition" | "lambda" => {
                let body = node.child_by_field_name("body");
                for child in children(node) {
                    let at_load = around.at_load && Some(child) != body;
                    pending.push(Some(child), Around { at_load, ..around });
                }
            }
            "augmented_assignment" | "named_expression" => pending.enter(node, kept),
            "expression_statement" => {
                // Docstrings are not used by the code.
                let below = children(node).into_iter();
                let used = below.filter(|child| child.kind() != "string");
                pending.stack.extend(used.map(|child| (child, around)));
            }
            "string" | "concatenated_string" | "binary_operator" => {
                let value = self.value(node, 0);
                pending.enter(node, if value.is_some() { quiet } else { around });
                self.add_text(value, around);
            }
            "default_parameter" | "typed_default_parameter" | "typed_parameter" => {
                self.takes_header(node);
                pending.push(node.child_by_field_name("value"), kept);
            }
            "pair" | "keyword_argument" => {
                pending.push(node.child_by_field_name("value"), around);
            }
            "comparison_operator" => pending.enter(node, quiet),
            "assignment" => {
                let target = node.child_by_field_name("left");
                match target.and_then(|target| self.variable_read(target)) {
                    Some((name, _)) => {
                        self.uses.sets.insert(name.to_owned());
                    }
                    None => pending.push(target, quiet),
                }
                pending.push(node.child_by_field_name("right"), kept);
            }
            "subscript" => {
                self.reads_variable(node, false);
                self.reads_header(node);
                pending.enter(node, quiet);
            }
            "boolean_operator" => self.alternatives(node, around, pending),
            "call" => self.call(node, around, pending),
            "if_statement" => {
                let condition = node.child_by_field_name("condition");
                let words = condition.map_or("", |condition| self.words(condition));
                let is_main = words.contains("__name__") && words.contains("__main__");
                let then = node.child_by_field_name("consequence");
                for child in children(node) {
                    let as_script = around.as_script || (is_main && Some(child) == then);
                    let around = Around {
                        as_script,
                        ..around
                    };
                    pending.push(Some(child), around);
                }
            }
            _ => pending.enter(node, around),
        }
    }

    /// Handles `os.getenv("MODEL") or "…"`.
    fn alternatives<'n>(&mut self, node: Node<'n>, around: Around, pending: &mut Pending<'n>) {
        let value = self.value(node, 0);
        let is_default = value
            .as_ref()
            .is_some_and(|value| !value.variables.is_empty());
        if !is_default {
            pending.enter(node, around);
            return;
        }
        for read in descendants(node, |_| true) {
            self.reads_variable(read, true);
            self.calls(read, around);
        }
        self.add_text(value, around);
    }

    fn call<'n>(&mut self, node: Node<'n>, around: Around, pending: &mut Pending<'n>) {
        if let Some((name, default)) = self.variable_read(node) {
            let function = node.child_by_field_name("function");
            let function = function.map_or("", |function| self.words(function));
            if function.ends_with("setdefault") {
                self.uses.sets.insert(name.to_owned());
            }
            self.reads_variable(node, default.is_some());
            match self.value(node, 0).filter(|value| value.text.is_some()) {
                Some(value) => self.add_text(Some(value), around),
                None => pending.push(default, around),
            }
            return;
        }
        self.reads_header(node);
        self.calls(node, around);
        pending.enter(node, around);
    }

    /// Records a call of something known.
    fn calls(&mut self, node: Node<'_>, around: Around) {
        let function = Some(node)
            .filter(|node| node.kind() == "call")
            .and_then(|call| call.child_by_field_name("function"));
        if let Some(function) = function
            && let Some(callee) = self.object(function, 0)
        {
            let Around {
                texts: _,
                as_script,
                at_load,
                is_kept,
            } = around;
            self.uses.calls.push(Call {
                callee,
                arguments: self.arguments(node),
                span: function.byte_range(),
                as_script,
                at_load,
                is_kept,
            });
        }
    }

    fn add_text(&mut self, value: Option<Value>, around: Around) {
        let value = value.filter(|value| around.texts && value.text.is_some());
        self.uses.texts.extend(value);
    }

    /// Returns the text of a string without computed parts.
    fn plain(&self, node: Node<'_>) -> Option<&'t str> {
        let mut content = children(node).into_iter();
        let (start, content, end) = (content.next()?, content.next()?, content.next()?);
        let is_plain = node.kind() == "string"
            && content.kind() == "string_content"
            && end.kind() == "string_end"
            && !self.words(start).contains(['f', 'F', 'b', 'B']);
        is_plain.then(|| self.words(content))
    }

    /// Returns the arguments of a call, followed by the entries of dictionaries among them.
    fn arguments(&self, call: Node<'_>) -> Vec<Argument> {
        let list = call.child_by_field_name("arguments").map(children);
        let list: Vec<Node<'_>> = list.into_iter().flatten().collect();
        let given = list.iter().filter(|node| node.kind() != "comment");
        let mut arguments: Vec<Argument> = given
            .map(|node| match node.kind() {
                "keyword_argument" => Argument {
                    name: node
                        .child_by_field_name("name")
                        .map(|name| self.words(name).to_owned()),
                    value: node
                        .child_by_field_name("value")
                        .and_then(|value| self.value(value, 0)),
                },
                _ => Argument {
                    name: None,
                    value: self.value(*node, 0),
                },
            })
            .collect();
        for dictionary in list
            .iter()
            .filter_map(|node| node.child_by_field_name("value"))
            .filter(|value| value.kind() == "dictionary")
        {
            let within = descendants(dictionary, |node| {
                ["dictionary", "pair"].contains(&node.kind())
            });
            let pairs = within.into_iter();
            arguments.extend(
                pairs
                    .filter(|node| node.kind() == "pair")
                    .filter_map(|pair| {
                        let name = self.plain(pair.child_by_field_name("key")?)?;
                        let value = self.value(pair.child_by_field_name("value")?, 0)?;
                        Some(Argument {
                            name: Some(name.to_owned()),
                            value: Some(value),
                        })
                    }),
            );
        }
        arguments
    }

    /// Returns the object of an expression by its full name. Calls are written with their first
    /// text argument.
    fn object(&self, node: Node<'_>, depth: usize) -> Option<String> {
        if depth > DEEP_ENOUGH {
            return None;
        }
        let found = match node.kind() {
            "identifier" => self.named(self.words(node)),
            "attribute" => match self.named(self.words(node)) {
                Some(found) => Some(found),
                None => {
                    let object = self.object(node.child_by_field_name("object")?, depth + 1)?;
                    let name = self.words(node.child_by_field_name("attribute")?);
                    Some(format!("{object}.{name}"))
                }
            },
            "await" | "parenthesized_expression" => self.object(node.named_child(0)?, depth + 1),
            "call" => {
                let function = self.object(node.child_by_field_name("function")?, depth + 1)?;
                if function.starts_with("boto3.") && self.has_other_rights(node) {
                    return None;
                }
                let arguments = self.arguments(node);
                let first = arguments.iter().find(|argument| {
                    let name = argument.name.as_deref();
                    name.is_none() || name == Some("service_name")
                });
                let value = first.and_then(|first| first.value.as_ref());
                Some(match value.and_then(|value| value.text.as_ref()) {
                    Some(text) => format!("{function}({text:?})"),
                    None => format!("{function}()"),
                })
            }
            _ => None,
        };
        found.filter(|found| found.len() < LONG_ENOUGH)
    }

    fn named(&self, name: &str) -> Option<String> {
        match self.held.get(name) {
            Some(Held::Object(object)) => Some(object.clone()),
            Some(Held::Text(_) | Held::Unknown) => None,
            None => self.imported.get(name).cloned(),
        }
    }

    /// Returns true if a client or session uses another role, or an address other than AWS.
    fn has_other_rights(&self, call: Node<'_>) -> bool {
        const OTHERS: [&str; 6] = [
            "aws_access_key_id",
            "aws_secret_access_key",
            "aws_session_token",
            "botocore_session",
            "endpoint_url",
            "profile_name",
        ];
        let list = call.child_by_field_name("arguments").map(children);
        list.into_iter().flatten().any(|argument| {
            let name = argument.child_by_field_name("name");
            let name = name.map_or("", |name| self.words(name));
            argument.kind() == "dictionary_splat" || OTHERS.contains(&name)
        })
    }
}

impl Held {
    /// Returns true if two assignments have the same value, ignoring their positions.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => {
                (&one.text, &one.variables) == (&other.text, &other.variables)
            }
            _ => self == other,
        }
    }
}
