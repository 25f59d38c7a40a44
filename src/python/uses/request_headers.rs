//! Request headers that the code reads.

use tree_sitter::Node;

use super::Reader;
use crate::python::{code::Word, syntax::descendants};

impl Reader<'_> {
    pub(super) fn reads_header(&mut self, node: Node<'_>) {
        if !self.has_headers {
            return;
        }
        let parts = || {
            if node.kind() == "subscript" {
                let object = node.child_by_field_name("value")?;
                return Some((object, node.child_by_field_name("subscript")?));
            }
            let function = node.child_by_field_name("function")?;
            let method = function.child_by_field_name("attribute")?;
            let object = function.child_by_field_name("object")?;
            let name = node.child_by_field_name("arguments")?.named_child(0)?;
            (self.words(method) == "get").then_some((object, name))
        };
        let Some((object, name)) = parts() else {
            return;
        };
        let holds = self.header_names.contains(self.words(object)) || self.holds_headers(object);
        if let Some(text) = self.plain(name).filter(|_| holds) {
            self.uses.headers.push(Word {
                text: text.to_owned(),
                span: name.byte_range(),
            });
        }
    }

    pub(super) fn holds_headers(&self, node: Node<'_>) -> bool {
        const SHORT: usize = 80;
        let words = self.words(node);
        let ends = ["request_headers", "request.headers"];
        words.len() < SHORT
            && !words.contains(".get(")
            && !words.contains('[')
            && ends.iter().any(|end| words.contains(end))
    }

    /// Recognizes a parameter that FastAPI fills from a header: `trace: str = Header()`, or in
    /// `Annotated`.
    pub(super) fn takes_header(&mut self, parameter: Node<'_>) {
        if !self.has_headers {
            return;
        }
        let name = match parameter.kind() {
            "typed_parameter" => parameter.named_child(0),
            _ => parameter.child_by_field_name("name"),
        };
        let Some(name) = name.filter(|name| name.kind() == "identifier") else {
            return;
        };
        let places = [
            parameter.child_by_field_name("value"),
            parameter.child_by_field_name("type"),
        ];
        let calls = places
            .into_iter()
            .flatten()
            .flat_map(|place| descendants(place, |node| node.kind() != "lambda"))
            .filter(|node| node.kind() == "call");
        for call in calls {
            let function = call.child_by_field_name("function");
            let callee = function.and_then(|function| self.object(function, 0));
            let is_header = callee.is_some_and(|callee| {
                ["fastapi.Header", "fastapi.params.Header"].contains(&callee.as_str())
            });
            if !is_header {
                continue;
            }
            let argument = |wanted: &str| {
                self.arguments(call)
                    .into_iter()
                    .find(|argument| argument.name.as_deref() == Some(wanted))
            };
            let alias = argument("alias").and_then(|alias| alias.value?.text);
            let keeps = argument("convert_underscores").is_some();
            let word = self.words(name);
            let text = match alias {
                Some(alias) => alias,
                None if keeps => word.to_owned(),
                None => word.replace('_', "-"),
            };
            self.uses.headers.push(Word {
                text,
                span: name.byte_range(),
            });
            return;
        }
    }
}
