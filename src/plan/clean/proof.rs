//! What proves that a runtime, or what hangs on it, is ours.

use super::{Desired, observed::ObservedRuntime};
use crate::{
    config::RoleSettings,
    plan::{deployed::Standing, ownership::Ownership, role::ObservedRole},
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
        let standing = match Standing::by_tags(&self.identity, &runtime.tags) {
            Standing::AskRole => Standing::by_proof(role.proves(&runtime.role_arn)),
            decided => decided,
        };
        match standing {
            Standing::Ours => Ok(()),
            Standing::NotOurs(why) => Err(why),
            Standing::AskRole => unreachable!("the role was asked"),
        }
    }
}
