//! The parts of a plan: deletions in order, and what is kept with the reason.

use std::collections::{BTreeMap, BTreeSet};

use super::observed::ObjectKey;
use crate::{
    names::{Region, RoleName},
    policy::Document,
    resources::{
        bucket::Stored,
        change::{Action, Change, Step, Subject},
    },
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
        /// How many of them are images with a tag.
        images: usize,
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

impl Kept {
    pub(crate) fn fine(what: Subject, why: impl Into<String>) -> Self {
        Self {
            what,
            why: why.into(),
            weight: Weight::Fine,
        }
    }

    pub(crate) fn leftover(what: Subject, why: impl Into<String>) -> Self {
        Self {
            what,
            why: why.into(),
            weight: Weight::Leftover,
        }
    }
}

impl CleanPlan {
    pub(crate) fn keep(&mut self, what: Subject, why: impl Into<String>) {
        self.kept.push(Kept::fine(what, why));
    }

    /// Keeps something until someone takes care of it.
    pub(crate) fn leave(&mut self, what: Subject, why: impl Into<String>) {
        self.kept.push(Kept::leftover(what, why));
    }
}

impl Step for CleanStep {
    fn change(&self) -> Change {
        let delete =
            |object: String, subject: Subject| Change::new(Action::Delete, object, subject);
        let whole = |kind, name: &str, region| {
            Change::of(Action::Delete, Subject::new(kind, name).at(region))
        };
        match self {
            Self::TagLogGroup { region, name, .. } => {
                Change::of(Action::Tag, Subject::new("log group", name).at(region))
            }
            Self::DeleteEndpoint {
                region,
                runtime,
                endpoint,
            } => delete(
                format!("endpoint `{endpoint}` of runtime `{runtime}`"),
                Subject::new("endpoint", endpoint).of(runtime).at(region),
            ),
            Self::DeleteRuntime { region, runtime } => delete(
                format!("runtime `{runtime}` in {region}"),
                Subject::new("runtime", runtime).at(region),
            ),
            Self::DeleteImages {
                region,
                repository,
                digests,
                images,
            } => delete(
                format!(
                    "{} of repository `{repository}`",
                    content(*images, digests.len())
                ),
                Subject::new("images", repository).at(region),
            ),
            Self::DeleteRepository { region, repository } => {
                whole("repository", repository, region)
            }
            Self::DeleteObject {
                region,
                object,
                versions,
            } => {
                let address = format!("s3://{}/{}", object.bucket, object.key);
                let all = if versions.len() > 1 {
                    format!(" ({} versions)", versions.len())
                } else {
                    String::new()
                };
                delete(
                    format!("object `{address}`{all}"),
                    Subject::new("object", address).at(region),
                )
            }
            Self::AbortUploads {
                region,
                bucket,
                prefix,
                count,
            } => {
                let address = format!("s3://{bucket}/{prefix}");
                delete(
                    format!("{} under `{address}`", counted(*count, "unfinished upload")),
                    Subject::new("unfinished uploads", address).at(region),
                )
            }
            Self::DeleteArchives {
                region,
                bucket,
                prefix,
                objects,
            } => {
                let address = format!("s3://{bucket}/{prefix}");
                delete(
                    archives(&address, objects),
                    Subject::new("objects", address).at(region),
                )
            }
            Self::DeleteBucket { region, bucket } => whole("bucket", bucket, region),
            Self::DeleteLogGroup { region, name } => whole("log group", name, region),
            Self::Role(removal) => removal.change(),
        }
    }
}

impl Step for RoleRemoval {
    fn change(&self) -> Change {
        let role = self.role();
        let whole = Subject::new("role", role.to_string());
        let policy = |name: &str| Subject::new("policy", name).of(role.to_string());
        match self {
            Self::DeletePolicy { role, policy: name } => Change::new(
                Action::Delete,
                format!("policy `{name}` of role `{role}`"),
                policy(name),
            ),
            Self::Detach { role, arn } => Change::new(
                Action::Detach,
                format!("policy `{arn}` from role `{role}`"),
                policy(arn),
            ),
            Self::SetTrust { role, .. } => Change::new(
                Action::Update,
                format!("trust policy of role `{role}`"),
                Subject::new("trust policy", role.to_string()),
            ),
            Self::Untag { .. } => Change::of(Action::Untag, whole),
            Self::Delete { .. } => Change::of(Action::Delete, whole),
        }
    }
}

/// Describes the content of a repository, where manifests without a tag may refer to images.
fn content(images: usize, all: usize) -> String {
    match (images, all.saturating_sub(images)) {
        (images, 0) => counted(images, "image"),
        (0, others) => counted(others, "manifest"),
        (images, others) => format!(
            "{} and {}",
            counted(images, "image"),
            counted(others, "other manifest")
        ),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_refers_to_an_image_is_not_counted_as_one() {
        assert_eq!(content(1, 1), "1 image");
        assert_eq!(content(1, 3), "1 image and 2 other manifests");
        assert_eq!(content(0, 1), "1 manifest");
    }
}
