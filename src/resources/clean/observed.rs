//! What exists in AWS and in the toolkit's file, as `effects` reads it.

use std::collections::BTreeMap;

use crate::{
    names::Region,
    package::toolkit_yaml::Entry,
    resources::{
        bucket::OwnBucket,
        build_project::ObservedBuilds,
        log_group::ObservedLogGroup,
        repository::{Content, OwnRepository},
        role::{FormerRole, WholeRole},
        runtime::deletion::{NamedRuntime, ObjectKey},
    },
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObservedObject {
    pub(crate) object: ObjectKey,
    /// Includes delete markers.
    pub(crate) versions: Vec<String>,
}

/// What exists in AWS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Observed {
    pub(crate) role: Option<WholeRole>,
    /// Roles other than the configured one.
    pub(crate) former_roles: Vec<FormerRole>,
    pub(crate) regions: BTreeMap<Region, ObservedRegion>,
    /// The toolkit's entry for the agent's runtime.
    pub(crate) entry: Option<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ObservedRegion {
    pub(crate) runtimes: Vec<NamedRuntime>,
    pub(crate) log_groups: Vec<ObservedLogGroup>,
    /// The objects that [`super::objects_to_look_for`] names and that exist.
    pub(crate) objects: Vec<ObservedObject>,
    /// The repository that [`super::repository_to_look_for`] names.
    pub(crate) repository: Option<Content>,
    /// Observed only for an agent that has or had images.
    pub(crate) own_repository: Option<OwnRepository>,
    /// Observed only for an agent that has or had images.
    pub(crate) builds: Option<ObservedBuilds>,
    pub(crate) bucket: Option<OwnBucket>,
}
