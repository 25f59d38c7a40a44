//! Image repositories in ECR: their images, and credentials for them.

use aws_sdk_ecr::{
    Client,
    primitives::Blob as Bytes,
    types::{ImageIdentifier, LayerAvailability},
};

use super::{AwsError, Session, found, gone_or, registry::Sent};
use crate::{
    package::image::{Blob, Image, MANIFEST},
    resources::{clean::ObservedRepository, repository::StoredImage},
};

/// The size of a part of a layer where the service does not ask for another.
const PART: usize = 10 * 1024 * 1024;

#[derive(Debug, Clone)]
pub(crate) struct Ecr {
    pub(super) client: Client,
}

impl Ecr {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            client: Client::new(&session.sdk),
        }
    }

    /// Returns the repository with the digests of its images, or `None` if it does not exist.
    pub(crate) async fn observe(&self, name: &str) -> Result<Option<ObservedRepository>, AwsError> {
        let images = self
            .client
            .list_images()
            .repository_name(name)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(AwsError::on("ecr:ListImages", shown(name)));
        let Some(images) = found(images)? else {
            return Ok(None);
        };
        let mut digests: Vec<String> = images
            .into_iter()
            .filter_map(|image| image.image_digest)
            .collect();
        digests.sort();
        digests.dedup();
        Ok(Some(ObservedRepository {
            name: name.to_owned(),
            digests,
        }))
    }

    /// Returns the images with the time of their push.
    pub(crate) async fn images(&self, name: &str) -> Result<Vec<StoredImage>, AwsError> {
        let images = self
            .client
            .describe_images()
            .repository_name(name)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(AwsError::on("ecr:DescribeImages", shown(name)))?;
        Ok(images
            .into_iter()
            .filter_map(|image| {
                Some(StoredImage {
                    digest: image.image_digest?,
                    tags: image.image_tags.unwrap_or_default(),
                    pushed: image.image_pushed_at.map_or(i64::MAX, |time| time.secs()),
                })
            })
            .collect())
    }

    /// Returns whether a repository has an image.
    pub(crate) async fn has_image(&self, name: &str, digest: &str) -> Result<bool, AwsError> {
        let answer = self
            .client
            .batch_get_image()
            .repository_name(name)
            .image_ids(ImageIdentifier::builder().image_digest(digest).build())
            .send()
            .await
            .map_err(AwsError::on("ecr:BatchGetImage", shown(name)));
        Ok(found(answer)?.is_some_and(|answer| !answer.images().is_empty()))
    }

    /// Returns the value of `Authorization` for the account's registry.
    pub(super) async fn authorization(&self) -> Result<String, AwsError> {
        const OPERATION: &str = "ecr:GetAuthorizationToken";
        let answer = self
            .client
            .get_authorization_token()
            .send()
            .await
            .map_err(AwsError::on(OPERATION, "the account's registry"))?;
        let token = answer
            .authorization_data()
            .iter()
            .find_map(|data| data.authorization_token());
        match token {
            Some(token) => Ok(format!("Basic {token}")),
            None => Err(AwsError::refused(
                OPERATION,
                "the account's registry".to_owned(),
                None,
                Some("the answer has no token"),
            )),
        }
    }

    /// Sends a layer in parts unless the repository has it. Returns the bytes that were needed.
    pub(super) async fn push_layer(
        &self,
        name: &str,
        blob: &Blob,
        sent: &Sent,
    ) -> Result<u64, AwsError> {
        if self.has_layer(name, &blob.digest).await? {
            return Ok(0);
        }
        let begun = self
            .client
            .initiate_layer_upload()
            .repository_name(name)
            .send()
            .await
            .map_err(AwsError::on("ecr:InitiateLayerUpload", shown(name)))?;
        let id = begun.upload_id().unwrap_or_default();
        let size = begun
            .part_size()
            .and_then(|size| usize::try_from(size).ok());
        let mut first = 0;
        for part in blob.bytes.chunks(size.unwrap_or(PART).max(1)) {
            let next = first + i64::try_from(part.len()).unwrap_or(i64::MAX);
            self.client
                .upload_layer_part()
                .repository_name(name)
                .upload_id(id)
                .part_first_byte(first)
                .part_last_byte(next - 1)
                .layer_part_blob(Bytes::new(part))
                .send()
                .await
                .map_err(AwsError::on("ecr:UploadLayerPart", shown(name)))?;
            sent.add(part.len() as u64);
            first = next;
        }
        let completed = self
            .client
            .complete_layer_upload()
            .repository_name(name)
            .upload_id(id)
            .layer_digests(&blob.digest)
            .send()
            .await
            .map_err(AwsError::on("ecr:CompleteLayerUpload", shown(name)));
        match completed {
            Ok(_) => Ok(blob.size()),
            Err(error) if error.code.as_deref() == Some("LayerAlreadyExistsException") => {
                Ok(blob.size())
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn has_layer(&self, name: &str, digest: &str) -> Result<bool, AwsError> {
        let answer = self
            .client
            .batch_check_layer_availability()
            .repository_name(name)
            .layer_digests(digest)
            .send()
            .await
            .map_err(AwsError::on("ecr:BatchCheckLayerAvailability", shown(name)));
        Ok(found(answer)?.is_some_and(|answer| {
            answer
                .layers()
                .iter()
                .any(|layer| layer.layer_availability() == Some(&LayerAvailability::Available))
        }))
    }

    /// Registers an image whose layers are there.
    pub(super) async fn put_image(&self, name: &str, image: &Image) -> Result<(), AwsError> {
        let put = self
            .client
            .put_image()
            .repository_name(name)
            .image_manifest(String::from_utf8_lossy(&image.manifest.bytes))
            .image_manifest_media_type(MANIFEST)
            .image_tag(image.tag())
            .image_digest(image.digest())
            .send()
            .await
            .map_err(AwsError::on("ecr:PutImage", shown(name)));
        match put {
            Ok(_) => Ok(()),
            // Another run has pushed it in the meantime.
            Err(_) if self.has_image(name, image.digest()).await? => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn delete_images(
        &self,
        name: &str,
        digests: &[String],
    ) -> Result<(), AwsError> {
        for batch in digests.chunks(100) {
            let ids = batch
                .iter()
                .map(|digest| ImageIdentifier::builder().image_digest(digest).build())
                .collect();
            let answer = self
                .client
                .batch_delete_image()
                .repository_name(name)
                .set_image_ids(Some(ids))
                .send()
                .await
                .map_err(AwsError::on("ecr:BatchDeleteImage", shown(name)))?;
            let refused = answer.failures().iter().find(|failure| {
                failure
                    .failure_code()
                    .is_none_or(|code| code.as_str() != "ImageNotFound")
            });
            if let Some(refused) = refused {
                let code = refused
                    .failure_code()
                    .map(aws_sdk_ecr::types::ImageFailureCode::as_str);
                return Err(AwsError::refused(
                    "ecr:BatchDeleteImage",
                    shown(name),
                    code,
                    refused.failure_reason(),
                ));
            }
        }
        Ok(())
    }

    /// Deletes an empty repository. Fails if an image was pushed in the meantime.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), AwsError> {
        gone_or(
            self.client
                .delete_repository()
                .repository_name(name)
                .force(false)
                .send()
                .await
                .map_err(AwsError::on("ecr:DeleteRepository", shown(name))),
        )
    }
}

pub(super) fn shown(name: &str) -> String {
    format!("repository `{name}`")
}
