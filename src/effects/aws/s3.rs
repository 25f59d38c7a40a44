//! Objects in S3, all their versions.

use aws_sdk_s3::{
    Client,
    config::Builder,
    types::{Delete, ObjectIdentifier},
};

use super::{AwsError, Session};
use crate::plan::clean::{ObjectKey, ObservedObject};

#[derive(Debug, Clone)]
pub(crate) struct S3 {
    pub(super) client: Client,
    /// Asserted on every call, so that nobody else's bucket of the same name is touched.
    pub(super) owner: String,
}

impl S3 {
    pub(crate) fn new(session: &Session) -> Self {
        // Path style is what emulators understand; the service still does.
        let path_style = session.sdk.endpoint_url().is_some();
        let config = Builder::from(&session.sdk)
            .force_path_style(path_style)
            .build();
        Self {
            client: Client::from_conf(config),
            owner: session.account.to_string(),
        }
    }

    /// All versions and delete markers of one key; `None` where there are none.
    pub(crate) async fn observe(
        &self,
        object: &ObjectKey,
    ) -> Result<Option<ObservedObject>, AwsError> {
        let mut versions = Vec::new();
        let (mut key_marker, mut version_marker) = (None, None);
        loop {
            let answer = self
                .client
                .list_object_versions()
                .bucket(&object.bucket)
                .prefix(&object.key)
                .expected_bucket_owner(&self.owner)
                .set_key_marker(key_marker.take())
                .set_version_id_marker(version_marker.take())
                .send()
                .await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    let error = AwsError::new("s3:ListBucketVersions", shown(object), &error);
                    return if error.is_not_found() {
                        Ok(None)
                    } else {
                        Err(error)
                    };
                }
            };
            let stored = answer
                .versions()
                .iter()
                .map(|version| (version.key(), version.version_id()));
            let markers = answer
                .delete_markers()
                .iter()
                .map(|marker| (marker.key(), marker.version_id()));
            versions.extend(
                stored
                    .chain(markers)
                    .filter(|(key, _)| *key == Some(object.key.as_str()))
                    .map(|(_, version)| version.unwrap_or("null").to_owned()),
            );
            if answer.is_truncated() != Some(true) {
                break;
            }
            key_marker = answer.next_key_marker;
            version_marker = answer.next_version_id_marker;
        }
        Ok((!versions.is_empty()).then(|| ObservedObject {
            object: object.clone(),
            versions,
        }))
    }

    /// Deletes these versions of one key.
    pub(crate) async fn delete(
        &self,
        object: &ObjectKey,
        versions: &[String],
    ) -> Result<(), AwsError> {
        for batch in versions.chunks(1000) {
            let identifiers: Vec<ObjectIdentifier> = batch
                .iter()
                .map(|version| {
                    ObjectIdentifier::builder()
                        .key(&object.key)
                        .version_id(version)
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
                .bucket(&object.bucket)
                .expected_bucket_owner(&self.owner)
                .delete(request.expect("a request has objects"))
                .send()
                .await
                .map_err(|error| AwsError::new("s3:DeleteObjectVersion", shown(object), &error))?;
            if let Some(refused) = answer.errors().first() {
                return Err(AwsError::refused(
                    "s3:DeleteObjectVersion",
                    shown(object),
                    refused.code(),
                    refused.message(),
                ));
            }
        }
        Ok(())
    }
}

fn shown(object: &ObjectKey) -> String {
    format!("`s3://{}/{}`", object.bucket, object.key)
}
