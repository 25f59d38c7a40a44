//! Agents that would get in each other's way.

use std::{collections::BTreeMap, path::PathBuf};

use crate::{
    config::{Agent, RoleSettings},
    error::Message,
    names::AgentName,
};

/// Names that would meet in AWS or on disk, ignoring case as IAM does.
pub(super) fn among(agents: &[Agent]) -> Vec<Message> {
    let mut found = Vec::new();
    let mut seen: BTreeMap<(&str, String), &AgentName> = BTreeMap::new();
    for agent in agents {
        let mut claims = vec![(
            "are both called",
            agent.runtime_name.as_str().to_ascii_lowercase(),
        )];
        if let RoleSettings::Managed { name, .. } = &agent.role {
            claims.push(("share the role", name.as_str().to_ascii_lowercase()));
        }
        let folder = agent.dir.join(&agent.deployment);
        // A slash at the end makes no other folder.
        let folder: PathBuf = folder.components().collect();
        claims.push(("share the deployment folder", folder.display().to_string()));
        let mut told = false;
        for (relation, thing) in claims {
            let folded = thing.to_lowercase();
            match seen.get(&(relation, folded.clone())) {
                Some(other) if !told => {
                    told = true;
                    found.push(collision(other, agent, relation, &thing));
                }
                Some(_) => {}
                None => {
                    seen.insert((relation, folded), &agent.name);
                }
            }
        }
    }
    found
}

fn collision(other: &AgentName, agent: &Agent, relation: &str, thing: &str) -> Message {
    Message::new(format!(
        "the agents `{other}` and `{}` {relation} `{thing}`",
        agent.name
    ))
    .note(format!(
        "declared in {}",
        agent.dir.join("Cargo.toml").display()
    ))
    .help(format!(
        "rename `{0}`, or set what is its own in `[…agentcore.agents.{0}]`",
        agent.name
    ))
}
