//! Agents that would get in each other's way.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{Declaration, Stage};
use crate::{
    config::{Agent, RoleSettings},
    error::Message,
    names::AgentName,
};

/// Names that would meet in AWS or on disk, ignoring case as IAM does.
#[derive(Default)]
pub(super) struct Claims {
    seen: BTreeMap<(&'static str, String), AgentName>,
    /// One collision of an agent is enough: another one often comes of it.
    told: BTreeSet<AgentName>,
}

impl Claims {
    /// What is known before the layers are: names, and folders where nothing is wrong with them.
    pub(super) fn of_tables(
        &mut self,
        declarations: &[Declaration],
        stage: &Stage,
    ) -> Vec<Message> {
        let mut found = Vec::new();
        for declaration in declarations {
            let manifest = &*declaration.manifest;
            for table in &declaration.agents {
                let name = &table.name;
                let mut called = name.as_str().to_ascii_lowercase();
                if let Stage::Named(stage) = stage {
                    called = format!("{called}_{stage}");
                }
                found.extend(self.claim(name, manifest, "are both called", &called));
                let folder = table.deployment_or_default();
                if let Some(folder) = folder.filter(|_| table.folder_is_known) {
                    let folder = declaration.dir().join(folder);
                    // A slash at the end makes no other folder.
                    let folder: PathBuf = folder.components().collect();
                    let folder = folder.display().to_string();
                    found.extend(self.claim(
                        name,
                        manifest,
                        "share the deployment folder",
                        &folder,
                    ));
                }
            }
        }
        found
    }

    pub(super) fn of_roles(&mut self, agents: &[Agent]) -> Vec<Message> {
        let mut found = Vec::new();
        for agent in agents {
            if let RoleSettings::Managed { name, .. } = &agent.role {
                let manifest = agent.dir.join("Cargo.toml");
                let role = name.as_str().to_ascii_lowercase();
                found.extend(self.claim(&agent.name, &manifest, "share the role", &role));
            }
        }
        found
    }

    fn claim(
        &mut self,
        agent: &AgentName,
        manifest: &Path,
        relation: &'static str,
        thing: &str,
    ) -> Option<Message> {
        let key = (relation, thing.to_lowercase());
        let Some(other) = self.seen.get(&key) else {
            self.seen.insert(key, agent.clone());
            return None;
        };
        if !self.told.insert(agent.clone()) {
            return None;
        }
        Some(
            Message::new(format!(
                "the agents `{other}` and `{agent}` {relation} `{thing}`"
            ))
            .note(format!("declared in {}", manifest.display()))
            .help(format!(
                "rename `{agent}`, or set what is its own in `[…agentcore.agents.{agent}]`"
            )),
        )
    }
}
