//! The parameters of Python functions, and the arguments needed to create classes.

use tree_sitter::Node;

use super::{Construction, Function, children, words};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) annotation: Option<String>,
    pub(crate) has_default: bool,
    pub(crate) place: ParameterKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParameterKind {
    Positional,
    KeywordOnly,
    /// `*args`
    Rest,
    /// `**kwargs`
    Keywords,
}

impl Parameter {
    /// Returns whether a call without it fails.
    pub(crate) fn is_required(&self) -> bool {
        !self.has_default
            && matches!(
                self.place,
                ParameterKind::Positional | ParameterKind::KeywordOnly
            )
    }
}

/// How a handler takes the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passing {
    /// The payload's `prompt`.
    Prompt,
    Payload,
    PayloadAndContext,
}

/// Returns how `function` takes the request, or why it cannot.
pub(crate) fn passing(function: &Function) -> Result<Passing, String> {
    let mut parameters = function.parameters.iter();
    let Some(first) = parameters
        .next()
        .filter(|first| matches!(first.place, ParameterKind::Positional | ParameterKind::Rest))
    else {
        return Err("takes no argument, so it cannot receive the payload".to_owned());
    };
    let second = parameters.clone().next();
    let with_context = second.is_some_and(|second| {
        second.name == "context" && second.place == ParameterKind::Positional
    }) && first.place == ParameterKind::Positional;
    let missing: Vec<String> = parameters
        .filter(|parameter| parameter.is_required())
        .filter(|parameter| !(with_context && parameter.name == "context"))
        .map(|parameter| format!("`{}`", parameter.name))
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "needs {} besides its first argument, which a request does not provide",
            missing.join(", ")
        ));
    }
    Ok(if with_context {
        Passing::PayloadAndContext
    } else if takes_payload(first) {
        Passing::Payload
    } else {
        Passing::Prompt
    })
}

/// Returns whether a single parameter takes the whole payload rather than its prompt.
fn takes_payload(parameter: &Parameter) -> bool {
    const MAPPINGS: [&str; 4] = ["dict", "Dict", "Mapping", "MutableMapping"];
    match &parameter.annotation {
        Some(annotation) => {
            let head = annotation.split('[').next().unwrap_or(annotation).trim();
            let head = head.trim_matches(['"', '\'']);
            MAPPINGS.contains(&head.rsplit('.').next().unwrap_or(head))
                || annotation == "Any" && parameter.name == "payload"
        }
        None => ["payload", "event"].contains(&parameter.name.as_str()),
    }
}

/// Names of parameters for a request.
const REQUESTS: [&str; 28] = [
    "body",
    "content",
    "data",
    "event",
    "input",
    "input_data",
    "input_text",
    "inputs",
    "instruction",
    "message",
    "msg",
    "payload",
    "prompt",
    "q",
    "query",
    "question",
    "request",
    "task",
    "text",
    "topic",
    "user_input",
    "user_message",
    "user_prompt",
    "user_query",
    "user_question",
    "user_request",
    "user_text",
    "utterance",
];

/// Returns whether the first parameter has the name of a request.
pub(crate) fn takes_a_request(function: &Function) -> bool {
    function
        .parameters
        .first()
        .is_some_and(|first| REQUESTS.contains(&first.name.as_str()))
}

pub(super) fn parameters(function: Node<'_>, text: &str) -> Vec<Parameter> {
    let Some(list) = function.child_by_field_name("parameters") else {
        return Vec::new();
    };
    let mut place = ParameterKind::Positional;
    let mut found = Vec::new();
    for node in children(list) {
        match node.kind() {
            "keyword_separator" => place = ParameterKind::KeywordOnly,
            "positional_separator" | "comment" => {}
            _ => {
                let parameter = parameter(node, place, text);
                if parameter.place == ParameterKind::Rest {
                    place = ParameterKind::KeywordOnly;
                }
                found.push(parameter);
            }
        }
    }
    found
}

fn parameter(node: Node<'_>, place: ParameterKind, text: &str) -> Parameter {
    let pattern = match node.kind() {
        "typed_parameter" => node.named_child(0).unwrap_or(node),
        _ => node.child_by_field_name("name").unwrap_or(node),
    };
    Parameter {
        name: words(pattern, text).trim_start_matches('*').to_owned(),
        annotation: node
            .child_by_field_name("type")
            .map(|annotation| words(annotation, text).to_owned()),
        has_default: node.child_by_field_name("value").is_some(),
        place: match pattern.kind() {
            "list_splat_pattern" => ParameterKind::Rest,
            "dictionary_splat_pattern" => ParameterKind::Keywords,
            _ => place,
        },
    }
}

/// Base classes that make fields constructor arguments.
const FIELD_BASES: [&str; 3] = ["BaseModel", "NamedTuple", "TypedDict"];
const FIELD_DECORATORS: [&str; 5] = [
    "dataclass",
    "dataclasses.dataclass",
    "define",
    "attrs.define",
    "attr.s",
];

pub(super) fn construction(
    body: Node<'_>,
    decorators: &[String],
    bases: &[String],
    methods: &[Function],
    text: &str,
) -> Construction {
    let is = |name: &str| bases.iter().any(|base| base == name);
    if is("Protocol") {
        return Construction::Never("is a protocol");
    }
    if is("Enum") || is("StrEnum") || is("IntEnum") {
        return Construction::Never("is an enumeration");
    }
    let is_abstract = |method: &Function| {
        let mut decorators = method.decorators.iter();
        decorators.any(|word| word.ends_with("abstractmethod"))
    };
    if methods.iter().any(is_abstract) {
        return Construction::Never("is abstract");
    }
    if let Some(init) = methods.iter().rfind(|method| method.name == "__init__") {
        let needed = init.parameters.iter().filter(|p| p.is_required());
        return Construction::Needs(needed.map(|p| p.name.clone()).collect());
    }
    let has_fields = decorators
        .iter()
        .any(|word| FIELD_DECORATORS.contains(&word.as_str()))
        || FIELD_BASES.iter().any(|base| is(base));
    if has_fields {
        return Construction::Needs(required_fields(body, text));
    }
    Construction::Inherited
}

/// Returns the fields declared as `name: type` without a value.
fn required_fields(body: Node<'_>, text: &str) -> Vec<String> {
    children(body)
        .into_iter()
        .filter(|node| node.kind() == "expression_statement")
        .filter_map(|node| node.named_child(0))
        .filter(|node| node.kind() == "assignment")
        .filter_map(|assignment| {
            let annotation = words(assignment.child_by_field_name("type")?, text);
            let value = assignment
                .child_by_field_name("right")
                .map_or("", |value| words(value, text));
            let is_shared = annotation.contains("ClassVar");
            // `field(repr=False)` sets no value.
            let describes = value.split('(').next().is_some_and(|callee| {
                ["field", "dataclasses.field", "Field"].contains(&callee.trim())
            });
            let gives_default = value.contains("default") || value.contains("factory");
            let has_value = !value.is_empty() && (gives_default || !describes);
            let name = words(assignment.child_by_field_name("left")?, text);
            (!is_shared && !has_value).then(|| name.to_owned())
        })
        .collect()
}
