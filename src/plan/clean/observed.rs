//! What stands in AWS and in the toolkit's file, as `effects` reads it.

use std::collections::BTreeMap;

use crate::{
    names::{Region, RoleName},
    package::toolkit_yaml::Entry,
    plan::{bucket::Stored, role::ObservedRole},
};

/// What a store says about the tags of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tags {
    Known(BTreeMap<String, String>),
    /// The store keeps no tags on such things.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ObjectKey {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedRuntime {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) role_arn: String,
    pub(crate) status: String,
    pub(crate) tags: Tags,
    /// Without the one that goes with the runtime.
    pub(crate) endpoints: Vec<String>,
    pub(crate) code: Option<ObjectKey>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedLogGroup {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) tags: Tags,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedObject {
    pub(crate) object: ObjectKey,
    /// Delete markers included.
    pub(crate) versions: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedRepository {
    pub(crate) name: String,
    pub(crate) digests: Vec<String>,
}

/// The bucket that `deploy` makes for a project, with what every agent has in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnBucket {
    pub(crate) name: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) objects: Vec<Stored>,
    /// Keys of the uploads that nobody finished.
    pub(crate) uploads: Vec<String>,
}

/// Why a role that is not the configured one is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trace {
    /// It has the name that a role gets where no other is configured.
    Name,
    /// A runtime of the agent's name runs with it, or did when this run began.
    Runtime,
}

/// A role that may have been the agent's before another one was configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FormerRole {
    pub(crate) name: RoleName,
    pub(crate) sight: Sight,
}

/// How much of a role may be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sight {
    /// All of it; of one that is not ours no policies.
    Whole {
        role: ObservedRole,
        instance_profiles: Vec<String>,
    },
    /// Its tags, which are ours, and for this reason not what stands on it.
    Tags { role: ObservedRole, why: String },
    /// Nothing, for this reason.
    Nothing { why: String, trace: Trace },
}

/// What stands in AWS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Observed {
    pub(crate) role: Option<ObservedRole>,
    /// Those that the role stands in.
    pub(crate) instance_profiles: Vec<String>,
    /// Beside the one that is configured.
    pub(crate) former_roles: Vec<FormerRole>,
    pub(crate) regions: BTreeMap<Region, ObservedRegion>,
    /// The toolkit's entry for the agent's runtime.
    pub(crate) entry: Option<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ObservedRegion {
    pub(crate) runtimes: Vec<ObservedRuntime>,
    pub(crate) log_groups: Vec<ObservedLogGroup>,
    /// Of those that [`objects_to_look_for`] names.
    pub(crate) objects: Vec<ObservedObject>,
    /// The one that [`repository_to_look_for`] names.
    pub(crate) repository: Option<ObservedRepository>,
    pub(crate) bucket: Option<OwnBucket>,
}
