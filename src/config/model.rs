//! `models`: the models of Bedrock that an agent invokes.

use serde::Serialize;

use super::read::{Problems, Table};

/// A declared model.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Model {
    /// A foundation model by its ID, invoked in the agent's own region.
    Foundation(String),
    /// A cross-region inference profile: `us.anthropic.claude-…`.
    InferenceProfile { geography: String, model: String },
}

/// The geographies that an inference profile's ID can start with.
pub const GEOGRAPHIES: [&str; 7] = ["us", "eu", "jp", "apac", "au", "us-gov", "global"];

impl Model {
    /// Parses a model ID; returns `None` if it is an ARN, empty or has invalid characters.
    pub fn parse(text: &str) -> Option<Self> {
        let legal = |c: u8| c.is_ascii_alphanumeric() || b"-._:".contains(&c);
        if text.is_empty() || text.starts_with("arn:") || !text.bytes().all(legal) {
            return None;
        }
        if let Some((head, model)) = text.split_once('.')
            && GEOGRAPHIES.contains(&head)
            && !model.is_empty()
        {
            return Some(Self::InferenceProfile {
                geography: head.into(),
                model: model.into(),
            });
        }
        Some(Self::Foundation(text.to_owned()))
    }

    /// Returns what is wrong with an ID that Bedrock cannot have, because it has no provider, and
    /// what to do.
    pub fn doubt(&self) -> Option<(String, String)> {
        let Self::Foundation(id) = self else {
            return None;
        };
        if id.contains('.') {
            return None;
        }
        let is_profile = id.len() == 12 && id.bytes().all(|c| c.is_ascii_alphanumeric());
        let help = if is_profile {
            format!(
                "an application inference profile is a permission: `{{ inference-profile = \"{id}\" }}`"
            )
        } else {
            "an ID names the provider, such as `us.anthropic.claude-sonnet-4-6` or `amazon.nova-lite-v1:0`".to_owned()
        };
        Some((format!("`{id}` is not the ID of a Bedrock model"), help))
    }

    /// Returns the ID as in the manifest and in the agent's code.
    pub fn id(&self) -> String {
        match self {
            Self::Foundation(id) => id.clone(),
            Self::InferenceProfile { geography, model } => format!("{geography}.{model}"),
        }
    }
}

/// Takes the key `models`.
pub(super) fn read(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Vec<Model> {
    let mut models = Vec::new();
    for text in table.strings("models", problems).unwrap_or_default() {
        match Model::parse(text.get_ref()) {
            Some(model) => {
                if let Some((what, help)) = model.doubt() {
                    let warning = problems.message(text.span(), what, "").help(help);
                    problems.warn(warning);
                }
                models.push(model);
            }
            None => problems.at(
                text.span(),
                format!("invalid model ID `{}`", text.get_ref()),
                "expected an inference profile such as `us.anthropic.claude-sonnet-4-6` or a foundation model's ID, not an ARN",
            ),
        }
    }
    models
}
