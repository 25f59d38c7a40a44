//! What expressions stand for, as far as that can be read.

use tree_sitter::Node;

use super::{Reader, Value};
use crate::scaffold::adopt::module::{children, words};

impl Reader<'_> {
    /// Returns the full name of an expression: `uvicorn.run`, or `Class()` for a call's result.
    pub(super) fn full_name(&self, node: Node<'_>) -> String {
        if !self.enter() {
            return "?".to_owned();
        }
        let name = self.name_of(node);
        self.leave();
        name
    }

    fn name_of(&self, node: Node<'_>) -> String {
        match node.kind() {
            "identifier" => {
                let name = words(node, self.text);
                let held = self.code.holds.get(name);
                held.or_else(|| self.imported.get(name))
                    .cloned()
                    .unwrap_or_else(|| name.to_owned())
            }
            "attribute" => {
                let object = node
                    .child_by_field_name("object")
                    .map_or_else(String::new, |object| self.full_name(object));
                let name = node
                    .child_by_field_name("attribute")
                    .map_or("", |name| words(name, self.text));
                format!("{object}.{name}")
            }
            "call" => {
                let function = node
                    .child_by_field_name("function")
                    .map_or_else(String::new, |function| self.full_name(function));
                format!("{function}()")
            }
            "await" | "parenthesized_expression" => node
                .named_child(0)
                .map_or_else(String::new, |inner| self.full_name(inner)),
            _ => "?".to_owned(),
        }
    }

    pub(super) fn value(&self, node: Node<'_>) -> Value {
        if !self.enter() {
            return Value::Unknown;
        }
        let value = self.value_of(node);
        self.leave();
        value
    }

    fn value_of(&self, node: Node<'_>) -> Value {
        match node.kind() {
            "string" => literal(node, self.text).map_or(Value::Unknown, Value::Known),
            "integer" | "true" | "false" => Value::Known(words(node, self.text).to_owned()),
            "identifier" => {
                let name = words(node, self.text);
                match self.constants.get(name) {
                    Some(literal) => Value::Known(literal.clone()),
                    None => Value::Named(self.full_name(node)),
                }
            }
            "call" => self.called_value(node),
            "attribute" | "await" | "parenthesized_expression" => {
                Value::Named(self.full_name(node))
            }
            // `os.environ.get("PORT") or 8080`
            "boolean_operator" if words(node, self.text).contains(" or ") => node
                .child_by_field_name("right")
                .map_or(Value::Unknown, |right| self.value(right)),
            _ => Value::Unknown,
        }
    }

    /// Returns the value of a call: a conversion's argument, or an environment variable's default.
    fn called_value(&self, node: Node<'_>) -> Value {
        let name = self.full_name(node);
        let first = |index: usize| {
            let list = node.child_by_field_name("arguments")?;
            let argument = children(list).into_iter().nth(index)?;
            Some(self.value(argument))
        };
        match name.as_str() {
            "int()" | "str()" => first(0).unwrap_or(Value::Unknown),
            "os.environ.get()" | "os.getenv()" | "environ.get()" | "getenv()" => {
                first(1).unwrap_or(Value::Unknown)
            }
            _ => Value::Named(name),
        }
    }
}

/// Returns the content of a string literal, or `None` if parts of it are computed.
pub(super) fn literal(node: Node<'_>, text: &str) -> Option<String> {
    let parts = children(node);
    if parts.iter().any(|part| part.kind() == "interpolation") {
        return None;
    }
    Some(
        parts
            .into_iter()
            .filter(|part| part.kind() == "string_content")
            .map(|part| words(part, text))
            .collect(),
    )
}
