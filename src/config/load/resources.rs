//! The declared resources of all tables, in one stage.

use std::collections::BTreeSet;

use super::{Declaration, Manifest, Stage, TableScope, pointed_at, resolve};
use crate::{
    config::{Agent, Resource},
    error::Message,
};

/// Applies the stage to all resources. Their names are unique in a project.
pub(super) fn of(
    declarations: &[Declaration],
    workspace: Option<&Declaration>,
    stage: &Stage,
    manifests: &[Manifest],
    found: &mut Vec<Message>,
) -> Vec<Resource> {
    let (stage, joined) = resolve::names(stage);
    let agents = declarations.iter().flat_map(|one| &one.agents);
    let agents: Vec<_> = agents.map(|agent| &agent.name).collect();
    let mut resources: Vec<Resource> = Vec::new();
    for declaration in declarations {
        let own = (declaration.scope == TableScope::Package).then_some(declaration);
        let shared = resolve::base(own).over(resolve::base(workspace));
        for table in &declaration.resources {
            let mut refuse = |what: Message| {
                found.push(pointed_at(what, declaration, table.span.clone(), manifests));
            };
            let Some(project) = &shared.project else {
                refuse(
                    Message::new(format!("`{}` belongs to no project", table.name))
                        .help("add `project` to the table, as for agents"),
                );
                continue;
            };
            match table.resolve(project, (stage.as_ref(), joined), &shared.tags, &agents) {
                Err(what) => refuse(Message::new(what)),
                Ok(resource) if resources.iter().any(|one| one.path() == resource.path()) => {
                    refuse(Message::new(format!(
                        "two tables declare the {} `{}`",
                        resource.kind.word(),
                        resource.name
                    )));
                }
                Ok(resource) => resources.push(resource),
            }
        }
    }
    resources
}

/// Warns about resources that no agent refers to, because nothing creates them.
pub(super) fn unused(
    agents: &[Agent],
    declarations: &[Declaration],
    manifests: &[Manifest],
) -> Vec<Message> {
    let used: BTreeSet<String> = agents
        .iter()
        .flat_map(|agent| agent.resources.iter().map(Resource::path))
        .collect();
    let mut warnings = Vec::new();
    for declaration in declarations {
        for table in declaration
            .resources
            .iter()
            .filter(|table| !used.contains(&table.path()))
        {
            let (word, name) = (table.kind.word(), &table.name);
            let message = Message::new(format!("no agent uses the {word} `{name}`"))
                .note("only what an agent uses is created")
                .help(format!(
                    "add `{{ {word} = \"{name}\" }}` to the `permissions` of an agent"
                ));
            warnings.push(pointed_at(
                message,
                declaration,
                table.span.clone(),
                manifests,
            ));
        }
    }
    warnings
}
