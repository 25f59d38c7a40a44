//! Warns about uses in the code that the agent's table does not allow. Never an error.

use std::path::PathBuf;

use super::{
    At, Code,
    models::{self, Named},
    needs::{self, Need},
};
use crate::{
    config::{Agent, RoleSettings},
    error::{Message, Snippet},
};

/// Returns one message per finding. `origin` maps a file in the archive to its source.
pub(crate) fn warnings(
    agent: &Agent,
    code: &Code<'_>,
    origin: &dyn Fn(&str) -> PathBuf,
) -> Vec<Message> {
    let mut found = Vec::new();
    // The permissions of a role that the user provides are unknown here.
    if let RoleSettings::Managed { policies, .. } = &agent.role {
        found.extend(of_variables(agent));
        if policies.is_empty() {
            found.extend(of_models(agent, code, origin));
            found.extend(of_permissions(agent, code, origin));
        }
    }
    found.extend(of_headers(agent, code, origin));
    found
}

/// Returns the position for a message.
pub(super) fn snippet<T>(code: &Code<'_>, at: &At<T>, origin: &dyn Fn(&str) -> PathBuf) -> Snippet {
    let text = match code.settings.get(&at.file) {
        Some(text) => text,
        None => &code.program[&at.file].text,
    };
    Snippet {
        file: origin(&at.file),
        text: text.clone(),
        span: at.span.clone(),
        label: String::new(),
    }
}

const MODELS: &str = "the execution role allows only the models that `models` lists";

fn add_model(message: Message, id: &str) -> Message {
    message.note(MODELS).help(format!(
        "add `\"{id}\"` to `models` of the agent in Cargo.toml, or name the same model in both places"
    ))
}

fn of_variables(agent: &Agent) -> impl Iterator<Item = Message> {
    agent.env.iter().filter_map(|(key, value)| {
        let model = models::read(value)?;
        let what = format!(
            "the variable `{key}` of agent `{}` names the model `{value}`, which `models` does not list",
            agent.name
        );
        let id = model.id();
        (!agent.models.contains(&model)).then(|| add_model(Message::new(what), &id))
    })
}

fn of_models(agent: &Agent, code: &Code<'_>, origin: &dyn Fn(&str) -> PathBuf) -> Vec<Message> {
    let named = models::named(code, &agent.env);
    let undeclared = named
        .iter()
        .filter(|at| !agent.models.contains(at.it.model()));
    undeclared
        .filter_map(|at| {
            let (name, id) = (&agent.name, at.it.model().id());
            let message = match &at.it {
                Named::Code(_) => Message::new(format!(
                    "the code of agent `{name}` names the model `{id}`, which `models` does not list"
                )),
                Named::Settings(_) => Message::new(format!(
                    "a file of agent `{name}` names the model `{id}`, which `models` does not list"
                )),
                // A declared model may be an older version's default.
                Named::Default(_) if !agent.models.is_empty() => return None,
                Named::Default(_) => {
                    let message = Message::new(format!(
                        "the code of agent `{name}` uses the default model of Strands, and `models` lists none"
                    ));
                    return Some(message.at(snippet(code, at, origin)).note(MODELS).help(format!(
                        "add `\"{id}\"` to `models` of the agent in Cargo.toml, and pass `model=\"{id}\"` so that both stay the same"
                    )));
                }
            };
            Some(add_model(message.at(snippet(code, at, origin)), &id))
        })
        .collect()
}

fn of_permissions(
    agent: &Agent,
    code: &Code<'_>,
    origin: &dyn Fn(&str) -> PathBuf,
) -> Vec<Message> {
    let needed = needs::needed(code, &agent.env);
    let denied = needed
        .iter()
        .filter(|at| !needs::may_be_allowed(agent, &at.it));
    denied
        .map(|at| {
            let need: &Need = &at.it;
            let message = Message::new(format!(
                "the code of agent `{}` uses {}, which `permissions` does not allow",
                agent.name,
                need.what()
            ));
            message
                .at(snippet(code, at, origin))
                .note("the execution role allows only what `permissions` lists")
                .help(format!(
                    "add `{}` to `permissions` of the agent in Cargo.toml",
                    need.entry()
                ))
        })
        .collect()
}

fn of_headers(agent: &Agent, code: &Code<'_>, origin: &dyn Fn(&str) -> PathBuf) -> Vec<Message> {
    let read = code.headers().into_iter();
    read.filter(|at| {
        let mut allowed = agent.header_allowlist.iter();
        !allowed.any(|name| name.eq_ignore_ascii_case(&at.it))
    })
    .map(|at| {
        let message = Message::new(format!(
            "the code of agent `{}` reads the header `{}`, which `header-allowlist` does not list",
            agent.name, at.it
        ));
        message
            .at(snippet(code, &at, origin))
            .note("the service passes on only the headers that the table lists")
            .help(format!(
                "add `\"{}\"` to `header-allowlist` of the agent in Cargo.toml",
                at.it
            ))
    })
    .collect()
}
