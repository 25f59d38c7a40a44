//! Proves that a runtime, or what belongs to it, is this project's.

use std::collections::BTreeSet;

use super::{
    Desired,
    observed::{Observed, ObservedRuntime, OwnBucket, Sight},
};
use crate::{
    config::RoleSettings,
    resources::{
        bucket,
        ownership::Ownership,
        role::ObservedRole,
        runtime::observed::{Evidence, Standing},
    },
};

/// What the agent's roles prove.
pub(crate) struct Proof {
    pub(crate) configured: Configured,
    /// The ARNs of all roles with this tool's tags, configured or not.
    ours: BTreeSet<String>,
}

/// The state of the configured role.
pub(crate) enum Configured {
    /// This project's, by its tags.
    Ours,
    /// It does not exist, so nothing can refer to it.
    Absent,
    /// It proves nothing, for this reason.
    Nothing(String),
}

impl Proof {
    pub(crate) fn of_roles(desired: &Desired, observed: &Observed) -> Self {
        let former = observed.former_roles.iter().filter_map(|former| {
            let (Sight::Whole { role, .. } | Sight::Tags { role, .. }) = &former.sight else {
                return None;
            };
            Some(role)
        });
        let ours = former
            .chain(&observed.role)
            .filter(|role| desired.identity.ownership(&role.tags) == Ownership::Ours)
            .map(|role| role.arn.clone())
            .collect();
        Self {
            configured: Configured::of(desired, observed.role.as_ref()),
            ours,
        }
    }

    pub(crate) fn proves(&self, role_arn: &str) -> bool {
        self.ours.contains(role_arn)
    }

    /// Returns true if any role of this project exists. It outlives what belongs to the agent's
    /// runtimes.
    pub(crate) fn has_role(&self) -> bool {
        !self.ours.is_empty()
    }
}

impl Configured {
    fn of(desired: &Desired, observed: Option<&ObservedRole>) -> Self {
        match (&desired.role, observed) {
            (RoleSettings::Given { .. }, _) => Self::Nothing("brought with `role.arn`".to_owned()),
            (RoleSettings::Managed { .. }, None) => Self::Absent,
            (RoleSettings::Managed { .. }, Some(role)) => {
                match desired.identity.ownership(&role.tags) {
                    Ownership::Ours => Self::Ours,
                    Ownership::Unmarked => Self::Nothing("it does not carry our tags".to_owned()),
                    Ownership::Others(owner) => Self::Nothing(format!("its tags say {owner}")),
                }
            }
        }
    }
}

impl Desired {
    /// Checks that the runtime is this project's; otherwise returns the reason. `bucket` is the
    /// project's bucket in the runtime's region.
    pub(crate) fn proves(
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
