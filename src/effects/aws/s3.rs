//! Objects in S3, with all their versions.

use super::{AwsError, Session, control::timestamp, found, s3_client::S3Client};
use crate::{
    protocol::xml::Element,
    resources::{clean::ObservedObject, runtime::deletion::ObjectKey},
};

#[derive(Debug, Clone)]
pub(crate) struct S3 {
    pub(super) client: S3Client,
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
        Self {
            client: S3Client::new(session),
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
        let mut markers: Option<(String, String)> = None;
        loop {
            let (key, version) = markers.take().unzip();
            let resource = shown(bucket, prefix);
            let answer = self
                .client
                .request("s3:ListBucketVersions", resource, "GET", bucket)
                .aspect("versions")
                .query("prefix", prefix)
                .maybe_query("key-marker", key.as_deref())
                .maybe_query("version-id-marker", version.as_deref())
                .send_for_document()
                .await;
            let Some((page, _)) = found(answer)? else {
                return Ok(Vec::new());
            };
            let stored = page.all("Version").chain(page.all("DeleteMarker"));
            versions.extend(stored.filter_map(Version::read));
            if page.text("IsTruncated") != Some("true") {
                return Ok(versions);
            }
            let marker = |name: &str| page.text(name).unwrap_or_default().to_owned();
            markers = Some((marker("NextKeyMarker"), marker("NextVersionIdMarker")));
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
        const OPERATION: &str = "s3:DeleteObjectVersion";
        for batch in versions.chunks(1000) {
            let first = batch.first().map_or("", |(key, _)| key);
            let objects = batch.iter().map(|(key, version)| {
                Element::new("Object")
                    .with_text("Key", *key)
                    .with_text("VersionId", *version)
            });
            let request = Element::new("Delete")
                .with_all(objects)
                .with_text("Quiet", "true");
            let (answer, _) = self
                .client
                .request(OPERATION, shown(bucket, first), "POST", bucket)
                .aspect("delete")
                .document(&request)
                .send_for_document()
                .await?;
            if let Some(refused) = answer.child("Error") {
                return Err(AwsError::refused(
                    OPERATION,
                    shown(bucket, refused.text("Key").unwrap_or(first)),
                    refused.text("Code"),
                    refused.text("Message"),
                ));
            }
        }
        Ok(())
    }
}

impl Version {
    fn read(element: &Element) -> Option<Self> {
        let modified = element.text("LastModified").unwrap_or_default();
        Some(Self {
            key: element.text("Key")?.to_owned(),
            id: element.text("VersionId").unwrap_or("null").to_owned(),
            modified: timestamp(&modified.into()).unwrap_or_default(),
        })
    }
}

fn shown(bucket: &str, key: &str) -> String {
    format!("`s3://{bucket}/{key}`")
}
