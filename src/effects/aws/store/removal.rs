//! Lists the bucket's objects and deletes them, including all versions.

use std::collections::BTreeMap;

use super::Store;
use crate::{
    effects::aws::{AwsError, Kind, found, gone_or},
    error::Failure,
    resources::{
        bucket::{self as plan, Stored},
        clean::OwnBucket,
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

    pub(crate) async fn exists(&self) -> Result<bool, Failure> {
        Ok(self.tags().await?.is_some())
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
                .abort_multipart_upload()
                .bucket(&self.bucket)
                .key(key)
                .upload_id(id)
                .expected_bucket_owner(&self.s3.owner)
                .send()
                .await
                .map_err(AwsError::on("s3:AbortMultipartUpload", self.shown(key)));
            gone_or(answer)?;
        }
        Ok(uploads.len())
    }

    /// Returns the key and the ID of each upload.
    async fn unfinished_uploads(&self, prefix: &str) -> Result<Vec<(String, String)>, AwsError> {
        let mut uploads = Vec::new();
        let (mut key_marker, mut id_marker) = (None, None);
        loop {
            let answer = self
                .s3
                .client
                .list_multipart_uploads()
                .bucket(&self.bucket)
                .prefix(prefix)
                .expected_bucket_owner(&self.s3.owner)
                .set_key_marker(key_marker.take())
                .set_upload_id_marker(id_marker.take())
                .send()
                .await
                .map_err(AwsError::on("s3:ListBucketMultipartUploads", self.named()));
            let Some(answer) = found(answer)? else {
                return Ok(Vec::new());
            };
            // Some emulators ignore the prefix.
            uploads.extend(answer.uploads().iter().filter_map(|upload| {
                let key = upload.key().filter(|key| key.starts_with(prefix))?;
                Some((key.to_owned(), upload.upload_id()?.to_owned()))
            }));
            if answer.is_truncated() != Some(true) {
                return Ok(uploads);
            }
            key_marker = answer.next_key_marker;
            id_marker = answer.next_upload_id_marker;
        }
    }

    /// Deletes the bucket if it is empty. The caller has checked that it belongs to this project.
    pub(crate) async fn delete_bucket_if_empty(&self) -> Result<BucketEnd, AwsError> {
        let answer = self
            .s3
            .client
            .delete_bucket()
            .bucket(&self.bucket)
            .expected_bucket_owner(&self.s3.owner)
            .send()
            .await
            .map_err(AwsError::on("s3:DeleteBucket", self.named()));
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
