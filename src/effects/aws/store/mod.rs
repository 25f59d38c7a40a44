//! The project's bucket: creates it, uploads archives, lists and deletes objects.
//!
//! `plan::bucket` decides what is sent and who owns the bucket.

mod bucket;
mod file;
mod removal;
mod send;
mod upload;

use aws_smithy_types::{DateTime, date_time::Format};

pub(crate) use self::removal::BucketEnd;
use super::{AwsError, Kind, Session, found, s3::S3, s3_client::S3Answer};
use crate::{
    names::{Partition, ProjectId, RuntimeName, ours},
    package::archive::Archive,
    resources::bucket::{self as plan, Found, Held},
};

/// A project's bucket in an account and a region; it may not exist yet.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    s3: S3,
    project: ProjectId,
    region: String,
    bucket: String,
    partition: Partition,
    /// False if a crash loses tags.
    durable_tags: bool,
    /// True if the bucket is reached over TLS, as S3 always is. If an emulator is not, its bucket
    /// must not demand TLS, or it would refuse this tool too.
    over_tls: bool,
}

/// An archive in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Uploaded {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// Bytes that were sent, including retries.
    pub(crate) sent_bytes: u64,
    pub(crate) how: How,
}

/// How an archive got into the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum How {
    /// It was already there.
    Present,
    /// The bucket composed it from the dependencies that it had and the rest.
    Composed,
    /// All of it was sent.
    Whole,
    /// All of it was sent because composing failed, for this reason.
    WholeAfter(String),
}

impl Store {
    pub(crate) fn new(session: &Session, project: &ProjectId) -> Self {
        Self {
            s3: S3::new(session),
            project: project.clone(),
            region: session.region.to_string(),
            bucket: ours::bucket(project, &session.account, &session.region),
            partition: session.partition,
            durable_tags: session.capabilities().durable_tags,
            over_tls: session
                .sdk
                .endpoint_url()
                .is_none_or(|url| url.starts_with("https://")),
        }
    }

    pub(crate) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns the object under a key, or `None` if it or the bucket does not exist.
    pub(crate) async fn find(&self, key: &str) -> Result<Option<Found>, AwsError> {
        Ok(self.head(key).await?.map(|answer| Found {
            size: answer
                .header("content-length")
                .and_then(|length| length.parse().ok())
                .unwrap_or_default(),
            etag: unquoted(answer.header("etag")),
        }))
    }

    /// Returns when the object under a key was uploaded, in seconds since 1970, or `None` if it
    /// does not exist.
    pub(crate) async fn put_at(&self, key: &str) -> Result<Option<i64>, AwsError> {
        let answer = self.head(key).await?;
        Ok(answer.map(|answer| {
            let date = answer.header("last-modified").unwrap_or_default();
            DateTime::from_str(date, Format::HttpDate).map_or(0, |date| date.secs())
        }))
    }

    async fn head(&self, key: &str) -> Result<Option<S3Answer>, AwsError> {
        let answer = self
            .s3
            .client
            .request("s3:GetObject", self.shown(key), "HEAD", &self.bucket)
            .key(key)
            .send()
            .await
            .map_err(|mut error| {
                // An answer to HEAD has no body that could tell which of the two it is.
                if error.kind == Kind::Denied {
                    error.message.push_str(
                        "; S3 also reports this if it does not exist and `s3:ListBucket` is not allowed",
                    );
                }
                error
            });
        found(answer)
    }

    /// Returns which parts of an archive the bucket already has.
    pub(crate) async fn held(
        &self,
        runtime: &RuntimeName,
        archive: &Archive,
    ) -> Result<Held, AwsError> {
        let whole = self.find(&plan::archive_key(runtime, archive)).await?;
        // Only requested if the answer matters.
        let is_there = whole.as_ref().is_some_and(|f| f.size == archive.size);
        let dependencies = if is_there || archive.dependencies.size < plan::LEAST_PART {
            None
        } else {
            let key = plan::dependencies_key(runtime, &archive.dependencies);
            self.find(&key).await?
        };
        Ok(Held {
            archive: whole,
            dependencies,
        })
    }

    fn shown(&self, key: &str) -> String {
        format!("`s3://{}/{key}`", self.bucket)
    }
}

fn unquoted(etag: Option<&str>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_owned()
}

#[cfg(test)]
pub(super) mod tests;
