//! Agents that get in the way of Python itself.

use crate::{
    config::{Agent, Language},
    error::Message,
    python::standard::is_standard,
};

/// A warning where the agent's package hides a module that Python's own code imports: mostly it cannot
/// start then, but nobody knows which of them it needs.
pub(super) fn python(agent: &Agent) -> Option<Message> {
    let name = agent.layout.import_name()?;
    let hides = agent.language == Language::Python && is_standard(name.as_str());
    hides.then(|| {
        Message::new(format!(
            "the package `{name}` of agent `{}` hides the module of that name in Python's standard library",
            agent.name
        ))
        .note("code that imports that module gets the agent's package instead, and usually fails")
        .help("give the package another name with `import-name`, and import it by that name")
    })
}
