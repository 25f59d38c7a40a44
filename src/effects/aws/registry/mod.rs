//! Pushes images into a registry, and pulls base images from one.
//!
//! A small client of our own instead of a library: it uses the proxy, the certificates and the log
//! of every other request of this tool, renews credentials in the middle of a push, and sends layers
//! without a second copy in memory. The libraries bring another HTTP client with settings of its
//! own.

pub(crate) mod cached;
mod exchange;
mod part;
mod referrer;
pub(crate) mod source;
mod upload;

use std::{future::Future, pin::Pin};

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::Mutex;

use self::exchange::Answer;
use super::{AwsError, Kind, Session, ecr::Ecr, https, sent_bytes::Sent};
use crate::{
    error::Failure,
    package::image::{Image, MANIFEST},
    plan::privacy::{self, Proof},
    protocol::registry::{self, Repository},
};

/// How many layers are sent at once.
const AT_ONCE: usize = 3;

/// A repository that images are pushed into.
pub(crate) struct Registry {
    connector: SharedHttpConnector,
    place: Repository,
    login: Login,
    /// The value of `Authorization`, once there is one.
    authorization: Mutex<Option<String>>,
    way: Way,
    /// ECR's own operations for layers, which send one in parts.
    parts: Option<Ecr>,
}

/// Returns the value of `Authorization`.
pub(super) type Login =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<String, AwsError>> + Send>> + Send + Sync>;

/// How images are pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// The protocol of registries.
    Protocol,
    /// ECR's own operations, for stores that have nothing else.
    Parts,
}

/// What a push did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pushed {
    /// The bytes of the blobs that the registry did not have.
    pub(crate) bytes: u64,
}

impl Registry {
    /// Opens a repository in the session's account.
    pub(crate) async fn open(session: &Session, repository: &str) -> Result<Self, Failure> {
        let ecr = Ecr::new(session);
        let login: Login = {
            let ecr = ecr.clone();
            Box::new(move || {
                let ecr = ecr.clone();
                Box::pin(async move { ecr.authorization().await })
            })
        };
        let emulator = session.sdk.endpoint_url();
        let registry = match emulator {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("https://{}", session.registry_host()),
        };
        let mut opened = Self::at(
            https::connector(&registry, &session.network),
            Repository {
                registry,
                repository: repository.to_owned(),
            },
            login,
            Some(ecr),
        )?;
        if emulator.is_some() && !opened.speaks().await? {
            opened.way = Way::Parts;
        }
        Ok(opened)
    }

    fn at(
        connector: SharedHttpConnector,
        place: Repository,
        login: Login,
        parts: Option<Ecr>,
    ) -> Result<Self, Failure> {
        privacy::check(Proof::Signature, &place.registry)?;
        Ok(Self {
            connector,
            place,
            login,
            authorization: Mutex::default(),
            way: Way::Protocol,
            parts,
        })
    }

    /// Pushes an image, and counts the bytes that are sent. Layers that are already there are not
    /// sent again.
    pub(crate) async fn push(&self, image: &Image, sent: &Sent) -> Result<Pushed, AwsError> {
        if self.has(image.digest()).await? {
            return Ok(Pushed { bytes: 0 });
        }
        let parts = part::parts(image);
        let bytes = stream::iter(&parts)
            .map(|part| self.push_part(part, sent))
            .buffer_unordered(AT_ONCE)
            .try_fold(0, async |sum, bytes| Ok(sum + bytes))
            .await?;
        self.put_manifest(image).await?;
        Ok(Pushed { bytes })
    }

    /// Returns how many bytes of an image the repository lacks; 0 if it has the image.
    pub(crate) async fn missing(&self, image: &Image) -> Result<u64, AwsError> {
        if self.has(image.digest()).await? {
            return Ok(0);
        }
        let parts = part::parts(image);
        let bytes = stream::iter(&parts)
            .map(async |part| Ok((!self.has_part(part).await?).then_some(part.size)))
            .buffer_unordered(AT_ONCE)
            .try_fold(0, async |sum, bytes| Ok(sum + bytes.unwrap_or(0)))
            .await?;
        Ok(bytes + image.manifest.size())
    }

    /// Returns true if the repository has an image with this digest.
    pub(crate) async fn has(&self, digest: &str) -> Result<bool, AwsError> {
        if let (Way::Parts, Some(ecr)) = (self.way, &self.parts) {
            return ecr.has_image(&self.place.repository, digest).await;
        }
        let answer = self
            .ask(
                ("ecr:BatchGetImage", self.shown()),
                ("HEAD", &self.place.manifest(digest)),
                &[("accept", MANIFEST)],
                None,
            )
            .await?;
        match answer.status {
            200 => Ok(true),
            404 => Ok(false),
            _ => Err(answer.refused("ecr:BatchGetImage", self.shown())),
        }
    }

    async fn put_manifest(&self, image: &Image) -> Result<(), AwsError> {
        const OPERATION: &str = "ecr:PutImage";
        if let (Way::Parts, Some(ecr)) = (self.way, &self.parts) {
            return ecr.put_image(&self.place.repository, image).await;
        }
        let answer = self
            .ask(
                (OPERATION, self.shown()),
                ("PUT", &self.place.manifest(image.tag())),
                &[("content-type", MANIFEST)],
                Some(&image.manifest.bytes),
            )
            .await?;
        match answer.status {
            201 => self.same(&answer, image.digest(), OPERATION),
            // Another run may have pushed it in the meantime, and its tag cannot be changed.
            400..=499 if self.has(image.digest()).await? => Ok(()),
            _ => Err(answer.refused(OPERATION, self.shown())),
        }
    }

    /// Checks that the registry stored what was sent.
    fn same(&self, answer: &Answer, digest: &str, operation: &'static str) -> Result<(), AwsError> {
        match &answer.digest {
            Some(other) if other != digest => Err(AwsError::refused(
                operation,
                self.shown(),
                Some("DigestMismatch"),
                Some(&format!("`{digest}` was sent and `{other}` was stored")),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Returns true if there is a registry at the address at all.
    async fn speaks(&self) -> Result<bool, AwsError> {
        let url = format!("{}/v2/", self.place.registry);
        let asked = ("ecr:GetAuthorizationToken", self.shown());
        let answer = self.ask(asked, ("GET", &url), &[], None).await?;
        Ok(answer.status == 200)
    }

    fn shown(&self) -> String {
        format!("repository `{}`", self.place.repository)
    }
}

impl Answer {
    fn refused(&self, operation: &'static str, resource: String) -> AwsError {
        let (code, message) = registry::error(&self.body);
        let mut error = AwsError::answered(operation, resource, self.status, code, message);
        if self.status == 401 {
            error.kind = Kind::NoCredentials;
        }
        error
    }
}

#[cfg(test)]
mod tests;
