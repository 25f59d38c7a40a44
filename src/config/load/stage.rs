//! Stages, and the agents that they are declared for.

use super::declaration::Declaration;
use crate::{
    config::TableScope,
    error::{Failure, Message},
    names::{AgentName, StageName},
};

/// The stage whose settings apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// No stage: the runtime's name is the agent's.
    None,
    Named(StageName),
    /// The built-in stage of the emulator on this machine; names are as without a stage.
    Local,
}

impl Stage {
    /// Returns the name of a stage that the metadata declares.
    pub(super) fn name(&self) -> Option<&StageName> {
        match self {
            Self::Named(name) => Some(name),
            Self::None | Self::Local => None,
        }
    }
}

/// Fails if no table declares the stage.
pub(super) fn check_known(name: &StageName, declarations: &[Declaration]) -> Result<(), Failure> {
    let known: Vec<&StageName> = declarations
        .iter()
        .flat_map(|declaration| declaration.stages.keys())
        .collect();
    if known.contains(&name) {
        return Ok(());
    }
    let failure = Failure::config(format!("there is no stage `{name}` in the metadata"));
    if name.as_str() == "local" {
        return Err(failure.help("the emulator on this machine is reached with `--local`"));
    }
    if known.is_empty() {
        return Err(failure.help(format!(
            "add a table `[workspace.metadata.agentcore.stages.{name}]`"
        )));
    }
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    Err(failure.note(format!("the stages are {}", known.join(", "))))
}

/// Returns why the stage cannot be used with an agent of the declaration. Otherwise, the agent
/// would get the stage's name without its account and region.
pub(super) fn undeclared_for(
    stage: &StageName,
    agent: &AgentName,
    declaration: &Declaration,
    all: &[Declaration],
) -> Option<Message> {
    let declares = |found: &&Declaration| found.stages.contains_key(stage);
    let shared = all
        .iter()
        .filter(|found| found.scope == TableScope::Workspace);
    if shared.chain([declaration]).any(|found| declares(&found)) {
        return None;
    }
    let elsewhere: Vec<String> = all
        .iter()
        .filter(declares)
        .map(|found| format!("`{}`", found.manifest.display()))
        .collect();
    let message = Message::new(format!(
        "the stage `{stage}` is not declared for agent `{agent}`"
    ))
    .note(format!(
        "only the agents of {} have this stage",
        elsewhere.join(", ")
    ));
    Some(message.help(format!(
        "declare it for all agents in `[workspace.metadata.agentcore.stages.{stage}]`, or for these in `[package.metadata.agentcore.stages.{stage}]`"
    )))
}
