//! Agents that hide modules of Python itself.

use crate::{
    config::{Agent, Language},
    error::Message,
    python::standard::is_standard,
};

/// Returns a warning if the agent's package hides a module of Python's standard library. Only a
/// warning, because not every module is needed at startup.
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
