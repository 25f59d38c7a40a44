//! What `clean` does with the project's bucket: one runtime's part of it, and the bucket itself with
//! the last part.

use std::collections::{BTreeMap, BTreeSet};

use super::{Stored, ownership, prefix};
use crate::{
    names::{ProjectId, RuntimeName},
    resources::{
        change::{Action, Change, Step, Subject},
        deletion::Deletion,
        ownership::Ownership,
    },
    text::counted,
};

/// The bucket that `deploy` creates for a project, with the objects of all agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnBucket {
    pub(crate) name: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) objects: Vec<Stored>,
    /// The keys of unfinished uploads.
    pub(crate) uploads: Vec<String>,
}

/// One step of `clean`. Each names the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeletionStep {
    /// Aborts unfinished uploads under a runtime's prefix.
    AbortUploads {
        bucket: String,
        prefix: String,
        count: usize,
    },
    /// Deletes the objects under a runtime's prefix.
    DeleteObjects {
        bucket: String,
        prefix: String,
        objects: Vec<Stored>,
    },
    /// Deletes the bucket if it is empty.
    Delete { bucket: String },
}

/// The parts of a bucket that stay, by the names of their runtimes.
pub(crate) type Rest<'a> = BTreeSet<&'a str>;

impl OwnBucket {
    /// A bucket without tags and content is left over from a `deploy` that was killed before tagging
    /// it, because only this project uses its name. `deploy` accepts such a bucket too.
    pub(crate) fn proof(&self, project: &ProjectId) -> Result<(), String> {
        let Self {
            name: _,
            tags,
            objects,
            uploads,
        } = self;
        if tags.is_empty() && objects.is_empty() && uploads.is_empty() {
            return Ok(());
        }
        ownership(project, tags).proven()
    }

    /// Returns true if the bucket's tags prove that it is this project's.
    pub(crate) fn is_tagged(&self, project: &ProjectId) -> bool {
        ownership(project, &self.tags) == Ownership::Ours
    }

    /// Returns what `clean` does with a runtime's part of the bucket, which the caller has proven.
    /// `user` is a runtime that is kept and runs from it.
    pub(crate) fn part(&self, runtime: &RuntimeName, user: Option<&str>) -> Deletion<DeletionStep> {
        let prefix = prefix(runtime);
        if let Some(user) = user {
            return Deletion::keeping(
                Subject::new("objects", format!("s3://{}/{prefix}", self.name)),
                format!("the runtime `{user}`, which is kept, runs from it"),
            );
        }
        let uploads = self.uploads.iter().filter(|key| key.starts_with(&prefix));
        let count = uploads.count();
        let objects = self.objects.iter();
        let objects = objects.filter(|object| object.key.starts_with(&prefix));
        let objects: Vec<Stored> = objects.cloned().collect();
        let bucket = &self.name;
        let abort = (count > 0).then(|| DeletionStep::AbortUploads {
            bucket: bucket.clone(),
            prefix: prefix.clone(),
            count,
        });
        let delete = (!objects.is_empty()).then(|| DeletionStep::DeleteObjects {
            bucket: bucket.clone(),
            prefix,
            objects,
        });
        Deletion::of(abort.into_iter().chain(delete))
    }

    /// Returns what `clean` does with the bucket itself once the parts of these runtimes are deleted,
    /// and the parts that keep it.
    pub(crate) fn end(&self, gone: &[&RuntimeName]) -> (Deletion<DeletionStep>, Rest<'_>) {
        let keys = self.objects.iter().map(|object| &object.key);
        let rest: Rest<'_> = keys
            .chain(&self.uploads)
            .filter_map(|key| key.split('/').next())
            .filter(|part| !gone.iter().any(|gone| gone.as_str() == *part))
            .collect();
        if rest.is_empty() {
            let bucket = self.name.clone();
            return (Deletion::of([DeletionStep::Delete { bucket }]), rest);
        }
        let names: Vec<String> = rest.iter().map(|name| format!("`{name}`")).collect();
        let why = format!(
            "other agents of the project are in it: {}",
            names.join(", ")
        );
        (
            Deletion::keeping(Subject::new("bucket", &self.name), why),
            rest,
        )
    }
}

impl Step for DeletionStep {
    fn change(&self) -> Change {
        let (object, subject) = match self {
            Self::AbortUploads {
                bucket,
                prefix,
                count,
            } => {
                let place = format!("s3://{bucket}/{prefix}");
                let object = format!("{} under `{place}`", counted(*count, "unfinished upload"));
                (object, Subject::new("unfinished uploads", place))
            }
            Self::DeleteObjects {
                bucket,
                prefix,
                objects,
            } => {
                let place = format!("s3://{bucket}/{prefix}");
                (words(&place, objects), Subject::new("objects", place))
            }
            Self::Delete { bucket } => {
                return Change::of(Action::Delete, Subject::new("bucket", bucket));
            }
        };
        Change::new(Action::Delete, object, subject)
    }
}

/// Describes the objects in a place.
fn words(place: &str, objects: &[Stored]) -> String {
    let versions: usize = objects.iter().map(|object| object.versions.len()).sum();
    let all = if versions > objects.len() {
        format!(" ({versions} versions)")
    } else {
        String::new()
    };
    format!("{} under `{place}`{all}", counted(objects.len(), "object"))
}
