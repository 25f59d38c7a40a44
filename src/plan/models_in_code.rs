//! Models that an agent's code or variables name and its role would not let it invoke.
//!
//! The role follows `models` in Cargo.toml, the code names its model itself: a deployed agent whose two
//! differ is denied by Bedrock, late and in other words. A hint, never a reason to refuse: code may hold
//! names that it does not use.

use std::{collections::BTreeSet, ops::Range, path::PathBuf};

use crate::{
    config::{Agent, Model, RoleSettings},
    error::{Message, Snippet},
};

/// What the ids of Bedrock's models begin with, after a geography.
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

/// A Python file that is shipped.
pub(crate) struct CodeFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// One message for each model that is named and not declared.
pub(crate) fn undeclared(agent: &Agent, files: &[CodeFile]) -> Vec<Message> {
    // The permissions of a role that the user brings are not known here.
    if matches!(agent.role, RoleSettings::Given { .. }) {
        return Vec::new();
    }
    let mut told: BTreeSet<Model> = agent.models.iter().cloned().collect();
    let mut found = Vec::new();
    for (key, value) in &agent.env {
        if let Some(model) = model(value)
            && told.insert(model)
        {
            found.push(help(
                Message::new(format!(
                    "the variable `{key}` of agent `{}` names the model `{value}`, which `models` does not",
                    agent.name
                )),
                value,
            ));
        }
    }
    for file in files {
        for (span, id, line) in literals(&file.text) {
            // A default that one of the agent's variables replaces is not used.
            let replaced = agent
                .env
                .keys()
                .any(|key| strings(line).any(|(_, text)| text == key));
            let Some(model) = model(id).filter(|_| !replaced) else {
                continue;
            };
            if told.insert(model) {
                let what = format!(
                    "the code of agent `{}` names the model `{id}`, which `models` does not",
                    agent.name
                );
                let at = Snippet {
                    file: file.path.clone(),
                    text: file.text.clone(),
                    span,
                    label: String::new(),
                };
                found.push(help(Message::new(what).at(at), id));
            }
        }
    }
    found
}

fn help(message: Message, id: &str) -> Message {
    message
        .note("the execution role allows the models of `models` and no others")
        .help(format!("add `\"{id}\"` to `models` of the agent in Cargo.toml, or name the same model in both places"))
}

/// A model's id, rather than any text with a dot in it.
fn model(text: &str) -> Option<Model> {
    let model = Model::parse(text)?;
    let (Model::Foundation(id) | Model::InferenceProfile { model: id, .. }) = &model;
    let (provider, name) = id.split_once('.')?;
    let versioned = name.contains('-') && name.starts_with(|c: char| c.is_ascii_lowercase());
    (versioned && PROVIDERS.contains(&provider)).then_some(model)
}

/// The strings of the lines that are no comments: where, what, and in which line.
fn literals(text: &str) -> impl Iterator<Item = (Range<usize>, &str, &str)> {
    let mut start = 0;
    let lines = text.split_inclusive('\n').map(move |line| {
        let at = start;
        start += line.len();
        (at, line)
    });
    lines
        .filter(|(_, line)| !line.trim_start().starts_with('#'))
        .flat_map(|(at, line)| {
            strings(line).map(move |(from, text)| (at + from..at + from + text.len(), text, line))
        })
}

/// What stands between two quotes of a kind.
fn strings(line: &str) -> impl Iterator<Item = (usize, &str)> {
    ['"', '\''].into_iter().flat_map(move |quote| {
        let mut start = 0;
        line.split(quote)
            .enumerate()
            .filter_map(move |(part, text)| {
                let at = start;
                start += text.len() + 1;
                (part % 2 == 1).then_some((at, text))
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Manifest, Stage, load};

    fn agent(keys: &str) -> Agent {
        let text = format!(
            "[workspace.metadata.agentcore]\nproject = \"x\"\n[workspace.metadata.agentcore.agents.a]\n{keys}\n"
        );
        let manifest = Manifest {
            path: "/real/fake/Cargo.toml".into(),
            text,
        };
        load(&[manifest], &Stage::None).unwrap().agents.remove(0)
    }

    /// What is told about this code: the marked characters.
    fn told(keys: &str, code: &str) -> Vec<String> {
        let file = CodeFile {
            path: "a/agent.py".into(),
            text: code.to_owned(),
        };
        undeclared(&agent(keys), &[file])
            .into_iter()
            .map(|message| {
                let at = message.at.map(|at| code[at.span].to_owned());
                at.unwrap_or(message.what)
            })
            .collect()
    }

    #[test]
    fn a_model_that_only_the_code_names_is_told_once_with_its_place() {
        let code = "# \"us.anthropic.claude-1\"\nMODEL = os.environ.get('M') or \"us.anthropic.claude-2\"\nAGAIN = 'us.anthropic.claude-2'\nBARE = \"amazon.nova-pro-v1:0\"\n";
        let undeclared = ["us.anthropic.claude-2", "amazon.nova-pro-v1:0"];
        assert_eq!(told("", code), undeclared);
        assert_eq!(
            told("models = [\"us.anthropic.claude-2\"]", code),
            ["amazon.nova-pro-v1:0"]
        );
        // Another geography is another profile, which the role does not know.
        let other = "models = [\"eu.anthropic.claude-2\", \"amazon.nova-pro-v1:0\"]";
        assert_eq!(told(other, code), ["us.anthropic.claude-2"]);
    }

    #[test]
    fn a_default_that_a_variable_replaces_is_left_alone_and_the_variable_is_looked_at() {
        let code = "MODEL = os.environ.get(\"M\") or \"us.anthropic.claude-2\"\n";
        let keys = "models = [\"eu.anthropic.claude-2\"]\nenv = { M = \"eu.anthropic.claude-2\" }";
        assert_eq!(told(keys, code), Vec::<String>::new());
        let keys = "env = { M = \"eu.anthropic.claude-2\" }";
        assert_eq!(
            told(keys, code),
            [
                "the variable `M` of agent `a` names the model `eu.anthropic.claude-2`, which `models` does not"
            ]
        );
    }

    #[test]
    fn other_words_are_no_models_and_a_brought_role_is_not_judged() {
        let code = "from x import y\na = \"amazon.com\"\nb = 'openai.types'\nc = \"it's anthropic.claude-2 here\"\nd = \"google.Cloud-x\"\n";
        assert_eq!(told("", code), Vec::<String>::new());
        let given = "role = { arn = \"arn:aws:iam::123456789012:role/ours\" }";
        assert_eq!(
            told(given, "m = \"us.anthropic.claude-2\"\n"),
            Vec::<String>::new()
        );
    }
}
