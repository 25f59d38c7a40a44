//! What exists in AWS and in the toolkit's file, as `effects` reads it.

use std::collections::BTreeMap;

use crate::{
    names::{Region, RoleName, image_uri::EcrUri},
    package::toolkit_yaml::Entry,
    resources::{
        bucket::Stored,
        role::ObservedRole,
        runtime::{fields::Artifact, observed::RuntimeState},
    },
};

/// A resource's tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tags {
    Known(BTreeMap<String, String>),
    /// The service does not support tags on this kind of resource.
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
    /// Without `DEFAULT`.
    pub(crate) endpoints: Vec<String>,
    pub(crate) code: Option<ObjectKey>,
    /// The repository of its image.
    pub(crate) repository: Option<String>,
}

impl ObservedRuntime {
    pub(crate) fn of(state: RuntimeState, tags: Tags, endpoints: Vec<String>) -> Self {
        let RuntimeState {
            id,
            arn: _,
            name,
            version: _,
            status,
            failure: _,
            created: _,
            updated: _,
            fields,
            platform: _,
            set_elsewhere: _,
        } = state;
        let (code, image) = match fields.artifact {
            Artifact::Code { object, .. } => (object, None),
            Artifact::Container { uri } => (None, EcrUri::parse(&uri)),
            Artifact::Unknown => (None, None),
        };
        Self {
            id,
            name,
            role_arn: fields.role_arn,
            status,
            tags,
            endpoints,
            code: code.map(|object| ObjectKey {
                bucket: object.bucket,
                key: object.key,
            }),
            repository: image.map(|image| image.repository),
        }
    }
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
    /// Includes delete markers.
    pub(crate) versions: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedRepository {
    pub(crate) name: String,
    /// The digests of everything in it, which includes what refers to images.
    pub(crate) digests: Vec<String>,
    /// How many of them are images with a tag.
    pub(crate) images: usize,
}

/// The repository that `deploy` creates for the agent's images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnRepository {
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) content: ObservedRepository,
}

/// The bucket that `deploy` creates for a project, with the objects of all agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnBucket {
    pub(crate) name: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) objects: Vec<Stored>,
    /// The keys of unfinished uploads.
    pub(crate) uploads: Vec<String>,
}

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
pub(crate) struct FormerRole {
    pub(crate) name: RoleName,
    pub(crate) sight: Sight,
}

/// What could be read of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Everything; for a foreign role, without its policies.
    Whole {
        role: ObservedRole,
        instance_profiles: Vec<String>,
    },
    /// Only its tags, which are this tool's, for this reason.
    Tags { role: ObservedRole, why: String },
    /// Nothing, for this reason.
    Nothing { why: String, trace: Trace },
}

/// What exists in AWS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Observed {
    pub(crate) role: Option<ObservedRole>,
    /// The instance profiles that contain the role.
    pub(crate) instance_profiles: Vec<String>,
    /// Roles other than the configured one.
    pub(crate) former_roles: Vec<FormerRole>,
    pub(crate) regions: BTreeMap<Region, ObservedRegion>,
    /// The toolkit's entry for the agent's runtime.
    pub(crate) entry: Option<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ObservedRegion {
    pub(crate) runtimes: Vec<ObservedRuntime>,
    pub(crate) log_groups: Vec<ObservedLogGroup>,
    /// The objects that [`objects_to_look_for`] names and that exist.
    pub(crate) objects: Vec<ObservedObject>,
    /// The repository that [`repository_to_look_for`] names.
    pub(crate) repository: Option<ObservedRepository>,
    /// Observed only for an agent that has or had images.
    pub(crate) own_repository: Option<OwnRepository>,
    pub(crate) bucket: Option<OwnBucket>,
}
