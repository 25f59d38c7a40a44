//! The repository for an agent's images: reads it, and carries out its steps.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    AwsError,
    ecr::Ecr,
    found,
    json_client::{items, text},
};
use crate::resources::repository::{
    DeletionStep, ObservedRepository, OwnRepository, RepositoryStep,
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
        let arn = text(&repository, "repositoryArn").unwrap_or_default();
        let (tags, lifecycle) =
            tokio::try_join!(self.tags(name, &arn), self.lifecycle_policy(name))?;
        let scanning = &repository["imageScanningConfiguration"];
        Ok(Some(ObservedRepository {
            arn,
            tags,
            immutable: repository["imageTagMutability"] == IMMUTABLE,
            scanned: scanning["scanOnPush"] == true,
            lifecycle,
        }))
    }

    /// Returns the repository with its tags and its images; `None` if it does not exist.
    pub(crate) async fn observe_own(&self, name: &str) -> Result<Option<OwnRepository>, AwsError> {
        let Some(repository) = self.described(name).await? else {
            return Ok(None);
        };
        let arn = text(&repository, "repositoryArn").unwrap_or_default();
        let tags = self.tags(name, &arn).await?;
        let content = self.observe(name).await?;
        Ok(content.map(|content| OwnRepository { tags, content }))
    }

    async fn described(&self, name: &str) -> Result<Option<Value>, AwsError> {
        let body = json!({ "repositoryNames": [name] });
        let answer = self.call("ecr:DescribeRepositories", name, &body).await;
        Ok(found(answer)?.and_then(|answer| items(&answer, "repositories").first().cloned()))
    }

    async fn tags(&self, name: &str, arn: &str) -> Result<BTreeMap<String, String>, AwsError> {
        let body = json!({ "resourceArn": arn });
        let answer = self.call("ecr:ListTagsForResource", name, &body).await?;
        Ok(items(&answer, "tags")
            .iter()
            .filter_map(|tag| Some((text(tag, "Key")?, text(tag, "Value")?)))
            .collect())
    }

    async fn lifecycle_policy(&self, name: &str) -> Result<Option<Value>, AwsError> {
        let body = json!({ "repositoryName": name });
        let answer = match self.call("ecr:GetLifecyclePolicy", name, &body).await {
            Err(error) if error.code.as_deref() == Some(NO_POLICY) => return Ok(None),
            answer => found(answer)?,
        };
        let policy = answer.and_then(|answer| text(&answer, "lifecyclePolicyText"));
        // ECR stores only JSON.
        Ok(policy.and_then(|policy| serde_json::from_str(&policy).ok()))
    }

    /// Carries out a step.
    pub(crate) async fn change(&self, step: &RepositoryStep) -> Result<(), AwsError> {
        let (action, name, body) = match step {
            RepositoryStep::Create { name, tags } => return self.create(name, tags).await,
            RepositoryStep::MakeImmutable { name } => (
                "ecr:PutImageTagMutability",
                name,
                json!({ "repositoryName": name, "imageTagMutability": IMMUTABLE }),
            ),
            RepositoryStep::Scan { name } => (
                "ecr:PutImageScanningConfiguration",
                name,
                json!({ "repositoryName": name, "imageScanningConfiguration": scanning() }),
            ),
            RepositoryStep::DropUntagged { name, policy } => (
                "ecr:PutLifecyclePolicy",
                name,
                json!({ "repositoryName": name, "lifecyclePolicyText": policy.to_string() }),
            ),
            RepositoryStep::Tag { name, arn, tags } => (
                "ecr:TagResource",
                name,
                json!({ "resourceArn": arn, "tags": list(tags) }),
            ),
            RepositoryStep::Untag { name, arn, keys } => (
                "ecr:UntagResource",
                name,
                json!({ "resourceArn": arn, "tagKeys": keys }),
            ),
        };
        self.call(action, name, &body).await.map(|_| ())
    }

    /// Carries out a deletion.
    pub(crate) async fn apply_deletion(&self, step: &DeletionStep) -> Result<(), AwsError> {
        match step {
            DeletionStep::DeleteImages { name, digests, .. } => {
                self.delete_images(name, digests).await
            }
            DeletionStep::Delete { name } => self.delete(name).await,
        }
    }

    async fn create(&self, name: &str, tags: &BTreeMap<String, String>) -> Result<(), AwsError> {
        let body = json!({
            "repositoryName": name,
            "imageTagMutability": IMMUTABLE,
            "imageScanningConfiguration": scanning(),
            "tags": list(tags),
        });
        match self.call("ecr:CreateRepository", name, &body).await {
            Ok(_) => Ok(()),
            // Another run has created it in the meantime, or an answer was lost.
            Err(error) if error.code.as_deref() == Some("RepositoryAlreadyExistsException") => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

const IMMUTABLE: &str = "IMMUTABLE";

/// The code of the answer for a repository without a lifecycle policy.
const NO_POLICY: &str = "LifecyclePolicyNotFoundException";

fn scanning() -> Value {
    json!({ "scanOnPush": true })
}

/// Returns tags in ECR's form.
fn list(tags: &BTreeMap<String, String>) -> Vec<Value> {
    tags.iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect()
}
