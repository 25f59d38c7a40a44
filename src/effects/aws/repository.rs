//! The repository for an agent's images: reads it, and carries out its steps.

use std::collections::BTreeMap;

use aws_sdk_ecr::types::{ImageScanningConfiguration, ImageTagMutability, Repository, Tag};

use super::{
    AwsError,
    ecr::{Ecr, shown},
    found,
};
use crate::resources::{
    clean::OwnRepository,
    repository::{ObservedRepository, RepositoryStep},
};

impl Ecr {
    /// Reads the repository; `None` if it does not exist.
    pub(crate) async fn repository(
        &self,
        name: &str,
    ) -> Result<Option<ObservedRepository>, AwsError> {
        let Some(repository) = self.described(name).await? else {
            return Ok(None);
        };
        let arn = repository.repository_arn.unwrap_or_default();
        let (tags, lifecycle) =
            tokio::try_join!(self.tags(name, &arn), self.lifecycle_policy(name))?;
        let mutability = repository.image_tag_mutability;
        let scanning = repository.image_scanning_configuration;
        Ok(Some(ObservedRepository {
            arn,
            tags,
            immutable: mutability == Some(ImageTagMutability::Immutable),
            scanned: scanning.is_some_and(|scanning| scanning.scan_on_push),
            lifecycle,
        }))
    }

    /// Returns the repository with its tags and its images; `None` if it does not exist.
    pub(crate) async fn observe_own(&self, name: &str) -> Result<Option<OwnRepository>, AwsError> {
        let Some(repository) = self.described(name).await? else {
            return Ok(None);
        };
        let arn = repository.repository_arn.unwrap_or_default();
        let tags = self.tags(name, &arn).await?;
        let content = self.observe(name).await?;
        Ok(content.map(|content| OwnRepository { tags, content }))
    }

    async fn described(&self, name: &str) -> Result<Option<Repository>, AwsError> {
        let answer = self
            .client
            .describe_repositories()
            .repository_names(name)
            .send()
            .await
            .map_err(AwsError::on("ecr:DescribeRepositories", shown(name)));
        let described = found(answer)?.and_then(|answer| answer.repositories);
        Ok(described.into_iter().flatten().next())
    }

    async fn tags(&self, name: &str, arn: &str) -> Result<BTreeMap<String, String>, AwsError> {
        let answer = self
            .client
            .list_tags_for_resource()
            .resource_arn(arn)
            .send()
            .await
            .map_err(AwsError::on("ecr:ListTagsForResource", shown(name)))?;
        let tags = answer.tags.unwrap_or_default();
        Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    async fn lifecycle_policy(&self, name: &str) -> Result<Option<serde_json::Value>, AwsError> {
        let answer = self
            .client
            .get_lifecycle_policy()
            .repository_name(name)
            .send()
            .await
            .map_err(AwsError::on("ecr:GetLifecyclePolicy", shown(name)));
        let answer = match answer {
            Err(error) if error.code.as_deref() == Some(NO_POLICY) => return Ok(None),
            answer => found(answer)?,
        };
        let text = answer.and_then(|answer| answer.lifecycle_policy_text);
        // ECR stores only JSON.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Carries out a step.
    pub(crate) async fn change(&self, step: &RepositoryStep) -> Result<(), AwsError> {
        match step {
            RepositoryStep::Create { name, tags } => self.create(name, tags).await,
            RepositoryStep::MakeImmutable { name } => self
                .client
                .put_image_tag_mutability()
                .repository_name(name)
                .image_tag_mutability(ImageTagMutability::Immutable)
                .send()
                .await
                .map(|_| ())
                .map_err(AwsError::on("ecr:PutImageTagMutability", shown(name))),
            RepositoryStep::Scan { name } => self
                .client
                .put_image_scanning_configuration()
                .repository_name(name)
                .image_scanning_configuration(scanning())
                .send()
                .await
                .map(|_| ())
                .map_err(AwsError::on(
                    "ecr:PutImageScanningConfiguration",
                    shown(name),
                )),
            RepositoryStep::DropUntagged { name, policy } => self
                .client
                .put_lifecycle_policy()
                .repository_name(name)
                .lifecycle_policy_text(policy.to_string())
                .send()
                .await
                .map(|_| ())
                .map_err(AwsError::on("ecr:PutLifecyclePolicy", shown(name))),
            RepositoryStep::Tag { name, arn, tags } => self
                .client
                .tag_resource()
                .resource_arn(arn)
                .set_tags(Some(sdk_tags(name, tags)?))
                .send()
                .await
                .map(|_| ())
                .map_err(AwsError::on("ecr:TagResource", shown(name))),
            RepositoryStep::Untag { name, arn, keys } => self
                .client
                .untag_resource()
                .resource_arn(arn)
                .set_tag_keys(Some(keys.clone()))
                .send()
                .await
                .map(|_| ())
                .map_err(AwsError::on("ecr:UntagResource", shown(name))),
        }
    }

    async fn create(&self, name: &str, tags: &BTreeMap<String, String>) -> Result<(), AwsError> {
        let created = self
            .client
            .create_repository()
            .repository_name(name)
            .image_tag_mutability(ImageTagMutability::Immutable)
            .image_scanning_configuration(scanning())
            .set_tags(Some(sdk_tags(name, tags)?))
            .send()
            .await
            .map_err(AwsError::on("ecr:CreateRepository", shown(name)));
        match created {
            Ok(_) => Ok(()),
            // Another run has created it in the meantime, or an answer was lost.
            Err(error) if error.code.as_deref() == Some("RepositoryAlreadyExistsException") => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// The code of the answer for a repository without a lifecycle policy.
const NO_POLICY: &str = "LifecyclePolicyNotFoundException";

fn scanning() -> ImageScanningConfiguration {
    ImageScanningConfiguration::builder()
        .scan_on_push(true)
        .build()
}

fn sdk_tags(name: &str, tags: &BTreeMap<String, String>) -> Result<Vec<Tag>, AwsError> {
    tags.iter()
        .map(|(key, value)| {
            let tag = Tag::builder().key(key).value(value).build();
            tag.map_err(|error| {
                AwsError::refused(
                    "ecr:TagResource",
                    shown(name),
                    None,
                    Some(&error.to_string()),
                )
            })
        })
        .collect()
}
