//! Image repositories in ECR.

use aws_sdk_ecr::{Client, types::ImageIdentifier};

use super::{AwsError, Session, found, gone_or};
use crate::resources::clean::ObservedRepository;

#[derive(Debug, Clone)]
pub(crate) struct Ecr {
    client: Client,
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

fn shown(name: &str) -> String {
    format!("repository `{name}`")
}
