//! Resources that the metadata declares besides agents, such as `memories.<name>`. Permissions
//! refer to them by name.

mod gateway;
mod memory;

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};
use toml::Spanned;

use super::{
    Agent, Permission, RoleArn,
    layer::tags,
    read::{Problems, Table},
};
use crate::{
    error::Message,
    names::{
        AccountId, AgentName, Partition, ProjectId, Region, ResourceName, RuntimeName, StageName,
    },
    text::nearest,
};

/// The length of the longest name in AWS, with the stage.
const LONGEST: usize = 46;

/// A kind of resource that a table can declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    Gateway,
    Memory,
}

impl ResourceKind {
    pub(crate) const ALL: [Self; 2] = [Self::Gateway, Self::Memory];

    /// Returns the name of the table with the resources of this kind.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Gateway => "gateways",
            Self::Memory => "memories",
        }
    }

    /// Returns the word in messages, and the key of the permission.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Memory => "memory",
        }
    }

    /// Returns the resource's name in AWS. Gateways have hyphens where all other names have
    /// underscores.
    fn service_name(self, name: &ResourceName, joined: Option<&StageName>) -> String {
        let whole = match joined {
            None => name.to_string(),
            Some(stage) => format!("{name}_{stage}"),
        };
        match self {
            Self::Gateway => whole.replace('_', "-"),
            Self::Memory => whole,
        }
    }

    /// Returns why the name cannot be given to a resource of this kind.
    fn problem(self, name: &ResourceName) -> Option<String> {
        let is_gateway = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let text = name.as_str();
        let fits = text.chars().all(is_gateway) && !text.contains("__") && !text.ends_with('_');
        (self == Self::Gateway && !fits).then(|| {
            format!(
                "`{name}` cannot name a gateway: expected lowercase letters and digits, with single underscores between them"
            )
        })
    }
}

/// The role that the service assumes for a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceRole {
    None,
    /// The ARN of the user's own role.
    Given(String),
    /// A role of this tool's own, with these permissions.
    Own(Vec<Permission>),
}

/// A part of a resource, which the service manages by itself: a target of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The members of the service's document.
    pub settings: Map<String, Value>,
    /// A file whose content belongs into the document.
    pub file: Option<PartFile>,
    /// An agent of the project that it leads to. The ARN of its runtime belongs into the document.
    pub agent: Option<PartAgent>,
}

/// An agent that a part leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartAgent {
    pub name: AgentName,
    /// The name of its runtime in the stage.
    pub runtime: RuntimeName,
    /// Where the manifest names it.
    pub span: Range<usize>,
}

/// A file, and the place of its content in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartFile {
    /// The manifest's directory.
    pub directory: PathBuf,
    /// The path below it, without `..`.
    pub path: PathBuf,
    /// The key in the table.
    pub key: &'static str,
    /// A JSON pointer.
    pub place: &'static str,
    /// The service wants a document instead of a text.
    pub is_json: bool,
}

/// A declared resource in one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub kind: ResourceKind,
    /// The name in the metadata.
    pub name: ResourceName,
    /// The name in AWS: `<name>`, or `<name>_<stage>` with a stage.
    pub service_name: String,
    pub project: ProjectId,
    pub stage: Option<StageName>,
    /// The members of the service's document that the table sets.
    pub settings: Map<String, Value>,
    /// The parts by name.
    pub parts: BTreeMap<String, Part>,
    pub role: ServiceRole,
    pub tags: BTreeMap<String, String>,
    /// `clean` keeps it.
    pub retain: bool,
}

/// A resource's table, before the stage is applied.
#[derive(Debug, Clone)]
pub(super) struct ResourceTable {
    pub(super) kind: ResourceKind,
    pub(super) name: ResourceName,
    pub(super) span: Range<usize>,
    content: Content,
    tags: BTreeMap<String, String>,
    retain: bool,
}

/// What a kind reads from its table.
#[derive(Debug, Clone)]
struct Content {
    settings: Map<String, Value>,
    parts: BTreeMap<String, Part>,
    role: ServiceRole,
}

impl Resource {
    /// Returns the environment variable that leads the agent to the resource: `MEMORY_NOTES_ID`,
    /// `GATEWAY_TOOLS_URL`.
    pub(crate) fn variable(&self) -> String {
        let what = match self.kind {
            ResourceKind::Gateway => "url",
            ResourceKind::Memory => "id",
        };
        format!("{}_{}_{what}", self.kind.word(), self.name).to_uppercase()
    }

    /// Returns a pattern for the resource's ID, which matches no resource with another name: an ID
    /// is the name, a hyphen and ten letters and digits, and only names of gateways have hyphens.
    pub(crate) fn id_pattern(&self) -> String {
        match self.kind {
            ResourceKind::Gateway => format!("{}-??????????", self.service_name),
            ResourceKind::Memory => format!("{}-*", self.service_name),
        }
    }

    /// Returns whether the service gave this ID to a resource with this name.
    pub(crate) fn is_named_by(&self, id: &str) -> bool {
        let suffix = id
            .strip_prefix(self.service_name.as_str())
            .and_then(|rest| rest.strip_prefix('-'));
        suffix.is_some_and(|suffix| !suffix.is_empty() && !suffix.contains('-'))
    }

    /// Returns the ARN of the user's own role for the resource.
    pub(crate) fn given_role(&self) -> Option<&str> {
        match &self.role {
            ServiceRole::Given(arn) => Some(arn),
            ServiceRole::None | ServiceRole::Own(_) => None,
        }
    }

    /// Returns the name of this tool's own role for the resource.
    pub(crate) fn own_role(&self) -> Option<String> {
        let ServiceRole::Own(_) = self.role else {
            return None;
        };
        Some(format!("AgentCoreGateway-{}", self.service_name))
    }

    /// Returns the resource with what depends on the place: ARNs of the account and region.
    pub(crate) fn located(
        &self,
        partition: Partition,
        region: &Region,
        account: &AccountId,
    ) -> Self {
        let mut located = self.clone();
        if let Some(role) = self.own_role() {
            let arn = format!("arn:{partition}:iam::{account}:role/{role}");
            located.settings.insert("roleArn".to_owned(), arn.into());
        }
        let place = [
            ("{partition}", partition.to_string()),
            ("{region}", region.to_string()),
            ("{account}", account.to_string()),
        ];
        for part in located.parts.values_mut() {
            part.settings
                .values_mut()
                .for_each(|value| fill(value, &place));
        }
        located
    }

    /// Returns what identifies the resource in the project: `memory/notes`.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.kind.word(), self.name)
    }
}

impl Agent {
    /// Returns the agent with the IDs of the resources that it refers to in its permissions, and
    /// their addresses in its variables. A variable that the metadata sets keeps its value.
    pub(crate) fn with_resources(&self, of: impl Fn(&Resource) -> Link) -> Self {
        let mut agent = self.clone();
        for resource in &self.resources {
            let Link::There { id, address } = of(resource) else {
                let refers = |permission: &Permission| {
                    reference(&mut permission.clone()).is_some_and(|(kind, value)| {
                        kind == resource.kind && value == resource.name.as_str()
                    })
                };
                agent.permissions.retain(|permission| !refers(permission));
                continue;
            };
            for permission in &mut agent.permissions {
                if let Some((kind, value)) = reference(permission)
                    && kind == resource.kind
                    && *value == resource.name.as_str()
                {
                    value.clone_from(&id);
                }
            }
            agent.env.entry(resource.variable()).or_insert(address);
        }
        agent
    }
}

/// How an agent reaches a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Link {
    There {
        id: String,
        /// The value of the agent's variable.
        address: String,
    },
    /// The place of the deployment has no resources of this kind.
    Missing,
}

impl Link {
    /// Returns a pattern for the ID of a resource that may not exist.
    pub(crate) fn pattern(resource: &Resource) -> Self {
        Self::There {
            id: resource.id_pattern(),
            address: String::new(),
        }
    }
}

/// Replaces the variables in every ARN of the value.
fn fill(value: &mut Value, place: &[(&str, String)]) {
    match value {
        Value::String(text) if text.starts_with("arn:{partition}") => {
            for (variable, value) in place {
                *text = text.replace(variable, value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, place)),
        Value::Object(members) => members.values_mut().for_each(|member| fill(member, place)),
        _ => {}
    }
}

/// Returns the kind and the value of a permission that can name a declared resource.
fn reference(permission: &mut Permission) -> Option<(ResourceKind, &mut String)> {
    match permission {
        Permission::Memory(value) => Some((ResourceKind::Memory, value)),
        Permission::Gateway(value) => Some((ResourceKind::Gateway, value)),
        _ => None,
    }
}

/// Reads the tables of all kinds.
pub(super) fn read(
    table: &mut Table<'_>,
    directory: &Path,
    problems: &mut Problems<'_>,
) -> Vec<ResourceTable> {
    let mut found = Vec::new();
    for kind in ResourceKind::ALL {
        for (given, mut inner) in table.named(kind.table(), problems) {
            let span = inner.span.clone();
            let name = ResourceName::parse(&given);
            let content = match kind {
                ResourceKind::Gateway => gateway::read(&mut inner, directory, problems),
                ResourceKind::Memory => memory::read(&mut inner, problems),
            };
            let tags = tags(&mut inner, problems);
            let retain = inner.boolean("retain", problems).unwrap_or_default();
            inner.finish(problems);
            let name = name.map_err(|error| error.to_string());
            let name = name.and_then(|name| kind.problem(&name).map_or(Ok(name), Err));
            match name {
                Ok(name) => found.push(ResourceTable {
                    kind,
                    name,
                    span,
                    content,
                    tags,
                    retain,
                }),
                Err(what) => problems.at(span, what, ""),
            }
        }
    }
    found
}

impl ResourceTable {
    /// Returns true for a gateway that offers no tools.
    pub(super) fn lacks_targets(&self) -> bool {
        self.kind == ResourceKind::Gateway && self.content.parts.is_empty()
    }

    /// Like [`Resource::path`].
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.kind.word(), self.name)
    }

    /// Applies the stage. `shared` are the tags of the project, and `agents` its agents.
    pub(super) fn resolve(
        &self,
        project: &ProjectId,
        (stage, joined): (Option<&StageName>, Option<&StageName>),
        shared: &BTreeMap<String, String>,
        agents: &[&AgentName],
        refuse: &mut dyn FnMut(Message, Range<usize>),
    ) -> Resource {
        let Self {
            kind,
            name,
            span,
            content,
            tags,
            retain,
        } = self;
        let service_name = kind.service_name(name, joined);
        let long = service_name.len();
        if long > LONGEST {
            let what = format!(
                "`{service_name}` has {long} characters, and a {} has at most {LONGEST}",
                kind.word()
            );
            refuse(Message::new(what), span.clone());
        }
        let mut all = shared.clone();
        all.extend(tags.clone());
        let (mut parts, mut role) = (content.parts.clone(), content.role.clone());
        for (part, agent) in parts
            .iter_mut()
            .filter_map(|(name, part)| Some((name, part.agent.as_mut()?)))
        {
            if !agents.contains(&&agent.name) {
                let what = unknown_agent(part, &agent.name, agents);
                refuse(Message::new(what), agent.span.clone());
            }
            match RuntimeName::of(&agent.name, joined) {
                Ok(runtime) => agent.runtime = runtime,
                Err(error) => refuse(Message::new(error.to_string()), agent.span.clone()),
            }
            if let ServiceRole::Own(needs) = &mut role {
                needs.push(Permission::Agent(agent.runtime.clone()));
            }
        }
        Resource {
            kind: *kind,
            name: name.clone(),
            service_name,
            project: project.clone(),
            stage: stage.cloned(),
            settings: content.settings.clone(),
            parts,
            role,
            tags: all,
            retain: *retain,
        }
    }
}

/// Returns the resources that the agent's permissions refer to. A value with a hyphen is an ID,
/// because no name contains one. The error has the permission's place.
pub(super) fn referred(
    permissions: &[Spanned<Permission>],
    declared: &[Resource],
) -> Result<Vec<Resource>, (Range<usize>, Message)> {
    let mut found: Vec<Resource> = Vec::new();
    for permission in permissions {
        let (span, mut permission) = (permission.span(), permission.get_ref().clone());
        let Some((kind, value)) = reference(&mut permission) else {
            continue;
        };
        if value.contains('-') {
            continue;
        }
        let own = || declared.iter().filter(|resource| resource.kind == kind);
        match own().find(|resource| resource.name.as_str() == value) {
            Some(resource) if found.contains(resource) => {}
            Some(resource) => found.push(resource.clone()),
            None => {
                let names = own().map(|one| one.name.as_str());
                return Err((span, unknown(kind, value, names)));
            }
        }
    }
    Ok(found)
}

fn unknown_agent(part: &str, name: &AgentName, agents: &[&AgentName]) -> String {
    let near = nearest(name.as_str(), agents.iter().map(|agent| agent.as_str()));
    let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    format!(
        "the target `{part}` leads to the agent `{name}`, which this project does not have{near}"
    )
}

fn unknown<'a>(kind: ResourceKind, value: &str, known: impl Iterator<Item = &'a str>) -> Message {
    let word = kind.word();
    let near =
        nearest(value, known).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    Message::new(format!(
        "`{value}` is neither a declared {word} nor the ID of one{near}"
    ))
    .note("an ID ends with a hyphen and ten letters and digits")
    .help(format!(
        "declare it in `[workspace.metadata.agentcore.{}.{value}]`, or give the ID",
        kind.table()
    ))
}

/// Reads `role`, the ARN of the user's own role.
fn given_role(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Option<String> {
    table.parsed("role", problems, |text| {
        RoleArn::parse(text).map(|role| role.arn).ok_or_else(|| {
            format!("invalid role ARN `{text}`: expected `arn:aws:iam::ACCOUNT:role/NAME`")
        })
    })
}

/// Reads `kms-key`, the ARN of a key.
fn kms_key(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Option<String> {
    table.parsed("kms-key", problems, |text| {
        let fields: Vec<&str> = text.splitn(6, ':').collect();
        match fields[..] {
            ["arn", _, "kms", _, _, key] if key.starts_with("key/") => Ok(text.to_owned()),
            _ => Err(format!(
                "invalid KMS key `{text}`: expected `arn:aws:kms:REGION:ACCOUNT:key/ID`"
            )),
        }
    })
}

/// Returns the texts of a list.
fn texts(list: Option<Vec<Spanned<String>>>) -> Option<Value> {
    list.map(|list| list.into_iter().map(Spanned::into_inner).collect())
}
