//! What is the same for all agents and resources of a run.

use crate::{
    config::Declared, effects::manifest::Project, options::Applying, project::sessions::Placed,
    resources::role::Adopt, ui::Ui,
};

/// A run of a command that plans changes in AWS, and carries them out or only shows them.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) project: &'a Project,
    pub(crate) declared: &'a Declared,
    /// The agents, each with its AWS session.
    pub(crate) placed: &'a [Placed<'a>],
    pub(crate) applying: &'a Applying,
    pub(crate) adopt: Adopt,
    /// Answers questions.
    pub(crate) yes: bool,
    pub(crate) ui: &'a Ui,
}

impl Run<'_> {
    /// Returns true if plans are only shown.
    pub(crate) fn changes_nothing(&self) -> bool {
        self.applying.changes_nothing()
    }
}
