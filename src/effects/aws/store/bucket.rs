//! The bucket itself: its tags and settings.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLocationConstraint,
    CreateBucketConfiguration, ExpirationStatus, LifecycleRule, LifecycleRuleFilter,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging,
};
use serde_json::Value;

use super::Store;
use crate::{
    effects::{
        aws::{AwsError, Kind},
        clock,
    },
    error::Failure,
    plan::retry,
    resources::{
        bucket::{self as plan, BucketStep, ObservedBucket, Settings},
        ownership::Ownership,
    },
};

/// How often a step is retried if another run changes the bucket at the same time.
const ROUNDS: u32 = 6;

/// The ID of this tool's lifecycle rule.
const UNFINISHED: &str = "drop-unfinished-uploads";

impl Store {
    /// Prepares the bucket and returns the steps that were needed; usually none after the first
    /// run.
    pub(crate) async fn ensure_bucket(
        &self,
        declared: &BTreeMap<String, String>,
    ) -> Result<Vec<BucketStep>, Failure> {
        let steps = self.bucket_steps(declared).await?;
        for step in &steps {
            self.apply(step).await?;
        }
        Ok(steps)
    }

    /// Returns the steps that would prepare the bucket.
    pub(crate) async fn bucket_steps(
        &self,
        declared: &BTreeMap<String, String>,
    ) -> Result<Vec<BucketStep>, Failure> {
        let observed = self.observe_bucket().await?;
        let mut steps = plan::steps_to_ensure(&self.bucket, &self.project, declared, &observed)?;
        steps.retain(|step| *step != BucketStep::DemandTls || self.over_tls);
        Ok(steps)
    }

    /// Makes five requests in parallel; they are enough if the bucket is ready or missing.
    pub(super) async fn observe_bucket(&self) -> Result<ObservedBucket, Failure> {
        let (tags, private, encrypted, rules, policy) = tokio::join!(
            Box::pin(self.tags()),
            Box::pin(self.is_private()),
            Box::pin(self.is_encrypted()),
            Box::pin(self.lifecycle_rules()),
            Box::pin(self.policy_with_tls())
        );
        // Tags come first, because they identify another owner's bucket best.
        let Some(mut tags) = tags? else {
            return Ok(ObservedBucket::Absent);
        };
        let unmarked = plan::ownership(&self.project, &tags) == Ownership::Unmarked;
        let empty = unmarked && self.is_empty().await?;
        if unmarked && !empty {
            // Another run may have tagged the bucket and uploaded to it since the tags were read.
            match self.tags().await? {
                Some(now) => tags = now,
                None => return Ok(ObservedBucket::Absent),
            }
        }
        let settings = Settings {
            private: private?,
            encrypted: encrypted?,
            drops_unfinished_uploads: rules?.iter().any(drops_unfinished_uploads),
            demands_tls: policy?.is_none(),
        };
        Ok(ObservedBucket::There {
            tags,
            empty,
            settings,
        })
    }

    async fn is_private(&self) -> Result<bool, AwsError> {
        let answer = self
            .s3
            .client
            .get_public_access_block()
            .bucket(&self.bucket)
            .expected_bucket_owner(&self.s3.owner)
            .send()
            .await
            .map_err(AwsError::on("s3:GetBucketPublicAccessBlock", self.named()));
        let block = set(answer)?.and_then(|answer| answer.public_access_block_configuration);
        Ok(block.is_some_and(|block| {
            [
                block.block_public_acls,
                block.ignore_public_acls,
                block.block_public_policy,
                block.restrict_public_buckets,
            ]
            .into_iter()
            .all(|is| is == Some(true))
        }))
    }

    async fn is_encrypted(&self) -> Result<bool, AwsError> {
        let answer = self
            .s3
            .client
            .get_bucket_encryption()
            .bucket(&self.bucket)
            .expected_bucket_owner(&self.s3.owner)
            .send()
            .await
            .map_err(AwsError::on("s3:GetEncryptionConfiguration", self.named()));
        let found = set(answer)?.and_then(|answer| answer.server_side_encryption_configuration);
        Ok(found.is_some_and(|found| !found.rules.is_empty()))
    }

    async fn lifecycle_rules(&self) -> Result<Vec<LifecycleRule>, AwsError> {
        let answer = self
            .s3
            .client
            .get_bucket_lifecycle_configuration()
            .bucket(&self.bucket)
            .expected_bucket_owner(&self.s3.owner)
            .send()
            .await
            .map_err(AwsError::on("s3:GetLifecycleConfiguration", self.named()));
        Ok(set(answer)?
            .and_then(|answer| answer.rules)
            .unwrap_or_default())
    }

    /// Returns the policy that the bucket needs, or `None` if it already demands TLS.
    async fn policy_with_tls(&self) -> Result<Option<Value>, AwsError> {
        if !self.over_tls {
            return Ok(None);
        }
        let answer = self
            .s3
            .client
            .get_bucket_policy()
            .bucket(&self.bucket)
            .expected_bucket_owner(&self.s3.owner)
            .send()
            .await
            .map_err(AwsError::on("s3:GetBucketPolicy", self.named()));
        let text = set(answer)?.and_then(|answer| answer.policy);
        // S3 stores only JSON policies.
        let there = text.and_then(|text| serde_json::from_str(&text).ok());
        Ok(plan::policy_with_tls(
            self.partition,
            &self.bucket,
            there.as_ref(),
        ))
    }

    /// Writes the policy, including the statements of others, because a bucket's policy can only be
    /// replaced as a whole.
    async fn demand_tls(&self) -> Result<(), AwsError> {
        let Some(policy) = self.policy_with_tls().await? else {
            return Ok(());
        };
        self.s3
            .client
            .put_bucket_policy()
            .bucket(&self.bucket)
            .expected_bucket_owner(&self.s3.owner)
            .policy(policy.to_string())
            .send()
            .await
            .map_err(AwsError::on("s3:PutBucketPolicy", self.named()))?;
        Ok(())
    }

    /// Returns the tags, or `None` if the bucket does not exist.
    pub(super) async fn tags(&self) -> Result<Option<BTreeMap<String, String>>, Failure> {
        let answer = self
            .s3
            .client
            .get_bucket_tagging()
            .bucket(&self.bucket)
            .expected_bucket_owner(&self.s3.owner)
            .send()
            .await
            .map_err(AwsError::on("s3:GetBucketTagging", self.named()));
        match answer {
            Ok(answer) => Ok(Some(
                answer
                    .tag_set
                    .into_iter()
                    .map(|tag| (tag.key, tag.value))
                    .collect(),
            )),
            Err(error) => match (error.code.as_deref(), error.kind) {
                // An emulator that is killed loses the tags but keeps the objects. The project's
                // own emulator contains no bucket of another owner with this name.
                (Some("NoSuchTagSet" | "NoSuchTagSetError"), _) if !self.durable_tags => {
                    Ok(Some(plan::tags(&self.project)))
                }
                (Some("NoSuchTagSet" | "NoSuchTagSetError"), _) => Ok(Some(BTreeMap::new())),
                (_, Kind::NotFound) => Ok(None),
                // The service also says this if another account owns the bucket.
                (_, Kind::Denied) => Err(Failure::from(error).note(format!(
                    "S3 also reports this if the bucket belongs to an account other than {}",
                    self.s3.owner
                ))),
                _ => Err(error.into()),
            },
        }
    }

    async fn is_empty(&self) -> Result<bool, AwsError> {
        let answer = self
            .s3
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .max_keys(1)
            .expected_bucket_owner(&self.s3.owner)
            .send()
            .await
            .map_err(AwsError::on("s3:ListBucket", self.named()))?;
        Ok(answer.contents().is_empty())
    }

    /// Retries, because another run may change the same bucket, and a new bucket is not visible
    /// everywhere at once.
    async fn apply(&self, step: &BucketStep) -> Result<(), AwsError> {
        let mut round = 1;
        loop {
            let result = match step {
                BucketStep::Create => self.create().await,
                BucketStep::BlockPublicAccess => self.block_public_access().await,
                BucketStep::Encrypt => self.encrypt().await,
                BucketStep::DropUnfinishedUploads => self.drop_unfinished_uploads().await,
                BucketStep::DemandTls => self.demand_tls().await,
                BucketStep::Tag(tags) => self.tag(tags).await,
            };
            match result {
                Err(error)
                    if matches!(error.kind, Kind::Conflict | Kind::NotFound) && round < ROUNDS =>
                {
                    clock::sleep(retry::pause(round, clock::jitter())).await;
                    round += 1;
                }
                result => return result,
            }
        }
    }

    async fn create(&self) -> Result<(), AwsError> {
        // `us-east-1` must not be named.
        let place = (self.region != "us-east-1").then(|| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(self.region.as_str()))
                .build()
        });
        let answer = self
            .s3
            .client
            .create_bucket()
            .bucket(&self.bucket)
            .set_create_bucket_configuration(place)
            .send()
            .await
            .map_err(AwsError::on("s3:CreateBucket", self.named()));
        match answer {
            // Another run of the same project created it first.
            Err(error) if error.code.as_deref() == Some("BucketAlreadyOwnedByYou") => Ok(()),
            answer => answer.map(|_| ()),
        }
    }

    async fn block_public_access(&self) -> Result<(), AwsError> {
        let block = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        self.s3
            .client
            .put_public_access_block()
            .bucket(&self.bucket)
            .expected_bucket_owner(&self.s3.owner)
            .public_access_block_configuration(block)
            .send()
            .await
            .map_err(AwsError::on("s3:PutBucketPublicAccessBlock", self.named()))?;
        Ok(())
    }

    async fn encrypt(&self) -> Result<(), AwsError> {
        let default = ServerSideEncryptionByDefault::builder()
            .sse_algorithm(ServerSideEncryption::Aes256)
            .build()
            .expect("an encryption has an algorithm");
        let rule = ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(default)
            .build();
        let encryption = ServerSideEncryptionConfiguration::builder()
            .rules(rule)
            .build()
            .expect("a configuration has rules");
        self.s3
            .client
            .put_bucket_encryption()
            .bucket(&self.bucket)
            .expected_bucket_owner(&self.s3.owner)
            .server_side_encryption_configuration(encryption)
            .send()
            .await
            .map_err(AwsError::on("s3:PutEncryptionConfiguration", self.named()))?;
        Ok(())
    }

    /// Writes the rule, including the rules of others, because a bucket's rules can only be
    /// replaced as a whole.
    async fn drop_unfinished_uploads(&self) -> Result<(), AwsError> {
        let mut rules = self.lifecycle_rules().await?;
        rules.retain(|rule| rule.id() != Some(UNFINISHED));
        let rule = LifecycleRule::builder()
            .id(UNFINISHED)
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix("").build())
            .abort_incomplete_multipart_upload(
                AbortIncompleteMultipartUpload::builder()
                    .days_after_initiation(1)
                    .build(),
            )
            .build()
            .expect("a rule has a status");
        let rules = BucketLifecycleConfiguration::builder()
            .set_rules(Some(rules))
            .rules(rule)
            .build()
            .expect("a configuration has rules");
        self.s3
            .client
            .put_bucket_lifecycle_configuration()
            .bucket(&self.bucket)
            .expected_bucket_owner(&self.s3.owner)
            .lifecycle_configuration(rules)
            .send()
            .await
            .map_err(AwsError::on("s3:PutLifecycleConfiguration", self.named()))?;
        Ok(())
    }

    async fn tag(&self, tags: &BTreeMap<String, String>) -> Result<(), AwsError> {
        let tags: Vec<Tag> = tags
            .iter()
            .map(|(key, value)| {
                Tag::builder()
                    .key(key)
                    .value(value)
                    .build()
                    .expect("a tag has a key and a value")
            })
            .collect();
        let tagging = Tagging::builder()
            .set_tag_set(Some(tags))
            .build()
            .expect("a tagging has tags");
        self.s3
            .client
            .put_bucket_tagging()
            .bucket(&self.bucket)
            .expected_bucket_owner(&self.s3.owner)
            .tagging(tagging)
            .send()
            .await
            .map_err(AwsError::on("s3:PutBucketTagging", self.named()))?;
        Ok(())
    }

    pub(super) fn named(&self) -> String {
        format!("bucket `{}`", self.bucket)
    }
}

/// Returns `None` if the setting was never made, or the bucket does not exist.
fn set<T>(answer: Result<T, AwsError>) -> Result<Option<T>, AwsError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) => match (error.code.as_deref(), error.kind) {
            (
                Some(
                    "NoSuchPublicAccessBlockConfiguration"
                    | "ServerSideEncryptionConfigurationNotFoundError"
                    | "NoSuchLifecycleConfiguration"
                    | "NoSuchBucketPolicy",
                ),
                _,
            )
            | (_, Kind::NotFound) => Ok(None),
            _ => Err(error),
        },
    }
}

fn drops_unfinished_uploads(rule: &LifecycleRule) -> bool {
    let everywhere = rule
        .filter()
        .is_none_or(|filter| filter.prefix().is_none_or(str::is_empty) && filter.and().is_none());
    rule.status == ExpirationStatus::Enabled
        && everywhere
        && rule.abort_incomplete_multipart_upload().is_some()
}
