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
            let mut refuse = |what: Message, span| {
                found.push(pointed_at(what, declaration, span, manifests));
            };
            let Some(project) = &shared.project else {
                refuse(
                    Message::new(format!("`{}` belongs to no project", table.name))
                        .help("add `project` to the table, as for agents"),
                    table.span.clone(),
                );
                continue;
            };
            let stage = (stage.as_ref(), joined);
            let resource = table.resolve(project, stage, &shared.tags, &agents, &mut refuse);
            if resources.iter().any(|one| one.path() == resource.path()) {
                let what = format!(
                    "two tables declare the {} `{}`",
                    resource.kind.word(),
                    resource.name
                );
                refuse(Message::new(what), table.span.clone());
            } else {
                resources.push(resource);
            }
        }
    }
    resources
}

/// Warns about resources that no agent refers to, because nothing creates them, and about gateways
/// without targets.
pub(super) fn of_no_use(
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
        for table in &declaration.resources {
            let (word, name) = (table.kind.word(), &table.name);
            let message = if !used.contains(&table.path()) {
                Message::new(format!("no agent uses the {word} `{name}`"))
                    .note("only what an agent uses is created")
                    .help(format!(
                        "add `{{ {word} = \"{name}\" }}` to the `permissions` of an agent"
                    ))
            } else if table.lacks_targets() {
                Message::new(format!(
                    "the gateway `{name}` has no targets, so agents find no tools there"
                ))
                .help(format!(
                    "add one to `[workspace.metadata.agentcore.gateways.{name}.targets]`"
                ))
            } else {
                continue;
            };
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
