//! Agents with conflicting names or folders.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{Declaration, Stage};
use crate::{
    config::{Agent, RoleSettings},
    error::Message,
    names::{AgentName, StageName},
};

const SHARED_FOLDER: &str = "share the deployment folder";
const SHARED_ROLE: &str = "share the role";

/// Names that would conflict in AWS or on disk, ignoring case as IAM does.
#[derive(Default)]
pub(super) struct Claims {
    seen: BTreeMap<(&'static str, String), (AgentName, PathBuf)>,
    /// Only the first collision of an agent is reported, because it often causes others.
    told: BTreeSet<AgentName>,
}

impl Claims {
    /// Checks what is known before the layers are merged: names, and valid folders.
    pub(super) fn of_tables(
        &mut self,
        declarations: &[Declaration],
        stage: &Stage,
    ) -> Vec<Message> {
        let mut found = self.of_stages(declarations);
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
                    // A trailing slash makes no difference.
                    let folder: PathBuf = folder.components().collect();
                    let folder = folder.display().to_string();
                    found.extend(self.claim(name, manifest, SHARED_FOLDER, &folder));
                }
            }
        }
        found
    }

    /// Finds agents whose runtimes would have the same name at some stage, for example `a` at the
    /// stage `prod` and `a_prod`.
    fn of_stages(&mut self, declarations: &[Declaration]) -> Vec<Message> {
        let stages: BTreeSet<&StageName> = declarations
            .iter()
            .flat_map(|declaration| declaration.stages.keys())
            .collect();
        let agents = || declarations.iter().flat_map(|found| &found.agents);
        let mut found = Vec::new();
        for (agent, stage) in
            agents().flat_map(|agent| stages.iter().map(move |stage| (agent, stage)))
        {
            let runtime = format!("{}_{stage}", agent.name);
            let other = agents().find(|other| other.name.as_str().eq_ignore_ascii_case(&runtime));
            if let Some(other) = other.filter(|other| self.told.insert(other.name.clone())) {
                found.push(
                    Message::new(format!(
                        "the agent `{}` at the stage `{stage}` and the agent `{}` have the same runtime name, `{runtime}`",
                        agent.name, other.name
                    ))
                    .help(format!("rename the agent `{}` or the stage `{stage}`", other.name)),
                );
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
                found.extend(self.claim(&agent.name, &manifest, SHARED_ROLE, &role));
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
        let Some((other, elsewhere)) = self.seen.get(&key) else {
            let place = (agent.clone(), manifest.to_owned());
            self.seen.insert(key, place);
            return None;
        };
        if !self.told.insert(agent.clone()) {
            return None;
        }
        if agent == other {
            return Some(
                Message::new(format!("the agent `{agent}` is declared twice"))
                    .note(format!("in {}", elsewhere.display()))
                    .note(format!("in {}", manifest.display()))
                    .help("remove one of the two tables, or rename one of the agents"),
            );
        }
        Some(
            Message::new(format!(
                "the agents `{other}` and `{agent}` {relation} `{thing}`"
            ))
            .note(format!("`{other}` is declared in {}", elsewhere.display()))
            .note(format!("`{agent}` is declared in {}", manifest.display()))
            .help(match relation {
                SHARED_FOLDER => {
                    format!("set another `deployment` in `[…agentcore.agents.{agent}]`")
                }
                SHARED_ROLE => format!("set another `name` in `[…agentcore.agents.{agent}.role]`"),
                _ => format!("rename `{agent}`"),
            }),
        )
    }
}
