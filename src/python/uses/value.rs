//! Texts that are known without running the code.

use std::{collections::BTreeMap, ops::Range};

use tree_sitter::Node;

use super::{DEEP_ENOUGH, Held, Reader};
use crate::python::syntax::children;

/// The longest text that is recorded; longer texts are not names. Without a limit, a few lines of
/// code could fill the memory.
pub(super) const LONG_ENOUGH: usize = 2048;

/// A text, or the environment variable that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    /// The text if no variable replaces it; `None` if only the variable has a value.
    pub(crate) text: Option<String>,
    /// The environment variables that replace it; the first one that is set is used.
    pub(crate) variables: Vec<String>,
    /// True if a variable replaces only a part of it.
    is_joined: bool,
    pub(crate) span: Range<usize>,
}

impl Value {
    /// Returns the text with these variables; `None` if it is only known at run time.
    pub(crate) fn under<'v>(&'v self, env: &'v BTreeMap<String, String>) -> Option<&'v str> {
        let mut set = self.variables.iter().filter_map(|name| env.get(name));
        match set.next() {
            None => self.text.as_deref(),
            Some(_) if self.is_joined => None,
            Some(text) => Some(text),
        }
    }
}

impl Reader<'_> {
    pub(super) fn value(&self, node: Node<'_>, depth: usize) -> Option<Value> {
        if depth > DEEP_ENOUGH {
            return None;
        }
        let value = match node.kind() {
            "string" => self.string(node, depth)?,
            "concatenated_string" => self.joined(&children(node), node, depth)?,
            "binary_operator" => {
                let operator = node.child_by_field_name("operator")?;
                let sides = [
                    node.child_by_field_name("left")?,
                    node.child_by_field_name("right")?,
                ];
                if self.words(operator) != "+" {
                    return None;
                }
                self.joined(&sides, node, depth)?
            }
            "parenthesized_expression" => self.value(node.named_child(0)?, depth + 1)?,
            "identifier" | "attribute" => match self.held.get(self.words(node)) {
                Some(Held::Text(value)) => value.clone(),
                _ => return None,
            },
            "boolean_operator" => self.either(node, depth)?,
            "call" | "subscript" => {
                let (name, default) = self.variable_read(node)?;
                let default = match default {
                    Some(default) => self.value(default, depth + 1)?,
                    None => Value {
                        text: None,
                        variables: Vec::new(),
                        is_joined: false,
                        span: node.byte_range(),
                    },
                };
                before(vec![name.to_owned()], default)?
            }
            _ => return None,
        };
        let length = value.text.as_ref().map_or(0, String::len);
        (length < LONG_ENOUGH && value.variables.len() <= DEEP_ENOUGH).then_some(value)
    }

    /// Evaluates `a or b` with a variable on the left side.
    fn either(&self, node: Node<'_>, depth: usize) -> Option<Value> {
        let operator = node.child_by_field_name("operator")?;
        let left = self.value(node.child_by_field_name("left")?, depth + 1)?;
        if self.words(operator) != "or" || left.text.is_some() || left.is_joined {
            return None;
        }
        let right = self.value(node.child_by_field_name("right")?, depth + 1)?;
        before(left.variables, right)
    }

    fn joined(&self, parts: &[Node<'_>], whole: Node<'_>, depth: usize) -> Option<Value> {
        let mut joined = Value {
            text: Some(String::new()),
            variables: Vec::new(),
            is_joined: true,
            span: whole.byte_range(),
        };
        for part in parts {
            let part = self.value(*part, depth + 1)?;
            joined.add(&part);
        }
        Some(joined)
    }

    fn string(&self, node: Node<'_>, depth: usize) -> Option<Value> {
        let mut span = node.byte_range();
        let mut string = Value {
            text: Some(String::new()),
            variables: Vec::new(),
            is_joined: true,
            span: 0..0,
        };
        for part in children(node) {
            match part.kind() {
                "string_start" => span.start = part.end_byte(),
                "string_end" => span.end = part.start_byte(),
                "interpolation" => {
                    let part = self.value(part.named_child(0)?, depth + 1)?;
                    string.add(&part);
                }
                _ => {
                    if let Some(text) = &mut string.text {
                        text.push_str(self.words(part));
                    }
                }
            }
        }
        Some(Value { span, ..string })
    }
}

impl Value {
    fn add(&mut self, part: &Self) {
        let text = self.text.take().zip(part.text.as_ref());
        self.text = text.map(|(text, part)| text + part);
        self.variables.extend(part.variables.iter().cloned());
    }
}

/// Returns the value with variables that replace it.
fn before(mut variables: Vec<String>, value: Value) -> Option<Value> {
    // A variable cannot replace the whole if another already replaces a part.
    if value.is_joined && !value.variables.is_empty() {
        return None;
    }
    variables.extend(value.variables);
    Some(Value {
        variables,
        is_joined: false,
        ..value
    })
}
