//! Roles that an agent may have had before another one was configured.

use std::collections::BTreeSet;

use super::{
    ObservedRole, by_hand,
    deletion::{Place, RoleDeletion, WholeRole, deletion},
    regions_served,
};
use crate::{
    names::{Region, RoleName},
    resources::{
        change::Subject,
        deletion::{Deletion, Kept},
        ownership::{Identity, Ownership},
    },
};

/// Why a role other than the configured one is considered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trace {
    /// It has the default name of a role.
    Name,
    /// A runtime with the agent's name uses it, or did when this run started.
    Runtime,
}

/// A role that may have been the agent's before another one was configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FormerRole {
    /// Everything could be read; of a foreign role, all but its policies.
    Whole(WholeRole),
    /// Only its tags could be read, which are this tool's, for this reason.
    Tags {
        name: RoleName,
        role: ObservedRole,
        why: String,
    },
    /// Nothing could be read, for this reason.
    Nothing {
        name: RoleName,
        why: String,
        trace: Trace,
    },
}

impl FormerRole {
    pub(crate) fn name(&self) -> &RoleName {
        match self {
            Self::Whole(WholeRole { name, .. })
            | Self::Tags { name, .. }
            | Self::Nothing { name, .. } => name,
        }
    }

    /// Returns the ARN of a role that is this agent's.
    pub(crate) fn proven(&self, identity: &Identity) -> Option<&str> {
        let (Self::Whole(WholeRole { role, .. }) | Self::Tags { role, .. }) = self else {
            return None;
        };
        (identity.ownership(&role.tags) == Ownership::Ours).then_some(&*role.arn)
    }

    /// Returns the regions that the role serves, if it is this agent's.
    pub(crate) fn regions(&self, identity: &Identity) -> Option<BTreeSet<Region>> {
        match self {
            Self::Whole(WholeRole { role, .. }) => {
                self.proven(identity).map(|_| regions_served(role))
            }
            Self::Tags { .. } | Self::Nothing { .. } => None,
        }
    }

    /// Cleans the role like the configured one. A role that cannot be judged is reported if a runtime
    /// of this project uses it; `is_of_kept` is true if a runtime that is kept does.
    pub(crate) fn deletion(&self, place: Place<'_>, is_of_kept: bool) -> RoleDeletion {
        let what = Subject::new("role", self.name().to_string());
        let by_hand = by_hand(self.name());
        let kept = match self {
            Self::Whole(whole) => return deletion(place, whole, &BTreeSet::new()),
            Self::Tags { why, .. } => Kept::leftover(
                what,
                format!(
                    "its tags prove that it is this agent's, but what is attached to it could not be read: {why}; {by_hand}"
                ),
            ),
            Self::Nothing {
                why,
                trace: Trace::Runtime,
                ..
            } if !is_of_kept => Kept::leftover(
                what,
                format!(
                    "the agent's runtime used it, but its owner cannot be determined: {why}; if it is this agent's, {by_hand}"
                ),
            ),
            Self::Nothing { why, .. } => {
                Kept::fine(what, format!("cannot check whether there is one: {why}"))
            }
        };
        RoleDeletion {
            deletion: Deletion {
                steps: Vec::new(),
                kept: vec![kept],
            },
            serves_others: false,
        }
    }
}
