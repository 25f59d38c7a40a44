//! The declared resources of an agent that could not be read, and what cannot be compared without
//! their IDs: the agent's role and its variables for them.

use crate::{
    engine::{
        agent::in_aws::{Compared, Gap, Why},
        declared::DeclaredWork,
        role::RoleWork,
    },
    project::sessions::Placed,
    resources::difference::{Difference, Part},
};

pub(super) struct Unread {
    pub(super) gaps: Vec<Gap>,
    /// The variables that have the IDs or addresses, as fields of differences.
    fields: Vec<String>,
}

impl Unread {
    pub(super) fn of(placed: &Placed<'_>, resources: &DeclaredWork<'_>) -> Self {
        let mut unread = Self {
            gaps: Vec::new(),
            fields: Vec::new(),
        };
        for (resource, why) in resources.unread(placed) {
            let part = Part::from(resource.kind);
            if !unread.gaps.iter().any(|gap| gap.part == part) {
                let why = Why::Denied(why.clone());
                unread.gaps.push(Gap { part, why });
            }
            let variable = resource.variable();
            if !placed.agent.env.contains_key(&variable) {
                unread.fields.push(format!("env.{variable}"));
            }
        }
        unread
    }

    /// Leaves a role of this tool out of the comparison, because its policy names the IDs.
    pub(super) fn leave_out_role(&mut self, compared: &mut Compared<'_>) {
        if let (Some(first), RoleWork::Managed { .. }) = (self.gaps.first(), &compared.role) {
            let why = first.why.clone();
            compared.role = RoleWork::Unplanned;
            let part = Part::Role;
            self.gaps.push(Gap { part, why });
        }
    }

    /// Returns true for a difference that depends on what could not be read.
    pub(super) fn decides(&self, difference: &Difference) -> bool {
        match difference {
            Difference::Field(change) => self.fields.contains(&change.field),
            Difference::Step { .. } => false,
        }
    }
}
