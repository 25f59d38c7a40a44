//! Sends one blob: whole, because ECR does not support more than one chunk, and in ECR's own parts
//! where that keeps failing.

use super::{
    AwsError, Registry, Sent, Way,
    exchange::{outcome, wait},
};
use crate::{
    package::image::Blob,
    protocol::registry::{Next, next},
};

/// After how many cut uploads a blob is sent in parts.
const CUTS: u32 = 3;

const CHECK: &str = "ecr:BatchCheckLayerAvailability";
const BEGIN: &str = "ecr:InitiateLayerUpload";
const FINISH: &str = "ecr:CompleteLayerUpload";

impl Registry {
    /// Sends a blob unless the registry has it. Returns the bytes that were needed.
    pub(super) async fn push_blob(&self, blob: &Blob, sent: &Sent) -> Result<u64, AwsError> {
        if let (Way::Parts, Some(ecr)) = (self.way, &self.parts) {
            return ecr.push_layer(&self.place.repository, blob, sent).await;
        }
        if self.has_blob(blob).await? {
            return Ok(0);
        }
        self.send_blob(blob, sent).await
    }

    /// Returns true if the repository has a blob.
    pub(super) async fn has_blob(&self, blob: &Blob) -> Result<bool, AwsError> {
        if let (Way::Parts, Some(ecr)) = (self.way, &self.parts) {
            return ecr.has_layer(&self.place.repository, &blob.digest).await;
        }
        let url = self.place.blob(&blob.digest);
        let there = self
            .ask((CHECK, self.shown()), ("HEAD", &url), &[], None)
            .await?;
        match there.status {
            200 => Ok(true),
            404 => Ok(false),
            _ => Err(there.refused(CHECK, self.shown())),
        }
    }

    async fn send_blob(&self, blob: &Blob, sent: &Sent) -> Result<u64, AwsError> {
        let mut is_fresh = false;
        let mut cuts = 0;
        for attempt in 1.. {
            let url = self.begin(blob).await?;
            let authorization = self.authorization().await?;
            let answer = self.send(&url, &blob.bytes, sent, &authorization).await;
            match (next(outcome(&answer), attempt, is_fresh), answer) {
                (_, Ok(answer)) if answer.status == 201 => {
                    self.same(&answer, &blob.digest, FINISH)?;
                    return Ok(blob.size());
                }
                (Next::Renew, _) => {
                    self.renew(&authorization).await;
                    is_fresh = true;
                }
                (Next::Again(pause), answer) => {
                    cuts += u32::from(answer.is_err());
                    if let (true, Some(ecr)) = (cuts >= CUTS, &self.parts) {
                        return ecr.push_layer(&self.place.repository, blob, sent).await;
                    }
                    wait(pause, attempt).await;
                }
                (Next::Use, Ok(answer)) => return Err(answer.refused(FINISH, self.shown())),
                (Next::Use, Err(why)) => {
                    return Err(AwsError::unanswered(FINISH, self.shown(), why));
                }
            }
        }
        unreachable!("the loop ends by itself")
    }

    /// Begins an upload, and returns the address that takes the content.
    pub(super) async fn begin(&self, blob: &Blob) -> Result<String, AwsError> {
        let url = self.place.uploads();
        let begun = self
            .ask(
                (BEGIN, self.shown()),
                ("POST", &url),
                &[("content-length", "0")],
                None,
            )
            .await?;
        if begun.status != 202 {
            return Err(begun.refused(BEGIN, self.shown()));
        }
        let location = begun.location.as_deref().unwrap_or_default();
        self.place
            .completion(location, &blob.digest)
            .ok_or_else(|| {
                AwsError::refused(
                    BEGIN,
                    self.shown(),
                    None,
                    Some(&format!(
                        "the registry answered with an address elsewhere: `{location}`"
                    )),
                )
            })
    }
}
