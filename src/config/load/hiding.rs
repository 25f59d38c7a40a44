//! Agents that get in the way of Python itself.

use crate::{
    config::{Agent, Language},
    error::Message,
    python::standard::is_standard,
};

/// A warning where the agent's package hides a module that Python's own code imports: mostly it cannot
/// start then, but nobody knows which of them it needs.
pub(super) fn python(agent: &Agent) -> Option<Message> {
    let hides = agent.language == Language::Python && is_standard(agent.name.as_str());
    hides.then(|| {
        Message::new(format!(
            "the package of agent `{}` hides the module of that name in Python's standard library",
            agent.name
        ))
        .note("whatever imports that module gets the agent instead, and mostly fails")
        .help("give the agent another name; its runtime is another one then")
    })
}
