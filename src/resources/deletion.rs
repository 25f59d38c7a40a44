//! What `clean` decides about a resource: the steps that delete it, and what is kept and why.

use crate::resources::change::{Step, Subject};

/// The result for a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deletion<S> {
    /// In the order in which they must be carried out.
    pub(crate) steps: Vec<S>,
    pub(crate) kept: Vec<Kept>,
}

/// Something that is kept, and the reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kept {
    pub(crate) what: Subject,
    pub(crate) why: String,
    pub(crate) weight: Weight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Nothing needs to be done.
    Fine,
    /// It belongs to the project, but someone must do something before it can be deleted.
    Leftover,
}

/// Whether `clean` deletes log groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logs {
    Keep,
    Delete,
}

impl Kept {
    pub(crate) fn fine(what: Subject, why: impl Into<String>) -> Self {
        Self {
            what,
            why: why.into(),
            weight: Weight::Fine,
        }
    }

    pub(crate) fn leftover(what: Subject, why: impl Into<String>) -> Self {
        Self {
            weight: Weight::Leftover,
            ..Self::fine(what, why)
        }
    }
}

impl<S> Default for Deletion<S> {
    fn default() -> Self {
        Self {
            steps: Vec::new(),
            kept: Vec::new(),
        }
    }
}

impl<S: Step> Deletion<S> {
    pub(crate) fn of(steps: impl IntoIterator<Item = S>) -> Self {
        Self {
            steps: steps.into_iter().collect(),
            kept: Vec::new(),
        }
    }

    /// Deletes nothing and keeps this.
    pub(crate) fn keeping(what: Subject, why: impl Into<String>) -> Self {
        Self {
            steps: Vec::new(),
            kept: vec![Kept::fine(what, why)],
        }
    }
}
