//! Resources that the metadata declares besides agents, such as `memories.<name>`. Permissions
//! refer to them by name.

mod memory;

use std::{collections::BTreeMap, ops::Range};

use serde_json::{Map, Value};
use toml::Spanned;

use super::{
    Agent, Permission,
    layer::tags,
    read::{Problems, Table},
};
use crate::{
    error::Message,
    names::{ProjectId, ResourceName, StageName},
    text::nearest,
};

/// A kind of resource that a table can declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    Memory,
}

impl ResourceKind {
    pub(crate) const ALL: [Self; 1] = [Self::Memory];

    /// Returns the name of the table with the resources of this kind.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Memory => "memories",
        }
    }

    /// Returns the word in messages, and the key of the permission.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
        }
    }
}

/// A declared resource in one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub kind: ResourceKind,
    /// The name in the metadata.
    pub name: ResourceName,
    /// The name in AWS: `<name>`, or `<name>_<stage>` with a stage.
    pub service_name: ResourceName,
    pub project: ProjectId,
    pub stage: Option<StageName>,
    /// The members of the service's document that the table sets.
    pub settings: Map<String, Value>,
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
    settings: Map<String, Value>,
    tags: BTreeMap<String, String>,
    retain: bool,
}

impl Resource {
    /// Returns the environment variable that contains the resource's ID: `MEMORY_NOTES_ID`.
    pub(crate) fn variable(&self) -> String {
        format!("{}_{}_ID", self.kind.word(), self.name).to_uppercase()
    }

    /// Returns a pattern for the resource's ID. No name contains a hyphen, so it matches no other
    /// resource of the account.
    pub(crate) fn id_pattern(&self) -> String {
        format!("{}-*", self.service_name)
    }

    /// Returns the ARN of the role that the service assumes for the resource.
    pub(crate) fn role(&self) -> Option<&str> {
        let member = match self.kind {
            ResourceKind::Memory => "memoryExecutionRoleArn",
        };
        self.settings.get(member)?.as_str()
    }

    /// Returns what identifies the resource in the project: `memory/notes`.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.kind.word(), self.name)
    }
}

impl Agent {
    /// Returns the agent with these IDs of the resources that it refers to, in its permissions and
    /// its variables. A variable that the metadata sets keeps its value.
    pub(crate) fn with_resources(&self, id: impl Fn(&Resource) -> String) -> Self {
        let mut agent = self.clone();
        for resource in &self.resources {
            let id = id(resource);
            for permission in &mut agent.permissions {
                if let Some((kind, value)) = reference(permission)
                    && kind == resource.kind
                    && *value == resource.name.as_str()
                {
                    value.clone_from(&id);
                }
            }
            agent.env.entry(resource.variable()).or_insert(id);
        }
        agent
    }
}

/// Returns the kind and the value of a permission that can name a declared resource.
fn reference(permission: &mut Permission) -> Option<(ResourceKind, &mut String)> {
    match permission {
        Permission::Memory(value) => Some((ResourceKind::Memory, value)),
        _ => None,
    }
}

/// Reads the tables of all kinds.
pub(super) fn read(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Vec<ResourceTable> {
    let mut found = Vec::new();
    for kind in ResourceKind::ALL {
        for (given, mut inner) in table.named(kind.table(), problems) {
            let span = inner.span.clone();
            let name = ResourceName::parse(&given);
            let settings = match kind {
                ResourceKind::Memory => memory::read(&mut inner, problems),
            };
            let tags = tags(&mut inner, problems);
            let retain = inner.boolean("retain", problems).unwrap_or_default();
            inner.finish(problems);
            match name {
                Ok(name) => found.push(ResourceTable {
                    kind,
                    name,
                    span,
                    settings,
                    tags,
                    retain,
                }),
                Err(error) => problems.at(span, error.to_string(), ""),
            }
        }
    }
    found
}

impl ResourceTable {
    /// Like [`Resource::path`].
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.kind.word(), self.name)
    }

    /// Applies the stage. `shared` are the tags of the project.
    pub(super) fn resolve(
        &self,
        project: &ProjectId,
        stage: Option<&StageName>,
        joined: Option<&StageName>,
        shared: &BTreeMap<String, String>,
    ) -> Result<Resource, String> {
        let Self {
            kind,
            name,
            span: _,
            settings,
            tags,
            retain,
        } = self;
        let service_name = match joined {
            None => name.clone(),
            Some(stage) => ResourceName::parse(&format!("{name}_{stage}"))
                .map_err(|error| error.to_string())?,
        };
        let mut all = shared.clone();
        all.extend(tags.clone());
        Ok(Resource {
            kind: *kind,
            name: name.clone(),
            service_name,
            project: project.clone(),
            stage: stage.cloned(),
            settings: settings.clone(),
            tags: all,
            retain: *retain,
        })
    }
}

/// Returns the resources that the agent's permissions refer to. A value with a hyphen is an ID,
/// because no name contains one.
pub(super) fn referred(
    permissions: &[Permission],
    declared: &[Resource],
) -> Result<Vec<Resource>, Message> {
    let mut found: Vec<Resource> = Vec::new();
    for permission in permissions {
        let mut permission = permission.clone();
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
            None => return Err(unknown(kind, value, own().map(|one| one.name.as_str()))),
        }
    }
    Ok(found)
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

/// Returns the texts of a list.
fn texts(list: Option<Vec<Spanned<String>>>) -> Option<Value> {
    list.map(|list| list.into_iter().map(Spanned::into_inner).collect())
}
