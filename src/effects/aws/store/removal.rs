//! Lists the bucket's objects and deletes them, including all versions.

use std::collections::BTreeMap;

use super::Store;
use crate::{
    effects::aws::{AwsError, Kind, found, gone_or, runtime::Presence},
    error::Failure,
    resources::{
        bucket::{self as plan, OwnBucket, Stored},
        ownership::Ownership,
    },
};

/// The result of deleting the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BucketEnd {
    Deleted,
    /// It still contains objects, such as another agent's archives.
    NotEmpty,
    Absent,
}

impl Store {
    /// Returns everything in the bucket, for all agents, or `None` if it does not exist.
    pub(crate) async fn observe_content(&self) -> Result<Option<OwnBucket>, Failure> {
        let Some(tags) = self.tags().await? else {
            return Ok(None);
        };
        let mut found = OwnBucket {
            name: self.bucket.clone(),
            tags,
            objects: Vec::new(),
            uploads: Vec::new(),
        };
        // Another owner's bucket is not listed.
        if !matches!(
            plan::ownership(&self.project, &found.tags),
            Ownership::Others(_)
        ) {
            found.objects = self.list("").await?;
            let uploads = self.unfinished_uploads("").await?;
            found.uploads = uploads.into_iter().map(|(key, _)| key).collect();
        }
        Ok(Some(found))
    }

    /// Returns whether the bucket exists, while it is being deleted.
    pub(crate) async fn presence(&self) -> Result<Presence, Failure> {
        Ok(match self.tags().await? {
            Some(_) => Presence::There {
                status: "DELETING".to_owned(),
                failure: None,
            },
            None => Presence::Gone,
        })
    }

    /// Returns all objects under a prefix; empty if the bucket does not exist.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<Stored>, AwsError> {
        let mut objects: BTreeMap<String, Stored> = BTreeMap::new();
        for version in self.s3.versions(&self.bucket, prefix).await? {
            let object = objects
                .entry(version.key.clone())
                .or_insert_with(|| Stored {
                    key: version.key,
                    modified: version.modified,
                    versions: Vec::new(),
                });
            object.modified = object.modified.max(version.modified);
            object.versions.push(version.id);
        }
        Ok(objects.into_values().collect())
    }

    /// Deletes objects with all versions that were listed.
    pub(crate) async fn delete(&self, objects: &[&Stored]) -> Result<(), AwsError> {
        let versions: Vec<(&str, &str)> = objects
            .iter()
            .flat_map(|object| {
                object
                    .versions
                    .iter()
                    .map(|version| (object.key.as_str(), version.as_str()))
            })
            .collect();
        self.s3.delete_versions(&self.bucket, &versions).await
    }

    /// Aborts unfinished uploads under a prefix and returns how many there were.
    pub(crate) async fn abort_uploads(&self, prefix: &str) -> Result<usize, AwsError> {
        let uploads = self.unfinished_uploads(prefix).await?;
        for (key, id) in &uploads {
            let answer = self
                .s3
                .client
                .request(
                    "s3:AbortMultipartUpload",
                    self.shown(key),
                    "DELETE",
                    &self.bucket,
                )
                .key(key)
                .query("uploadId", id)
                .send()
                .await;
            gone_or(answer)?;
        }
        Ok(uploads.len())
    }

    /// Returns the key and the ID of each upload.
    async fn unfinished_uploads(&self, prefix: &str) -> Result<Vec<(String, String)>, AwsError> {
        let mut uploads = Vec::new();
        let mut markers: Option<(String, String)> = None;
        loop {
            let (key, id) = markers.take().unzip();
            let answer = self
                .s3
                .client
                .request(
                    "s3:ListBucketMultipartUploads",
                    self.named(),
                    "GET",
                    &self.bucket,
                )
                .aspect("uploads")
                .query("prefix", prefix)
                .maybe_query("key-marker", key.as_deref())
                .maybe_query("upload-id-marker", id.as_deref())
                .send_for_document()
                .await;
            let Some((page, _)) = found(answer)? else {
                return Ok(Vec::new());
            };
            // Some emulators ignore the prefix.
            uploads.extend(page.all("Upload").filter_map(|upload| {
                let key = upload.text("Key").filter(|key| key.starts_with(prefix))?;
                Some((key.to_owned(), upload.text("UploadId")?.to_owned()))
            }));
            if page.text("IsTruncated") != Some("true") {
                return Ok(uploads);
            }
            let marker = |name: &str| page.text(name).unwrap_or_default().to_owned();
            markers = Some((marker("NextKeyMarker"), marker("NextUploadIdMarker")));
        }
    }

    /// Deletes the bucket if it is empty. The caller has checked that it belongs to this project.
    pub(crate) async fn delete_bucket_if_empty(&self) -> Result<BucketEnd, AwsError> {
        let answer = self
            .s3
            .client
            .request("s3:DeleteBucket", self.named(), "DELETE", &self.bucket)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(BucketEnd::Deleted),
            Err(error) => match (error.code.as_deref(), error.kind) {
                (Some("BucketNotEmpty"), _) => Ok(BucketEnd::NotEmpty),
                (_, Kind::NotFound) => Ok(BucketEnd::Absent),
                _ => Err(error),
            },
        }
    }
}
