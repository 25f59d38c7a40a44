//! Turns the texts of manifests into the agents of one stage.

mod collisions;
mod declaration;
mod declared;
mod hiding;
mod refusal;
mod resolve;
mod resources;
mod stage;

use std::{collections::BTreeMap, ops::Range, path::PathBuf};

pub(crate) use self::declaration::declared_projects;
pub(crate) use self::resolve::default_role;
pub use self::stage::Stage;
use self::{
    declaration::{Declaration, Reading},
    resolve::Unresolved,
};
use super::{
    Config, TableScope,
    agent::AgentTable,
    read::Problems,
    rust::CargoPackage,
    variable::{self, Size},
};
use crate::{
    error::{Exit, Failure, Message},
    names::AgentName,
};

/// A Cargo.toml and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub path: PathBuf,
    pub text: String,
    /// The workspace's packages; only for the root's manifest.
    pub packages: Vec<CargoPackage>,
}

impl Manifest {
    /// Returns a manifest without packages.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
            packages: Vec::new(),
        }
    }
}

/// Reads the manifests of one workspace, starting with the root's.
pub fn load(manifests: &[Manifest], stage: &Stage) -> Result<Config, Failure> {
    let config = load_with(manifests, stage, &[])?;
    if config.agents.is_empty() {
        return Err(none_declared(manifests).help(DECLARE));
    }
    Ok(config)
}

/// Like [`load`], with additional agents that are no longer declared, with the settings of the
/// other layers. The result may have no agents.
pub(crate) fn load_with(
    manifests: &[Manifest],
    stage: &Stage,
    former: &[AgentName],
) -> Result<Config, Failure> {
    let Reading {
        declarations,
        mut found,
        notes,
        mut warnings,
        whole,
    } = declaration::read(manifests);
    let workspace = declarations
        .iter()
        .find(|found| found.scope == TableScope::Workspace);
    let faulty = !found.is_empty();
    let mut claims = collisions::Claims::default();
    found.extend(claims.of_tables(&declarations, stage));
    if faulty {
        // Settings in an invalid file must not be reported as missing.
        if whole {
            found.extend(without_project(&declarations, workspace, manifests));
        }
        return Err(invalid(found, manifests));
    }
    if declarations.is_empty() {
        return Err(no_metadata(manifests));
    }
    let named = stage.name();
    if let Some(name) = named {
        stage::check_known(name, &declarations)?;
    }
    let resources = resources::of(&declarations, workspace, stage, manifests, &mut found);
    let mut agents = Vec::new();
    let mut refused = BTreeMap::new();
    let mut unstaged = BTreeMap::new();
    for declaration in &declarations {
        for table in &declaration.agents {
            match resolve::agent(table, declaration, workspace, stage, &resources) {
                Ok(agent) => {
                    let told = |what| too_large(what, declaration, table, manifests);
                    match Size::of(agent.name.as_str(), &agent.env, agent.platform) {
                        Size::Fits => {}
                        Size::FitsV1(what) => warnings.push(told(what)),
                        Size::Exceeds(what) => found.push(told(what)),
                    }
                    warnings.extend(
                        hiding::python(&agent)
                            .map(|message| pointed(message, declaration, table, manifests)),
                    );
                    agents.push(agent);
                }
                Err(why) => found.push(blamed(why, declaration, table, manifests)),
            }
            if let Some(message) = refusal::of(table, declaration, manifests) {
                refused.insert(table.name.clone(), message);
            }
            let without = named
                .and_then(|stage| {
                    stage::undeclared_for(stage, &table.name, declaration, &declarations)
                })
                .map(|message| pointed(message, declaration, table, manifests));
            unstaged.extend(without.map(|message| (table.name.clone(), message)));
        }
    }
    found.extend(claims.of_roles(&agents));
    let declared = declared::among(&agents, &declarations, resources.clone());
    // An agent that is not declared cannot conflict with others, because nothing is created for it.
    for name in former.iter().filter(|name| !declared.agents.contains(name)) {
        let table = AgentTable::undeclared(name.clone());
        match resolve::agent(
            &table,
            workspace.unwrap_or(&declarations[0]),
            workspace,
            stage,
            &resources,
        ) {
            Ok(agent) => agents.push(agent),
            Err(Unresolved { message, span: _ }) => found.push(message),
        }
    }
    agents.sort_by(|a, b| a.name.cmp(&b.name));
    if !found.is_empty() {
        return Err(invalid(found, manifests));
    }
    warnings.extend(resources::of_no_use(&agents, &declarations, manifests));
    warnings.sort_by_key(|message| place(message, manifests));
    Ok(Config {
        agents,
        notes,
        warnings,
        refused,
        unstaged,
        declared,
    })
}

/// Reports the agents for which no table names a project.
fn without_project(
    declarations: &[Declaration],
    workspace: Option<&Declaration>,
    manifests: &[Manifest],
) -> Vec<Message> {
    let named = |declaration: &Declaration| declaration.has_project;
    if workspace.is_some_and(named) {
        return Vec::new();
    }
    let nameless = declarations.iter().filter(|found| !named(found));
    nameless
        .flat_map(|declaration| {
            declaration.agents.iter().map(|table| {
                let message = resolve::no_project(&table.name);
                pointed(message, declaration, table, manifests)
            })
        })
        .collect()
}

/// What to do if no agent is declared.
pub(crate) const DECLARE: &str = "add a table `[workspace.metadata.agentcore.agents.<name>]`";

pub(crate) fn none_declared(manifests: &[Manifest]) -> Failure {
    Failure::config("the metadata declares no agent").note(format!("read {}", shown(manifests)))
}

/// Returns all problems, sorted by file and position.
fn invalid(mut found: Vec<Message>, manifests: &[Manifest]) -> Failure {
    found.sort_by_key(|message| place(message, manifests));
    Failure {
        exit: Exit::Config,
        messages: found,
    }
}

/// Returns the file and the position in it; messages without a position come last.
fn place(message: &Message, manifests: &[Manifest]) -> (usize, usize) {
    let at = message.at.as_ref();
    let file = at.and_then(|at| manifests.iter().position(|m| m.path == at.file));
    (
        file.unwrap_or(usize::MAX),
        at.map_or(usize::MAX, |at| at.span.start),
    )
}

fn too_large(
    what: String,
    declaration: &Declaration,
    table: &AgentTable,
    manifests: &[Manifest],
) -> Message {
    let message = Message::new(what).help(variable::SMALLER);
    pointed(message, declaration, table, manifests)
}

fn no_metadata(manifests: &[Manifest]) -> Failure {
    Failure::config("no `[workspace.metadata.agentcore]` or `[package.metadata.agentcore]` table")
        .note(format!("read {}", shown(manifests)))
        .help("`cargo agentcore new <path>` creates a project, `cargo agentcore init --source <dir> --write` adds the table for an existing agent")
}

fn shown(manifests: &[Manifest]) -> String {
    let paths: Vec<String> = manifests
        .iter()
        .map(|m| m.path.display().to_string())
        .collect();
    paths.join(", ")
}

fn pointed(
    message: Message,
    declaration: &Declaration,
    table: &AgentTable,
    manifests: &[Manifest],
) -> Message {
    pointed_at(message, declaration, table.name_span.clone(), manifests)
}

/// Returns the message with the position of what is to blame.
fn blamed(
    Unresolved { message, span }: Unresolved,
    declaration: &Declaration,
    table: &AgentTable,
    manifests: &[Manifest],
) -> Message {
    let span = span.unwrap_or_else(|| table.name_span.clone());
    pointed_at(message, declaration, span, manifests)
}

/// Adds a position in the declaration's manifest.
fn pointed_at(
    message: Message,
    declaration: &Declaration,
    span: Range<usize>,
    manifests: &[Manifest],
) -> Message {
    let Some(manifest) = manifests.iter().find(|m| m.path == declaration.manifest) else {
        return message;
    };
    let problems = Problems::new(&manifest.path, &manifest.text);
    let place = problems.message(span, message.what.as_str(), "").at;
    Message {
        at: place,
        ..message
    }
}

#[cfg(test)]
mod tests;
