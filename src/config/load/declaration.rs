//! The `metadata.agentcore` tables of manifests, as they are written.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::Manifest;
use crate::{
    config::{
        TableScope,
        agent::{AgentTable, Packages},
        layer::Layer,
        local,
        read::{Problems, Table},
        resource::{self, ResourceTable},
        rust::CargoPackage,
    },
    error::Message,
    names::{AgentName, ProjectId, StageName},
};

/// A `metadata.agentcore` table.
pub(super) struct Declaration {
    pub(super) manifest: PathBuf,
    pub(super) scope: TableScope,
    pub(super) layer: Layer,
    /// True if the table names a project, even an invalid one.
    pub(super) has_project: bool,
    pub(super) agents: Vec<AgentTable>,
    pub(super) stages: BTreeMap<StageName, Layer>,
    pub(super) resources: Vec<ResourceTable>,
}

impl Declaration {
    pub(super) fn dir(&self) -> &Path {
        self.manifest.parent().unwrap_or(Path::new("."))
    }
}

/// The content of the manifests, table by table.
pub(super) struct Reading {
    pub(super) declarations: Vec<Declaration>,
    pub(super) found: Vec<Message>,
    pub(super) notes: BTreeMap<AgentName, String>,
    pub(super) warnings: Vec<Message>,
    /// True if every manifest is valid TOML.
    pub(super) whole: bool,
}

/// Reads the tables of all manifests.
pub(super) fn read(manifests: &[Manifest]) -> Reading {
    let mut reading = Reading {
        declarations: Vec::new(),
        found: Vec::new(),
        notes: BTreeMap::new(),
        warnings: Vec::new(),
        whole: true,
    };
    let all: Vec<&CargoPackage> = manifests.iter().flat_map(|m| &m.packages).collect();
    let mut shared = BTreeSet::new();
    for manifest in manifests {
        let mut problems = Problems::new(&manifest.path, &manifest.text);
        match DeTable::parse(&manifest.text) {
            Ok(root) => {
                if manifest.path == manifests[0].path {
                    shared = keys_to_inherit(root.get_ref());
                }
                problems.may_inherit(shared.clone());
                declare(manifest, root.get_ref(), &all, &mut reading, &mut problems);
            }
            Err(error) => {
                reading.whole = false;
                problems.at(error.span().unwrap_or(0..0), error.message().to_owned(), "");
            }
        }
        let (found, warnings) = problems.into_found();
        reading.found.extend(found);
        reading.warnings.extend(warnings);
    }
    reading
}

/// Returns the projects that a manifest names, even if it is otherwise invalid.
pub(crate) fn declared_projects(text: &str) -> Vec<ProjectId> {
    let (root, _) = DeTable::parse_recoverable(text);
    ["workspace", "package"]
        .into_iter()
        .filter_map(|word| {
            let (_, value) = metadata(root.get_ref(), word)?;
            let project = value.as_table()?.get("project")?;
            ProjectId::parse(project.get_ref().as_str()?).ok()
        })
        .collect()
}

fn declare(
    manifest: &Manifest,
    root: &DeTable<'_>,
    all: &[&CargoPackage],
    reading: &mut Reading,
    problems: &mut Problems<'_>,
) {
    for (scope, word) in [
        (TableScope::Workspace, "workspace"),
        (TableScope::Package, "package"),
    ] {
        let Some((span, value)) = metadata(root, word) else {
            continue;
        };
        let name = format!("[{word}.metadata.agentcore]");
        let DeValue::Table(keys) = value else {
            problems.at(span, format!("`{name}` must be a table"), "");
            continue;
        };
        let mut table = Table::new(name, span, keys);
        let own = all.iter().find(|package| package.manifest == manifest.path);
        let packages = Packages {
            own: own.copied().filter(|_| scope == TableScope::Package),
            own_is_agent: false,
            all,
        };
        if packages.own.is_some() {
            table.may_inherit();
        }
        let project = table.parsed("project", problems, ProjectId::parse);
        let mut layer = Layer::read(&mut table, problems);
        layer.project = project;
        layer.local_models = local::models(&mut table, problems);
        let agents = agents(&mut table, &packages, &mut reading.warnings, problems);
        let (agents, renamed) = match (agents, packages.own) {
            (None, Some(package)) if !package.bins.is_empty() => {
                of_package(&mut table, &packages, package, problems)
            }
            (agents, _) => (agents.unwrap_or_default(), None),
        };
        for (agent, renamed) in agents.iter().zip(renamed) {
            reading.notes.insert(agent.name.clone(), renamed);
        }
        let stages = stages(&mut table, problems);
        let directory = manifest.path.parent().unwrap_or(&manifest.path);
        let resources = resource::read(&mut table, directory, problems);
        let has_project = table.is_meant("project");
        table.finish(problems);
        reading.declarations.push(Declaration {
            manifest: manifest.path.clone(),
            scope,
            layer,
            has_project,
            agents,
            stages,
            resources,
        });
    }
}

/// Reads `agents`. Returns `None` if the table does not have it.
fn agents(
    table: &mut Table<'_>,
    packages: &Packages<'_>,
    warnings: &mut Vec<Message>,
    problems: &mut Problems<'_>,
) -> Option<Vec<AgentTable>> {
    let is_there = table.has("agents");
    let mut agents = Vec::new();
    for (given, inner) in table.named("agents", problems) {
        let span = inner.span.clone();
        match agent_name(&given) {
            Ok((name, renamed)) => {
                warnings.extend(renamed.map(|renamed| problems.message(span, renamed, "")));
                agents.push(AgentTable::read(name, inner, packages, problems));
            }
            Err(what) => problems.at(span, what, ""),
        }
    }
    is_there.then_some(agents)
}

/// Reads the table of a package that is an agent itself. Also returns a note if the agent's name
/// differs from the package's.
fn of_package(
    table: &mut Table<'_>,
    packages: &Packages<'_>,
    package: &CargoPackage,
    problems: &mut Problems<'_>,
) -> (Vec<AgentTable>, Option<String>) {
    match agent_name(&package.name) {
        Ok((name, renamed)) => {
            // The table's own keys of this layer apply to all of its agents.
            let layer = Layer::default();
            let packages = Packages {
                own_is_agent: true,
                ..*packages
            };
            let agent = AgentTable::read_keys(name, layer, table, &packages, problems);
            (vec![agent], renamed)
        }
        Err(what) => {
            let message = problems.message(table.span.clone(), what, "").help(
                "the agent has the package's name; name it with a table `[package.metadata.agentcore.agents.<name>]`",
            );
            problems.push(message);
            (Vec::new(), None)
        }
    }
}

/// Returns the keys of the workspace's table, for `key.workspace = true`.
fn keys_to_inherit(root: &DeTable<'_>) -> BTreeSet<String> {
    let table = metadata(root, "workspace").and_then(|(_, value)| value.as_table());
    let keys = table.into_iter().flat_map(DeTable::keys);
    keys.map(|key| key.get_ref().to_string()).collect()
}

fn metadata<'t>(root: &'t DeTable<'t>, word: &str) -> Option<(Range<usize>, &'t DeValue<'t>)> {
    let metadata = root
        .get(word)?
        .get_ref()
        .get("metadata")?
        .get_ref()
        .as_table()?;
    let (key, value) = metadata.get_key_value("agentcore")?;
    Some((key.span(), value.get_ref()))
}

/// Converts `my-agent` to `my_agent`, with a note about it.
fn agent_name(given: &str) -> Result<(AgentName, Option<String>), String> {
    if let Ok(name) = AgentName::parse(given) {
        return Ok((name, None));
    }
    let mapped = given.replace('-', "_");
    match AgentName::parse(&mapped) {
        Ok(name) => {
            let said = format!(
                "the agent `{given}` is called `{name}`, because names in AgentCore have no hyphens"
            );
            Ok((name, Some(said)))
        }
        Err(_) => {
            Err(AgentName::parse(given).map_or_else(|error| error.to_string(), |_| String::new()))
        }
    }
}

fn stages(table: &mut Table<'_>, problems: &mut Problems<'_>) -> BTreeMap<StageName, Layer> {
    let mut stages = BTreeMap::new();
    for (given, mut inner) in table.named("stages", problems) {
        match StageName::parse(&given) {
            Ok(name) if name.as_str() == "local" => problems.at(
                inner.span.clone(),
                "a stage cannot be called `local`",
                "this is the built-in stage of `--local`",
            ),
            Ok(name) => {
                let layer = Layer::read(&mut inner, problems);
                inner.finish(problems);
                stages.insert(name, layer);
            }
            Err(error) => problems.at(inner.span.clone(), error.to_string(), ""),
        }
    }
    stages
}
