//! Objects in S3, with all their versions.

use aws_sdk_s3::{
    Client,
    config::Builder,
    primitives::DateTime,
    types::{Delete, ObjectIdentifier},
};

use super::{AwsError, Session, found};
use crate::resources::clean::{ObjectKey, ObservedObject};

#[derive(Debug, Clone)]
pub(crate) struct S3 {
    pub(super) client: Client,
    /// The account that must own the bucket. Sent with every call, so that another account's bucket
    /// with the same name is never touched.
    pub(super) owner: String,
}

/// A version of an object, or a delete marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) key: String,
    pub(super) id: String,
    /// Seconds since 1970.
    pub(super) modified: i64,
}

impl S3 {
    pub(crate) fn new(session: &Session) -> Self {
        // Emulators need path-style addresses; S3 still supports them.
        let path_style = session.sdk.endpoint_url().is_some();
        let config = Builder::from(&session.sdk)
            .force_path_style(path_style)
            .build();
        Self {
            client: Client::from_conf(config),
            owner: session.account.to_string(),
        }
    }

    /// Returns all versions and delete markers of one key, or `None` if there are none.
    pub(crate) async fn observe(
        &self,
        object: &ObjectKey,
    ) -> Result<Option<ObservedObject>, AwsError> {
        let versions: Vec<String> = self
            .versions(&object.bucket, &object.key)
            .await?
            .into_iter()
            .filter(|version| version.key == object.key)
            .map(|version| version.id)
            .collect();
        Ok((!versions.is_empty()).then(|| ObservedObject {
            object: object.clone(),
            versions,
        }))
    }

    /// Returns all versions and delete markers under a prefix; empty if the bucket does not exist.
    pub(super) async fn versions(
        &self,
        bucket: &str,
        prefix: &str,
    ) -> Result<Vec<Version>, AwsError> {
        let mut versions = Vec::new();
        let (mut key_marker, mut version_marker) = (None, None);
        loop {
            let answer = self
                .client
                .list_object_versions()
                .bucket(bucket)
                .prefix(prefix)
                .expected_bucket_owner(&self.owner)
                .set_key_marker(key_marker.take())
                .set_version_id_marker(version_marker.take())
                .send()
                .await
                .map_err(AwsError::on("s3:ListBucketVersions", shown(bucket, prefix)));
            let Some(answer) = found(answer)? else {
                return Ok(Vec::new());
            };
            let stored = answer.versions().iter().map(|version| {
                let modified = version.last_modified().map_or(0, DateTime::secs);
                (version.key(), version.version_id(), modified)
            });
            let markers = answer.delete_markers().iter().map(|marker| {
                let modified = marker.last_modified().map_or(0, DateTime::secs);
                (marker.key(), marker.version_id(), modified)
            });
            versions.extend(stored.chain(markers).filter_map(|(key, id, modified)| {
                Some(Version {
                    key: key?.to_owned(),
                    id: id.unwrap_or("null").to_owned(),
                    modified,
                })
            }));
            if answer.is_truncated() != Some(true) {
                return Ok(versions);
            }
            key_marker = answer.next_key_marker;
            version_marker = answer.next_version_id_marker;
        }
    }

    /// Deletes these versions of one key.
    pub(crate) async fn delete(
        &self,
        object: &ObjectKey,
        versions: &[String],
    ) -> Result<(), AwsError> {
        let versions: Vec<(&str, &str)> = versions
            .iter()
            .map(|version| (object.key.as_str(), version.as_str()))
            .collect();
        self.delete_versions(&object.bucket, &versions).await
    }

    /// Deletes versions of several keys.
    pub(super) async fn delete_versions(
        &self,
        bucket: &str,
        versions: &[(&str, &str)],
    ) -> Result<(), AwsError> {
        for batch in versions.chunks(1000) {
            let first = batch.first().map_or("", |(key, _)| key);
            let identifiers: Vec<ObjectIdentifier> = batch
                .iter()
                .map(|(key, version)| {
                    ObjectIdentifier::builder()
                        .key(*key)
                        .version_id(*version)
                        .build()
                        .expect("an identifier has a key")
                })
                .collect();
            let request = Delete::builder()
                .set_objects(Some(identifiers))
                .quiet(true)
                .build();
            let answer = self
                .client
                .delete_objects()
                .bucket(bucket)
                .expected_bucket_owner(&self.owner)
                .delete(request.expect("a request has objects"))
                .send()
                .await
                .map_err(AwsError::on("s3:DeleteObjectVersion", shown(bucket, first)))?;
            if let Some(refused) = answer.errors().first() {
                return Err(AwsError::refused(
                    "s3:DeleteObjectVersion",
                    shown(bucket, refused.key().unwrap_or(first)),
                    refused.code(),
                    refused.message(),
                ));
            }
        }
        Ok(())
    }
}

fn shown(bucket: &str, key: &str) -> String {
    format!("`s3://{bucket}/{key}`")
}
