//! Turns the texts of manifests into the agents of one stage.

mod collisions;
mod declared;
mod hiding;
mod refusal;
mod resolve;
mod resources;

pub(crate) use self::resolve::default_role;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::{
    Config, TableScope,
    agent::{AgentTable, Packages},
    layer::Layer,
    local,
    read::{Problems, Table},
    resource::{self, ResourceTable},
    rust::CargoPackage,
    variable::{self, Size},
};
use crate::{
    error::{Exit, Failure, Message},
    names::{AgentName, ProjectId, StageName},
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

/// The stage whose settings apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// No stage: the runtime's name is the agent's.
    None,
    Named(StageName),
    /// The built-in stage of the emulator on this machine; names are as without a stage.
    Local,
}

/// A `metadata.agentcore` table.
struct Declaration {
    manifest: PathBuf,
    scope: TableScope,
    layer: Layer,
    /// True if the table names a project, even an invalid one.
    has_project: bool,
    agents: Vec<AgentTable>,
    stages: BTreeMap<StageName, Layer>,
    resources: Vec<ResourceTable>,
}

impl Declaration {
    fn dir(&self) -> &Path {
        self.manifest.parent().unwrap_or(Path::new("."))
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
    } = read(manifests);
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
    let named = match stage {
        Stage::Named(name) => Some(name),
        Stage::None | Stage::Local => None,
    };
    if let Some(name) = named {
        known_stage(name, &declarations)?;
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
                Err(message) => found.push(pointed(message, declaration, table, manifests)),
            }
            if let Some(message) = refusal::of(table, declaration, manifests) {
                refused.insert(table.name.clone(), message);
            }
            let without = named
                .and_then(|stage| without_stage(stage, &table.name, declaration, &declarations))
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
            Err(message) => found.push(message),
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

/// The content of the manifests, table by table.
struct Reading {
    declarations: Vec<Declaration>,
    found: Vec<Message>,
    notes: BTreeMap<AgentName, String>,
    warnings: Vec<Message>,
    /// True if every manifest is valid TOML.
    whole: bool,
}

fn read(manifests: &[Manifest]) -> Reading {
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

fn known_stage(name: &StageName, declarations: &[Declaration]) -> Result<(), Failure> {
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

fn too_large(
    what: String,
    declaration: &Declaration,
    table: &AgentTable,
    manifests: &[Manifest],
) -> Message {
    let message = Message::new(what).help(variable::SMALLER);
    pointed(message, declaration, table, manifests)
}

/// Returns why the stage cannot be used with an agent of the declaration. Otherwise, the agent
/// would get the stage's name without its account and region.
fn without_stage(
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
