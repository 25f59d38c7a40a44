//! Proves that a runtime, or what belongs to it, is this project's.

use std::collections::BTreeSet;

use super::{Desired, observed::Observed};
use crate::{
    config::RoleSettings,
    resources::{
        bucket::{self, OwnBucket},
        ownership::Ownership,
        runtime::{deletion::NamedRuntime, observed::Evidence},
    },
};

/// What the agent's roles prove.
pub(super) struct Proof {
    /// The ARNs of all roles with this tool's tags, configured or not.
    ours: BTreeSet<String>,
    /// True if the configured role is this project's, or does not exist, so that only this project
    /// refers to it.
    pub(super) configured_is_ours: bool,
}

impl Proof {
    pub(super) fn of_roles(desired: &Desired, observed: &Observed) -> Self {
        let identity = &desired.identity;
        let configured = observed.role.as_ref().map(|whole| &whole.role);
        let is_ours = configured.map(|role| identity.ownership(&role.tags) == Ownership::Ours);
        let former = observed.former_roles.iter();
        let former = former.filter_map(|former| former.proven(identity));
        let configured = configured.filter(|_| is_ours == Some(true));
        Self {
            ours: former
                .chain(configured.map(|role| &*role.arn))
                .map(str::to_owned)
                .collect(),
            configured_is_ours: match desired.role {
                RoleSettings::Given { .. } => false,
                RoleSettings::Managed { .. } => is_ours.unwrap_or(true),
            },
        }
    }

    pub(super) fn proves(&self, role_arn: &str) -> bool {
        self.ours.contains(role_arn)
    }

    /// Returns true if any role of this project exists. It outlives what belongs to the agent's
    /// runtimes.
    pub(super) fn has_role(&self) -> bool {
        !self.ours.is_empty()
    }
}

impl Desired {
    /// Checks that the runtime is this project's; otherwise returns the reason. `bucket` is the
    /// project's bucket in the runtime's region.
    pub(super) fn proves(
        &self,
        runtime: &NamedRuntime,
        proof: &Proof,
        bucket: Option<&OwnBucket>,
    ) -> Result<(), String> {
        let runs_from = |bucket: &OwnBucket| {
            let code = runtime.code.as_ref();
            code.is_some_and(|code| {
                code.bucket == bucket.name && code.key.starts_with(&bucket::prefix(&self.runtime))
            })
        };
        let is_ours = |bucket: &&OwnBucket| bucket.is_tagged(&self.identity.project);
        let evidence = Evidence {
            uses_our_role: proof.proves(&runtime.role_arn),
            runs_from_our_bucket: bucket.filter(is_ours).is_some_and(runs_from),
        };
        runtime.proven(&self.identity, evidence)
    }
}
