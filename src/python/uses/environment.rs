//! Environment variables that the code reads.

use tree_sitter::Node;

use super::{Reader, call::Variable};
use crate::python::syntax::children;

impl<'t> Reader<'t> {
    pub(super) fn reads_variable(&mut self, node: Node<'_>, has_default: bool) {
        if let Some((name, default)) = self.variable_read(node) {
            self.uses.variables.push(Variable {
                name: name.to_owned(),
                span: node.byte_range(),
                has_default: has_default || default.is_some(),
            });
        }
    }

    /// Returns the environment variable that an expression reads, and its default.
    pub(super) fn variable_read<'n>(&self, node: Node<'n>) -> Option<(&'t str, Option<Node<'n>>)> {
        match node.kind() {
            _ if !self.has_variables => None,
            "subscript" => {
                let object = node.child_by_field_name("value")?;
                let name = node.child_by_field_name("subscript")?;
                let name = self.is_environment(object).then(|| self.plain(name));
                Some((name??, None))
            }
            "call" => {
                let function = node.child_by_field_name("function")?;
                let reads = match function.kind() {
                    "attribute" => {
                        let object = function.child_by_field_name("object")?;
                        let method = self.words(function.child_by_field_name("attribute")?);
                        method == "getenv" && self.words(object) == "os"
                            || ["get", "pop", "setdefault"].contains(&method)
                                && self.is_environment(object)
                    }
                    _ => self
                        .imported
                        .get(self.words(function))
                        .is_some_and(|f| f == "os.getenv"),
                };
                if !reads {
                    return None;
                }
                let arguments = children(node.child_by_field_name("arguments")?);
                let default = arguments.get(1).map(|default| {
                    let value = default.child_by_field_name("value");
                    value
                        .filter(|_| default.kind() == "keyword_argument")
                        .unwrap_or(*default)
                });
                let name = self.plain(*arguments.first()?)?;
                Some((name, default.filter(|default| default.kind() != "none")))
            }
            _ => None,
        }
    }

    fn is_environment(&self, object: Node<'_>) -> bool {
        let words = self.words(object);
        words == "os.environ"
            || self
                .imported
                .get(words)
                .is_some_and(|it| it == "os.environ")
    }
}
