//! The models that the code names.

use std::{collections::BTreeMap, ops::Range};

use super::{At, Code};
use crate::{config::Model, python::Call};

/// The first part of Bedrock model IDs, after an optional geography.
const PROVIDERS: [&str; 16] = [
    "ai21",
    "amazon",
    "anthropic",
    "cohere",
    "deepseek",
    "google",
    "luma",
    "meta",
    "minimax",
    "mistral",
    "moonshot",
    "nvidia",
    "openai",
    "qwen",
    "twelvelabs",
    "writer",
];

/// The default model of current Strands versions.
const STRANDS: &str = "global.anthropic.claude-sonnet-4-6";

/// A model and how it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    Code(Model),
    /// In a settings file.
    Settings(Model),
    /// A framework's default.
    Default(Model),
}

impl Named {
    pub(crate) fn model(&self) -> &Model {
        match self {
            Self::Code(model) | Self::Settings(model) | Self::Default(model) => model,
        }
    }
}

/// Returns each model once, at its first position.
pub(super) fn named(code: &Code<'_>, env: &BTreeMap<String, String>) -> Vec<At<Named>> {
    let mut found: Vec<At<Named>> = Vec::new();
    let mut add = |it: Named, file: &str, span: &Range<usize>| {
        if !found.iter().any(|found| found.it.model() == it.model()) {
            found.push(At {
                it,
                file: file.to_owned(),
                span: span.clone(),
            });
        }
    };
    for (file, uses) in code.uses() {
        for value in &uses.texts {
            // A default that a variable in the table replaces is not used; the variable's own value
            // is checked instead.
            let is_replaced = value.variables.iter().any(|name| env.contains_key(name));
            let text = value.text.as_deref().filter(|_| !is_replaced);
            if let Some(model) = text.and_then(read) {
                add(Named::Code(model), file, &value.span);
            }
        }
    }
    for (file, text) in &code.settings {
        for (span, word) in words(text) {
            if let Some(model) = read(word) {
                add(Named::Settings(model), file, &span);
            }
        }
    }
    if found.is_empty() && env.values().all(|value| read(value).is_none()) {
        let mut calls = code
            .uses()
            .flat_map(|(file, uses)| uses.calls.iter().map(move |call| (file, call)));
        let default = calls.find(|(file, call)| takes_default(call, *file == code.entrypoint));
        if let (Some((file, call)), Some(model)) = (default, Model::parse(STRANDS)) {
            found.push(At {
                it: Named::Default(model),
                file: file.to_owned(),
                span: call.span.clone(),
            });
        }
    }
    found
}

/// Returns true if the call creates a Strands agent without naming a model.
fn takes_default(call: &Call, is_script: bool) -> bool {
    let given = match call.callee.as_str() {
        "strands.Agent" | "strands.agent.Agent" => "model",
        "strands.models.BedrockModel" | "strands.models.bedrock.BedrockModel" => "model_id",
        _ => return false,
    };
    // A positional argument may be the model.
    let says_none = call.arguments.iter().all(|argument| {
        let name = argument.name.as_deref();
        name.is_some_and(|name| name != given)
    });
    says_none && (is_script || !call.as_script)
}

/// Parses a model's ID, its ARN, or the form that LiteLLM and LangChain use.
pub(super) fn read(text: &str) -> Option<Model> {
    let prefixes = [
        "bedrock:",
        "bedrock_converse:",
        "bedrock/converse/",
        "bedrock/",
        "bedrock_converse/",
        "aws_bedrock:",
        "aws_bedrock/",
    ];
    let is_arn = text.starts_with("arn:") && text.contains(":bedrock:");
    let id = if is_arn {
        text.rsplit('/').next()?
    } else {
        let bare = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix));
        bare.unwrap_or(text)
    };
    let model = Model::parse(id)?;
    let (Model::Foundation(id) | Model::InferenceProfile { model: id, .. }) = &model;
    let (provider, name) = id.split_once('.')?;
    // Rejects ordinary text with a dot in it.
    let is_versioned = name.contains('-') && name.starts_with(|c: char| c.is_ascii_lowercase());
    let is_file = [".py", ".json", ".yaml", ".yml", ".txt", ".md", ".com"]
        .iter()
        .any(|ending| name.ends_with(ending));
    (is_versioned && !is_file && PROVIDERS.contains(&provider)).then_some(model)
}

/// Returns the words of a settings file, without its comments.
fn words(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    let mut start = 0;
    text.split_inclusive('\n').flat_map(move |line| {
        let at = start;
        start += line.len();
        let is_comment = line.trim_start().starts_with('#');
        let kept = line.split(" #").next().unwrap_or(line);
        let kept = if is_comment { "" } else { kept };
        let ends = |c: char| c.is_ascii_whitespace() || "\"',[]{}".contains(c);
        let mut from = at;
        kept.split(ends).filter_map(move |word| {
            let place = from..from + word.len();
            from = place.end + 1;
            (!word.is_empty()).then_some((place, word))
        })
    })
}
