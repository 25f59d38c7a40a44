//! What proves that a runtime, or what hangs on it, is ours.

use super::{
    Desired,
    observed::{ObservedRuntime, Tags},
};
use crate::{
    config::RoleSettings,
    plan::{ownership::Ownership, role::ObservedRole},
};

/// What is known of the execution role.
pub(super) enum Proof {
    /// Ours by its tags.
    Ours { arn: String },
    /// There is none, so nothing can refer to it any more.
    Absent,
    /// It proves nothing, for this reason.
    Nothing(String),
}

impl Proof {
    pub(super) fn of_role(desired: &Desired, observed: Option<&ObservedRole>) -> Self {
        match (&desired.role, observed) {
            (RoleSettings::Given { .. }, _) => Self::Nothing("brought with `role.arn`".to_owned()),
            (RoleSettings::Managed { .. }, None) => Self::Absent,
            (RoleSettings::Managed { .. }, Some(role)) => {
                match desired.identity.ownership(&role.tags) {
                    Ownership::Ours => Self::Ours {
                        arn: role.arn.clone(),
                    },
                    Ownership::Unmarked => Self::Nothing("it does not carry our tags".to_owned()),
                    Ownership::Others(owner) => Self::Nothing(format!("its tags say {owner}")),
                }
            }
        }
    }

    pub(super) fn proves(&self, role_arn: &str) -> bool {
        matches!(self, Self::Ours { arn } if arn == role_arn)
    }
}

impl Desired {
    pub(super) fn proves(&self, runtime: &ObservedRuntime, role: &Proof) -> Result<(), String> {
        match &runtime.tags {
            Tags::Known(tags) => match self.identity.ownership(tags) {
                Ownership::Ours => return Ok(()),
                Ownership::Others(owner) => return Err(format!("its tags say {owner}")),
                Ownership::Unmarked => {}
            },
            Tags::Unknown => {}
        }
        if role.proves(&runtime.role_arn) {
            Ok(())
        } else {
            Err("it carries none of our tags and does not use our role".to_owned())
        }
    }
}
