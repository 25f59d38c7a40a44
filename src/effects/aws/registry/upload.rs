//! Sends one blob: whole, because ECR does not support more than one chunk, and in ECR's own parts
//! where that keeps failing.

use std::sync::Arc;

use super::{
    AwsError, Registry, Sent, Way,
    exchange::{Attempts, outcome},
    part::{Content, Part},
};
use crate::{
    effects::{clock, files},
    package::image::Blob,
    protocol::registry::Next,
};

/// After how many cut uploads a blob is sent in parts.
const CUTS: u32 = 3;

const CHECK: &str = "ecr:BatchCheckLayerAvailability";
const BEGIN: &str = "ecr:InitiateLayerUpload";
const FINISH: &str = "ecr:CompleteLayerUpload";

impl Registry {
    /// Sends a blob unless the registry has it. Returns the bytes that were needed.
    pub(super) async fn push_part(&self, part: &Part, sent: &Sent) -> Result<u64, AwsError> {
        if let (Way::Parts, Some(ecr)) = (self.way, &self.parts) {
            return ecr
                .push_layer(&self.place.repository, &load(part)?, sent)
                .await;
        }
        if self.has_part(part).await? {
            return Ok(0);
        }
        self.send_part(part, sent).await
    }

    /// Returns true if the repository has a blob.
    pub(super) async fn has_part(&self, part: &Part) -> Result<bool, AwsError> {
        if let (Way::Parts, Some(ecr)) = (self.way, &self.parts) {
            return ecr.has_layer(&self.place.repository, &part.digest).await;
        }
        let url = self.place.blob(&part.digest);
        let there = self
            .ask((CHECK, self.shown()), ("HEAD", &url), &[], None)
            .await?;
        match there.status {
            200 => Ok(true),
            404 => Ok(false),
            _ => Err(there.refused(CHECK, self.shown())),
        }
    }

    async fn send_part(&self, part: &Part, sent: &Sent) -> Result<u64, AwsError> {
        let mut cuts = 0;
        let mut attempts = Attempts::new();
        loop {
            let url = self.begin(&part.digest).await?;
            let authorization = self.authorization().await?;
            let answer = self.send(&url, part, sent, &authorization).await;
            match (attempts.next(outcome(&answer)), answer) {
                (_, Ok(answer)) if answer.status == 201 => {
                    self.same(&answer, &part.digest, FINISH)?;
                    return Ok(part.size);
                }
                (Next::Renew, _) => self.renew(&authorization).await,
                (Next::Again(pause), answer) => {
                    cuts += u32::from(answer.is_err());
                    if let (true, Some(ecr)) = (cuts >= CUTS, &self.parts) {
                        return ecr
                            .push_layer(&self.place.repository, &load(part)?, sent)
                            .await;
                    }
                    clock::sleep(pause).await;
                }
                (Next::Use, Ok(answer)) => return Err(answer.refused(FINISH, self.shown())),
                (Next::Use, Err(why)) => {
                    return Err(AwsError::unanswered(FINISH, self.shown(), why));
                }
            }
        }
    }

    /// Begins an upload, and returns the address that takes the content.
    pub(super) async fn begin(&self, digest: &str) -> Result<String, AwsError> {
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
        self.place.completion(location, digest).ok_or_else(|| {
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

/// Reads the content of a part into memory.
fn load(part: &Part) -> Result<Blob, AwsError> {
    let bytes = match &part.content {
        Content::Memory(bytes) => Arc::clone(bytes),
        Content::File(path) => files::read_bytes(path)
            .map_err(|error| AwsError::unanswered(BEGIN, part.digest.clone(), error.to_string()))?
            .into(),
    };
    Ok(Blob {
        digest: part.digest.clone(),
        bytes,
    })
}
