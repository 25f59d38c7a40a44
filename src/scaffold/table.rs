//! The metadata table of a new agent, as TOML text.

use std::collections::BTreeMap;

use toml_edit::{Array, InlineTable, Value};

use super::Context;
use crate::{
    config::{Model, Permission, Protocol},
    names::{AgentName, ProjectId, Region},
};

/// The manifest table that contains the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    Workspace,
    Package,
}

impl Head {
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Package => "package",
        }
    }
}

/// An agent's settings. `None` and empty values are not written.
#[derive(Debug, Clone)]
pub(crate) struct AgentKeys<'a> {
    pub(crate) agent: &'a AgentName,
    pub(crate) source: &'a str,
    /// `flat`; `None` is the default layout.
    pub(crate) layout: Option<&'a str>,
    pub(crate) import_name: Option<&'a str>,
    pub(crate) deployment: Option<&'a str>,
    pub(crate) entrypoint: Option<&'a str>,
    pub(crate) requirements: Option<&'a str>,
    pub(crate) protocol: Option<&'a str>,
    pub(crate) region: Option<&'a Region>,
    pub(crate) models: &'a [Model],
    pub(crate) permissions: &'a [Permission],
    pub(crate) headers: &'a [String],
    pub(crate) env: &'a BTreeMap<String, String>,
    /// Lines for the user to complete, written as comments.
    pub(crate) open: &'a [String],
}

/// The settings of a Rust agent, in the table of its package. `None` and empty values are not
/// written.
#[derive(Debug, Clone)]
pub(crate) struct PackageKeys<'a> {
    /// Only if the workspace does not name it.
    pub(crate) project: Option<&'a ProjectId>,
    pub(crate) region: Option<&'a Region>,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) models: &'a [Model],
    pub(crate) permissions: &'a [Permission],
}

impl Context {
    /// Returns the tables of a project with a manifest of its own: the project's and the agent's.
    pub(super) fn tables(&self) -> String {
        let head = Head::Workspace;
        format!(
            "{}\n{}",
            project_lines(head, &self.project, self.region.as_ref()),
            self.agent_table(head, "", None)
        )
    }

    /// Returns the table of a Rust agent, in the manifest of its own package. It does not name the
    /// project if the workspace does.
    pub(super) fn package_table(&self, protocol: Protocol) -> String {
        let Self {
            project,
            title: _,
            agent: _,
            package: _,
            region,
            model,
            permissions,
            language: _,
            manifest,
            is_apart: _,
        } = self;
        package_lines(&PackageKeys {
            project: manifest.is_none().then_some(project),
            region: region.as_ref(),
            protocol: Some(protocol).filter(|protocol| *protocol != Protocol::Http),
            models: model.as_slice(),
            permissions,
        })
    }

    /// Returns the agent's table. `folder` is the path of the project from the manifest's directory,
    /// and `region` the agent's if it is not the project's.
    pub(crate) fn agent_table(&self, head: Head, folder: &str, region: Option<&Region>) -> String {
        let Self {
            project: _,
            title: _,
            agent,
            package,
            region: _,
            model,
            permissions,
            language: _,
            manifest: _,
            is_apart: _,
        } = self;
        let below = |name: &str| match folder {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        };
        let (source, deployment) = (below(package), below("deployment"));
        let keys = AgentKeys {
            agent,
            source: &source,
            layout: None,
            import_name: None,
            deployment: Some(deployment.as_str()).filter(|folder| *folder != "deployment"),
            entrypoint: None,
            requirements: None,
            protocol: None,
            region,
            models: model.as_slice(),
            permissions,
            headers: &[],
            env: &BTreeMap::new(),
            open: &[],
        };
        agent_lines(head, &keys)
    }
}

/// Returns the project's table.
pub(crate) fn project_lines(head: Head, project: &ProjectId, region: Option<&Region>) -> String {
    let mut lines = vec![
        format!("[{}.metadata.agentcore]", head.key()),
        format!(
            "project = {} # the identity in every tag: never change it",
            quoted(project.as_str())
        ),
    ];
    if let Some(region) = region {
        lines.push(format!("region = {}", quoted(region.as_str())));
    }
    lines.push(
        "# Other keys (tags, env, callers, platform-version and more): cargo agentcore help metadata"
            .to_owned(),
    );
    lines.join("\n") + "\n"
}

/// Returns the table of a package that is an agent.
pub(crate) fn package_lines(keys: &PackageKeys<'_>) -> String {
    let PackageKeys {
        project,
        region,
        protocol,
        models,
        permissions,
    } = keys;
    let mut text = match project {
        Some(project) => project_lines(Head::Package, project, *region),
        None => {
            let region = region.map(|region| format!("region = {}\n", quoted(region.as_str())));
            let head = Head::Package.key();
            format!(
                "[{head}.metadata.agentcore]\n{}",
                region.unwrap_or_default()
            )
        }
    };
    let protocol = protocol.map(|protocol| format!("protocol = {}", quoted(protocol.word())));
    let lines = protocol.into_iter().chain(used(models, permissions));
    text.extend(lines.map(|line| line + "\n"));
    text
}

/// Returns an agent's table.
pub(crate) fn agent_lines(head: Head, keys: &AgentKeys<'_>) -> String {
    let AgentKeys {
        agent,
        source,
        layout,
        import_name,
        deployment,
        entrypoint,
        requirements,
        protocol,
        region,
        models,
        permissions,
        headers,
        env,
        open,
    } = keys;
    let mut lines = vec![
        format!("[{}.metadata.agentcore.agents.{agent}]", head.key()),
        format!("source = {}", quoted(source)),
    ];
    let optional = [
        ("layout", *layout),
        ("import-name", *import_name),
        ("deployment", *deployment),
        ("entrypoint", *entrypoint),
        ("requirements", *requirements),
        ("protocol", *protocol),
        ("region", region.map(Region::as_str)),
    ];
    for (key, value) in optional {
        lines.extend(value.map(|value| format!("{key} = {}", quoted(value))));
    }
    lines.extend(used(models, permissions));
    if !headers.is_empty() {
        let list: Array = headers.iter().collect();
        lines.push(format!("header-allowlist = {list}"));
    }
    if !env.is_empty() {
        let table: InlineTable = env.iter().collect();
        lines.push(format!("env = {}", Value::InlineTable(table)));
    }
    if !open.is_empty() {
        lines.push(
            "# Also used by the code; complete these and add them to the keys above:".to_owned(),
        );
        lines.extend(open.iter().map(|line| format!("#   {line}")));
    }
    lines.join("\n") + "\n"
}

/// Returns the lines for what the agent uses.
fn used(models: &[Model], permissions: &[Permission]) -> Vec<String> {
    let mut lines = Vec::new();
    if !models.is_empty() {
        let list: Array = models.iter().map(Model::id).collect();
        lines.push(format!("models = {list}"));
    }
    if !permissions.is_empty() {
        let list: Array = permissions.iter().map(Permission::to_toml).collect();
        lines.push(format!("permissions = {list}"));
    }
    lines
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
