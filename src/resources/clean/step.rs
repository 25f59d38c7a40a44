//! The parts of a plan: deletions in order, and what is kept with the reason.

use std::collections::{BTreeMap, BTreeSet};

use super::{observed::ObjectKey, subject::Subject};
use crate::{
    names::{Region, RoleName},
    policy::Document,
    resources::bucket::Stored,
    text::counted,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CleanStep {
    TagLogGroup {
        region: Region,
        name: String,
        arn: String,
        tags: BTreeMap<String, String>,
    },
    DeleteEndpoint {
        region: Region,
        runtime: String,
        endpoint: String,
    },
    DeleteRuntime {
        region: Region,
        runtime: String,
    },
    DeleteImages {
        region: Region,
        repository: String,
        digests: Vec<String>,
    },
    DeleteRepository {
        region: Region,
        repository: String,
    },
    DeleteObject {
        region: Region,
        object: ObjectKey,
        versions: Vec<String>,
    },
    /// Unfinished uploads into the project's bucket.
    AbortUploads {
        region: Region,
        bucket: String,
        prefix: String,
        count: usize,
    },
    /// The objects under a runtime's prefix in the project's bucket.
    DeleteArchives {
        region: Region,
        bucket: String,
        prefix: String,
        objects: Vec<Stored>,
    },
    DeleteBucket {
        region: Region,
        bucket: String,
    },
    DeleteLogGroup {
        region: Region,
        name: String,
    },
    Role(RoleRemoval),
}

/// A change in IAM that removes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RoleRemoval {
    DeletePolicy { role: RoleName, policy: String },
    Detach { role: RoleName, arn: String },
    SetTrust { role: RoleName, document: Document },
    Untag { role: RoleName, keys: Vec<String> },
    Delete { role: RoleName },
}

/// Something that is kept, and the reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kept {
    pub(crate) what: Subject,
    pub(crate) why: String,
    pub(crate) weight: Weight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Nothing needs to be done.
    Fine,
    /// It belongs to the project, but someone must do something before it can be deleted.
    Leftover,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CleanPlan {
    /// In the order in which they must be carried out.
    pub(crate) steps: Vec<CleanStep>,
    pub(crate) kept: Vec<Kept>,
    /// True if the toolkit's entry may be deleted, with its cache.
    pub(crate) entry_goes: bool,
    /// True if the copied sources may be deleted because no other region needs them.
    pub(crate) copy_goes: bool,
    /// The regions in whose project bucket this runtime has no objects left afterwards.
    pub(crate) emptied: BTreeSet<Region>,
    /// Former roles that are deleted or changed.
    pub(crate) former_roles: BTreeSet<RoleName>,
}

impl RoleRemoval {
    pub(crate) fn role(&self) -> &RoleName {
        match self {
            Self::DeletePolicy { role, .. }
            | Self::Detach { role, .. }
            | Self::SetTrust { role, .. }
            | Self::Untag { role, .. }
            | Self::Delete { role } => role,
        }
    }
}

impl CleanPlan {
    pub(crate) fn keep(&mut self, what: Subject, why: impl Into<String>) {
        self.kept.push(Kept {
            what,
            why: why.into(),
            weight: Weight::Fine,
        });
    }

    /// Keeps something until someone takes care of it.
    pub(crate) fn leave(&mut self, what: Subject, why: impl Into<String>) {
        self.kept.push(Kept {
            what,
            why: why.into(),
            weight: Weight::Leftover,
        });
    }
}

impl CleanStep {
    /// Returns verb and object: ("Deleting", "delete", "runtime `x`").
    pub(crate) fn words(&self) -> (&'static str, &'static str, String) {
        match self {
            Self::TagLogGroup { name, .. } => ("Tagging", "tag", format!("log group `{name}`")),
            Self::DeleteEndpoint {
                runtime, endpoint, ..
            } => (
                "Deleting",
                "delete",
                format!("endpoint `{endpoint}` of runtime `{runtime}`"),
            ),
            Self::DeleteRuntime { region, runtime } => (
                "Deleting",
                "delete",
                format!("runtime `{runtime}` in {region}"),
            ),
            Self::DeleteImages {
                repository,
                digests,
                ..
            } => (
                "Deleting",
                "delete",
                format!("{} images of repository `{repository}`", digests.len()),
            ),
            Self::DeleteRepository { repository, .. } => {
                ("Deleting", "delete", format!("repository `{repository}`"))
            }
            Self::DeleteObject {
                object, versions, ..
            } => {
                let all = if versions.len() > 1 {
                    format!(" ({} versions)", versions.len())
                } else {
                    String::new()
                };
                (
                    "Deleting",
                    "delete",
                    format!("object `s3://{}/{}`{all}", object.bucket, object.key),
                )
            }
            Self::AbortUploads {
                bucket,
                prefix,
                count,
                ..
            } => (
                "Deleting",
                "delete",
                format!(
                    "{} under `s3://{bucket}/{prefix}`",
                    counted(*count, "unfinished upload")
                ),
            ),
            Self::DeleteArchives {
                bucket,
                prefix,
                objects,
                ..
            } => (
                "Deleting",
                "delete",
                archives(&format!("s3://{bucket}/{prefix}"), objects),
            ),
            Self::DeleteBucket { bucket, .. } => {
                ("Deleting", "delete", format!("bucket `{bucket}`"))
            }
            Self::DeleteLogGroup { name, .. } => {
                ("Deleting", "delete", format!("log group `{name}`"))
            }
            Self::Role(removal) => match removal {
                RoleRemoval::DeletePolicy { role, policy } => (
                    "Deleting",
                    "delete",
                    format!("policy `{policy}` of role `{role}`"),
                ),
                RoleRemoval::Detach { role, arn } => (
                    "Detaching",
                    "detach",
                    format!("policy `{arn}` from role `{role}`"),
                ),
                RoleRemoval::SetTrust { role, .. } => (
                    "Updating",
                    "update",
                    format!("trust policy of role `{role}`"),
                ),
                RoleRemoval::Untag { role, .. } => ("Untagging", "untag", format!("role `{role}`")),
                RoleRemoval::Delete { role } => ("Deleting", "delete", format!("role `{role}`")),
            },
        }
    }
}

fn archives(place: &str, objects: &[Stored]) -> String {
    let versions: usize = objects.iter().map(|object| object.versions.len()).sum();
    let all = if versions > objects.len() {
        format!(" ({versions} versions)")
    } else {
        String::new()
    };
    format!("{} under `{place}`{all}", counted(objects.len(), "object"))
}
