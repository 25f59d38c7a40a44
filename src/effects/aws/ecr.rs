//! Image repositories in ECR: their images, and credentials for them.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    AwsError, Session,
    control::timestamp,
    found, gone_or,
    json_client::{JsonClient, items, text},
    sent_bytes::Sent,
};
use crate::{
    package::image::{Blob, Image, MANIFEST},
    protocol::json_services,
    resources::repository::{Content, StoredImage},
};

/// The size of a part of a layer where the service does not ask for another.
const PART: usize = 10 * 1024 * 1024;

#[derive(Debug, Clone)]
pub(crate) struct Ecr {
    client: JsonClient,
}

impl Ecr {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            client: JsonClient::new(session.connection(), &json_services::ECR),
        }
    }

    /// Calls an operation on a repository.
    pub(super) async fn call(
        &self,
        action: &'static str,
        repository: &str,
        body: &Value,
    ) -> Result<Value, AwsError> {
        self.client.call(action, &shown(repository), body).await
    }

    /// Returns the items of all pages about a repository.
    async fn all(
        &self,
        action: &'static str,
        repository: &str,
        member: &str,
    ) -> Result<Vec<Value>, AwsError> {
        let body = json!({ "repositoryName": repository });
        self.client
            .all(action, &shown(repository), body, member)
            .await
    }

    /// Returns the repository with the digests of its images, or `None` if it does not exist.
    pub(crate) async fn observe(&self, name: &str) -> Result<Option<Content>, AwsError> {
        let images = self.all("ecr:ListImages", name, "imageIds").await;
        let Some(images) = found(images)? else {
            return Ok(None);
        };
        let mut digests: Vec<String> = images
            .iter()
            .filter_map(|image| text(image, "imageDigest"))
            .collect();
        digests.sort();
        digests.dedup();
        // The tag of an index of referrers begins with the algorithm of a digest.
        let is_image =
            |image: &&Value| text(image, "imageTag").is_some_and(|tag| !tag.starts_with("sha256-"));
        let tagged = images.iter().filter(is_image);
        let tagged: BTreeSet<String> = tagged
            .filter_map(|image| text(image, "imageDigest"))
            .collect();
        Ok(Some(Content {
            name: name.to_owned(),
            digests,
            images: tagged.len(),
        }))
    }

    /// Returns the images with the time of their push.
    pub(crate) async fn images(&self, name: &str) -> Result<Vec<StoredImage>, AwsError> {
        let images = self.all("ecr:DescribeImages", name, "imageDetails").await?;
        Ok(images
            .iter()
            .filter_map(|image| {
                Some(StoredImage {
                    digest: text(image, "imageDigest")?,
                    tags: items(image, "imageTags")
                        .iter()
                        .filter_map(|tag| tag.as_str().map(str::to_owned))
                        .collect(),
                    pushed: timestamp(&image["imagePushedAt"]).unwrap_or(i64::MAX),
                    bytes: image["imageSizeInBytes"].as_u64().unwrap_or_default(),
                })
            })
            .collect())
    }

    /// Returns whether a repository has an image.
    pub(crate) async fn has_image(&self, name: &str, digest: &str) -> Result<bool, AwsError> {
        let body = json!({ "repositoryName": name, "imageIds": [{ "imageDigest": digest }] });
        let answer = self.call("ecr:BatchGetImage", name, &body).await;
        Ok(found(answer)?.is_some_and(|answer| !items(&answer, "images").is_empty()))
    }

    /// Returns the value of `Authorization` for the account's registry.
    pub(super) async fn authorization(&self) -> Result<String, AwsError> {
        const OPERATION: &str = "ecr:GetAuthorizationToken";
        const REGISTRY: &str = "the account's registry";
        let answer = self.client.call(OPERATION, REGISTRY, &json!({})).await?;
        let token = items(&answer, "authorizationData")
            .iter()
            .find_map(|data| text(data, "authorizationToken"));
        match token {
            Some(token) => Ok(format!("Basic {token}")),
            None => Err(AwsError::refused(
                OPERATION,
                REGISTRY.to_owned(),
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
        let body = json!({ "repositoryName": name });
        let begun = self.call("ecr:InitiateLayerUpload", name, &body).await?;
        let id = &begun["uploadId"];
        let size = begun["partSize"]
            .as_u64()
            .and_then(|size| usize::try_from(size).ok());
        let mut first = 0;
        for part in blob.bytes.chunks(size.unwrap_or(PART).max(1)) {
            let next = first + part.len() as u64;
            let body = json!({
                "repositoryName": name,
                "uploadId": id,
                "partFirstByte": first,
                "partLastByte": next - 1,
                "layerPartBlob": STANDARD.encode(part),
            });
            self.call("ecr:UploadLayerPart", name, &body).await?;
            sent.add(part.len() as u64);
            first = next;
        }
        let body = json!({
            "repositoryName": name,
            "uploadId": id,
            "layerDigests": [blob.digest],
        });
        let completed = self.call("ecr:CompleteLayerUpload", name, &body).await;
        match completed {
            Ok(_) => Ok(blob.size()),
            Err(error) if error.code.as_deref() == Some("LayerAlreadyExistsException") => {
                Ok(blob.size())
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn has_layer(&self, name: &str, digest: &str) -> Result<bool, AwsError> {
        let body = json!({ "repositoryName": name, "layerDigests": [digest] });
        let action = "ecr:BatchCheckLayerAvailability";
        let answer = found(self.call(action, name, &body).await)?;
        Ok(answer.is_some_and(|answer| {
            items(&answer, "layers")
                .iter()
                .any(|layer| layer["layerAvailability"] == "AVAILABLE")
        }))
    }

    /// Registers an image whose layers are there.
    pub(super) async fn put_image(&self, name: &str, image: &Image) -> Result<(), AwsError> {
        let body = json!({
            "repositoryName": name,
            "imageManifest": String::from_utf8_lossy(&image.manifest.bytes),
            "imageManifestMediaType": MANIFEST,
            "imageTag": image.tag(),
            "imageDigest": image.digest(),
        });
        let put = self.call("ecr:PutImage", name, &body).await;
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
        const OPERATION: &str = "ecr:BatchDeleteImage";
        for batch in digests.chunks(100) {
            let ids: Vec<Value> = batch
                .iter()
                .map(|digest| json!({ "imageDigest": digest }))
                .collect();
            let body = json!({ "repositoryName": name, "imageIds": ids });
            let answer = self.call(OPERATION, name, &body).await?;
            let refused = items(&answer, "failures")
                .iter()
                .find(|failure| failure["failureCode"] != "ImageNotFound");
            if let Some(refused) = refused {
                return Err(AwsError::refused(
                    OPERATION,
                    shown(name),
                    refused["failureCode"].as_str(),
                    refused["failureReason"].as_str(),
                ));
            }
        }
        Ok(())
    }

    /// Deletes an empty repository. Fails if an image was pushed in the meantime.
    pub(super) async fn delete(&self, name: &str) -> Result<(), AwsError> {
        let body = json!({ "repositoryName": name, "force": false });
        gone_or(self.call("ecr:DeleteRepository", name, &body).await)
    }
}

fn shown(name: &str) -> String {
    format!("repository `{name}`")
}
