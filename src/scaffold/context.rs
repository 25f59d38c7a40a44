//! What a template is filled with.

use serde::Serialize;

use crate::{
    config::{Model, Permission},
    names::{AgentName, ProjectId, Region},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) project: ProjectId,
    /// The project's name for people: its folder's.
    pub(crate) title: String,
    pub(crate) agent: AgentName,
    /// The Python package, and the folder that it is in.
    pub(crate) package: String,
    /// Not written where none is known.
    pub(crate) region: Option<Region>,
    pub(crate) model: Option<Model>,
    pub(crate) permissions: Vec<Permission>,
}

/// The names that a template may use.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Values {
    title: String,
    package: String,
    model: String,
    table: String,
}

impl Context {
    pub(super) fn values(&self) -> Values {
        let Self {
            project: _,
            title,
            agent: _,
            package,
            region: _,
            model,
            permissions: _,
        } = self;
        Values {
            title: title.clone(),
            package: package.clone(),
            model: model.as_ref().map(Model::id).unwrap_or_default(),
            table: super::agent_table(self),
        }
    }
}
