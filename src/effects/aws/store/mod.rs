//! The project's bucket: made once, filled with archives, looked through, emptied.
//!
//! What is sent, and whose the bucket is, is decided in `plan::bucket`.

mod bucket;
mod file;
mod removal;
mod send;
mod upload;

use aws_sdk_s3::{operation::head_object::HeadObjectOutput, primitives::DateTime};

pub(crate) use self::removal::BucketEnd;
use super::{AwsError, Kind, Session, found, s3::S3};
use crate::{
    names::{Partition, ProjectId, RuntimeName},
    package::archive::Archive,
    plan::bucket::{self as plan, Found, Held},
};

/// A project's bucket in an account and a region; it may not exist yet.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    s3: S3,
    project: ProjectId,
    region: String,
    bucket: String,
    partition: Partition,
    /// Whether it lies in the project's own emulator.
    local: bool,
    /// Whether it is reached over TLS, as S3 always is. An emulator that is not would refuse us too
    /// once its bucket demands it.
    over_tls: bool,
}

/// An archive that lies in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Uploaded {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// Bytes of the archive that went over the line, repetitions included.
    pub(crate) sent_bytes: u64,
    pub(crate) how: How,
}

/// How an archive came to lie in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum How {
    /// It was there already.
    Present,
    /// The bucket put it together from dependencies that it held and the rest.
    Composed,
    /// All of it was sent.
    Whole,
    /// All of it was sent, because composing failed: why.
    WholeAfter(String),
}

impl Store {
    pub(crate) fn new(session: &Session, project: &ProjectId) -> Self {
        Self {
            s3: S3::new(session),
            project: project.clone(),
            region: session.region.to_string(),
            bucket: plan::name(project, &session.account, &session.region),
            partition: session.partition,
            local: session.local,
            over_tls: session
                .sdk
                .endpoint_url()
                .is_none_or(|url| url.starts_with("https://")),
        }
    }

    pub(crate) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The object under a key; `None` where there is none, or no bucket.
    pub(crate) async fn find(&self, key: &str) -> Result<Option<Found>, AwsError> {
        Ok(self.head(key).await?.map(|answer| Found {
            size: answer
                .content_length()
                .and_then(|length| u64::try_from(length).ok())
                .unwrap_or_default(),
            etag: unquoted(answer.e_tag()),
        }))
    }

    /// When the object under a key was put there, in seconds since 1970; `None` where there is none.
    pub(crate) async fn put_at(&self, key: &str) -> Result<Option<i64>, AwsError> {
        let answer = self.head(key).await?;
        Ok(answer.map(|answer| answer.last_modified().map_or(0, DateTime::secs)))
    }

    async fn head(&self, key: &str) -> Result<Option<HeadObjectOutput>, AwsError> {
        let answer = self
            .s3
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key)
            .expected_bucket_owner(&self.s3.owner)
            .send()
            .await
            .map_err(AwsError::on("s3:GetObject", self.shown(key)))
            .map_err(|mut error| {
                // No answer to HEAD has a body that could say which of the two it is.
                if error.kind == Kind::Denied {
                    error.message.push_str(
                        "; S3 also says this if it does not exist and `s3:ListBucket` is not allowed",
                    );
                }
                error
            });
        found(answer)
    }

    /// What of an archive is there already.
    pub(crate) async fn held(
        &self,
        runtime: &RuntimeName,
        archive: &Archive,
    ) -> Result<Held, AwsError> {
        let whole = self.find(&plan::archive_key(runtime, archive)).await?;
        // Asked for only where the answer matters.
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
mod tests;
