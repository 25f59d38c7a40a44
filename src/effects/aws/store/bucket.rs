//! The bucket itself: its tags and settings.

use std::collections::BTreeMap;

use backon::Retryable as _;
use serde_json::Value;

use super::Store;
use crate::{
    effects::{
        aws::{AwsError, Kind, s3_client::S3Request},
        clock,
    },
    error::Failure,
    protocol::xml::Element,
    resources::{
        bucket::{self as plan, BucketStep, ObservedBucket, Settings},
        ownership::Ownership,
    },
};

/// How often a step is retried if another run changes the bucket at the same time.
const RETRIES: usize = 5;

/// The ID of this tool's lifecycle rule.
const UNFINISHED: &str = "drop-unfinished-uploads";

/// The status of a lifecycle rule that is in use.
const ENABLED: &str = "Enabled";

/// The members of a configuration that makes a bucket private.
const BLOCKS: [&str; 4] = [
    "BlockPublicAcls",
    "IgnorePublicAcls",
    "BlockPublicPolicy",
    "RestrictPublicBuckets",
];

impl Store {
    /// Prepares the bucket with the planned steps.
    pub(crate) async fn prepare_bucket(&self, steps: &[BucketStep]) -> Result<(), Failure> {
        for step in steps {
            self.apply(step).await?;
        }
        Ok(())
    }

    /// Returns the steps that prepare the bucket; usually none after the first run.
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

    /// Begins a request about an aspect of the bucket.
    fn on_bucket(&self, action: &'static str, method: &'static str, aspect: &str) -> S3Request<'_> {
        self.s3
            .client
            .request(action, self.named(), method, &self.bucket)
            .aspect(aspect)
    }

    async fn is_private(&self) -> Result<bool, AwsError> {
        let block = self
            .on_bucket("s3:GetBucketPublicAccessBlock", "GET", "publicAccessBlock")
            .send_for_document()
            .await;
        Ok(set(block)?.is_some_and(|(block, _)| {
            BLOCKS
                .iter()
                .all(|member| block.text(member) == Some("true"))
        }))
    }

    async fn is_encrypted(&self) -> Result<bool, AwsError> {
        let encryption = self
            .on_bucket("s3:GetEncryptionConfiguration", "GET", "encryption")
            .send_for_document()
            .await;
        Ok(set(encryption)?.is_some_and(|(encryption, _)| encryption.child("Rule").is_some()))
    }

    async fn lifecycle_rules(&self) -> Result<Vec<Element>, AwsError> {
        let lifecycle = self
            .on_bucket("s3:GetLifecycleConfiguration", "GET", "lifecycle")
            .send_for_document()
            .await;
        let lifecycle = set(lifecycle)?.map(|(lifecycle, _)| lifecycle);
        Ok(lifecycle
            .iter()
            .flat_map(|lifecycle| lifecycle.all("Rule"))
            .cloned()
            .collect())
    }

    /// Returns the policy that the bucket needs, or `None` if it already demands TLS.
    async fn policy_with_tls(&self) -> Result<Option<Value>, AwsError> {
        if !self.over_tls {
            return Ok(None);
        }
        let answer = self
            .on_bucket("s3:GetBucketPolicy", "GET", "policy")
            .send()
            .await;
        let text = set(answer)?.map(|answer| answer.text());
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
        self.on_bucket("s3:PutBucketPolicy", "PUT", "policy")
            .content(policy.to_string())
            .send()
            .await?;
        Ok(())
    }

    /// Returns the tags, or `None` if the bucket does not exist.
    pub(super) async fn tags(&self) -> Result<Option<BTreeMap<String, String>>, Failure> {
        let answer = self
            .on_bucket("s3:GetBucketTagging", "GET", "tagging")
            .send_for_document()
            .await;
        match answer {
            Ok((tagging, _)) => Ok(Some(
                tagging
                    .child("TagSet")
                    .iter()
                    .flat_map(|set| set.all("Tag"))
                    .filter_map(|tag| {
                        Some((tag.text("Key")?.to_owned(), tag.text("Value")?.to_owned()))
                    })
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
                    self.s3.client.owner
                ))),
                _ => Err(error.into()),
            },
        }
    }

    async fn is_empty(&self) -> Result<bool, AwsError> {
        let (page, _) = self
            .on_bucket("s3:ListBucket", "GET", "list-type=2")
            .query("max-keys", "1")
            .send_for_document()
            .await?;
        Ok(page.child("Contents").is_none())
    }

    /// Retries, because another run may change the same bucket, and a new bucket is not visible
    /// everywhere at once.
    async fn apply(&self, step: &BucketStep) -> Result<(), AwsError> {
        let once = async || match step {
            BucketStep::Create => self.create().await,
            BucketStep::BlockPublicAccess => self.block_public_access().await,
            BucketStep::Encrypt => self.encrypt().await,
            BucketStep::DropUnfinishedUploads => self.drop_unfinished_uploads().await,
            BucketStep::DemandTls => self.demand_tls().await,
            BucketStep::Tag(tags) => self.tag(tags).await,
        };
        (|| once())
            .retry(clock::backoff(RETRIES))
            .sleep(clock::sleep)
            .when(|error| matches!(error.kind, Kind::Conflict | Kind::NotFound))
            .await
    }

    async fn create(&self) -> Result<(), AwsError> {
        let request = self.s3.client.creation(self.named(), &self.bucket);
        // `us-east-1` must not be named.
        let request = if self.region == "us-east-1" {
            request
        } else {
            let place = Element::new("CreateBucketConfiguration")
                .with_text("LocationConstraint", self.region.as_str());
            request.document(&place)
        };
        let answer = request.send().await;
        match answer {
            // Another run of the same project created it first.
            Err(error) if error.code.as_deref() == Some("BucketAlreadyOwnedByYou") => Ok(()),
            answer => answer.map(|_| ()),
        }
    }

    async fn block_public_access(&self) -> Result<(), AwsError> {
        let block = Element::new("PublicAccessBlockConfiguration");
        let block = BLOCKS
            .iter()
            .fold(block, |block, member| block.with_text(member, "true"));
        self.on_bucket("s3:PutBucketPublicAccessBlock", "PUT", "publicAccessBlock")
            .document(&block)
            .send()
            .await?;
        Ok(())
    }

    async fn encrypt(&self) -> Result<(), AwsError> {
        let default =
            Element::new("ApplyServerSideEncryptionByDefault").with_text("SSEAlgorithm", "AES256");
        let encryption = Element::new("ServerSideEncryptionConfiguration")
            .with(Element::new("Rule").with(default));
        self.on_bucket("s3:PutEncryptionConfiguration", "PUT", "encryption")
            .document(&encryption)
            .send()
            .await?;
        Ok(())
    }

    /// Writes the rule, including the rules of others, because a bucket's rules can only be
    /// replaced as a whole.
    async fn drop_unfinished_uploads(&self) -> Result<(), AwsError> {
        let mut rules = self.lifecycle_rules().await?;
        rules.retain(|rule| rule.text("ID") != Some(UNFINISHED));
        let rule = Element::new("Rule")
            .with_text("ID", UNFINISHED)
            .with(Element::new("Filter").with_text("Prefix", ""))
            .with_text("Status", ENABLED)
            .with(
                Element::new("AbortIncompleteMultipartUpload")
                    .with_text("DaysAfterInitiation", "1"),
            );
        let lifecycle = Element::new("LifecycleConfiguration")
            .with_all(rules)
            .with(rule);
        self.on_bucket("s3:PutLifecycleConfiguration", "PUT", "lifecycle")
            .document(&lifecycle)
            .send()
            .await?;
        Ok(())
    }

    async fn tag(&self, tags: &BTreeMap<String, String>) -> Result<(), AwsError> {
        let tags = tags.iter().map(|(key, value)| {
            Element::new("Tag")
                .with_text("Key", key)
                .with_text("Value", value)
        });
        let tagging = Element::new("Tagging").with(Element::new("TagSet").with_all(tags));
        self.on_bucket("s3:PutBucketTagging", "PUT", "tagging")
            .document(&tagging)
            .send()
            .await?;
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

fn drops_unfinished_uploads(rule: &Element) -> bool {
    // An old rule has its prefix outside a filter.
    let place = rule.child("Filter").unwrap_or(rule);
    let everywhere = place.text("Prefix").is_none_or(str::is_empty)
        && ["And", "Tag", "ObjectSizeGreaterThan", "ObjectSizeLessThan"]
            .iter()
            .all(|condition| place.child(condition).is_none());
    rule.text("Status") == Some(ENABLED)
        && everywhere
        && rule.child("AbortIncompleteMultipartUpload").is_some()
}
