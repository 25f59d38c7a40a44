//! What proves that a runtime, or what hangs on it, is ours.

use super::{
    Desired,
    observed::{ObservedRuntime, OwnBucket},
};
use crate::{
    config::RoleSettings,
    plan::{
        bucket,
        deployed::{Evidence, Standing},
        ownership::Ownership,
        role::ObservedRole,
    },
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
    /// `bucket` is the project's own in the runtime's region.
    pub(super) fn proves(
        &self,
        runtime: &ObservedRuntime,
        role: &Proof,
        bucket: Option<&OwnBucket>,
    ) -> Result<(), String> {
        let runs_from = |bucket: &OwnBucket| {
            let code = runtime.code.as_ref();
            code.is_some_and(|code| {
                code.bucket == bucket.name && code.key.starts_with(&bucket::prefix(&self.runtime))
            })
        };
        let is_ours = |bucket: &&OwnBucket| {
            bucket::ownership(&self.identity.project, &bucket.tags) == Ownership::Ours
        };
        let evidence = Evidence {
            uses_our_role: role.proves(&runtime.role_arn),
            runs_from_our_bucket: bucket.filter(is_ours).is_some_and(runs_from),
        };
        match Standing::of(&self.identity, &runtime.tags, evidence) {
            Standing::Ours => Ok(()),
            Standing::NotOurs(why) => Err(why),
        }
    }
}
