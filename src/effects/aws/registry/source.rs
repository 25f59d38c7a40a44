//! Pulls a base image from the registry that has it. Nobody's credentials are sent, except to the
//! registry of the session's own account and region.
#![expect(
    clippy::disallowed_methods,
    reason = "layers are written to files here"
)]

use std::{fs::File, io::Write as _, path::Path, time::Duration};

use aws_smithy_runtime_api::client::{
    http::HttpConnector as _,
    orchestrator::{HttpRequest, HttpResponse},
};
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt as _, Collected, Limited};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::{Login, exchange::Attempts};
use crate::{
    effects::{
        aws::{Session, ecr::Ecr, error::innermost, https, network::Network, sent_bytes::Sent},
        clock,
        files::FileError,
    },
    error::{Exit, Failure},
    names::image_reference::ImageReference,
    package::image::digest,
    plan::privacy,
    protocol::registry::{self, Next, Outcome, Repository, retry_after},
    text::hex,
};

/// The longest manifest or configuration that is read, in bytes. Registries limit manifests to 4 MB.
const LONGEST: usize = 8 << 20;
/// How long a registry may send nothing.
const SILENCE: Duration = Duration::from_mins(1);
/// How often a registry may refer to another address.
const REFERRALS: usize = 5;

/// What manifests are accepted: of single images and of several ones.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// A repository that a base image is pulled from.
pub(crate) struct Source {
    reference: ImageReference,
    place: Repository,
    reach: Reach,
    network: Network,
    /// For the registry of the session's account.
    login: Option<Login>,
    /// The value of `Authorization`, once the registry demanded one.
    authorization: Mutex<Option<String>>,
}

/// Whether registries may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Registry,
    /// Only the cache.
    Nothing,
}

/// Why an attempt gave no content.
enum Broken {
    /// Another attempt may help.
    Lost(String),
    Final(Failure),
}

impl Source {
    /// Opens the repository of a base image. Without a session, or in another account, it must be
    /// one that everyone can read.
    pub(crate) async fn open(
        reference: &ImageReference,
        session: Option<&Session>,
        reach: Reach,
    ) -> Result<Self, Failure> {
        let own = session.filter(|session| session.registry_host() == reference.registry());
        let network = match session {
            Some(session) => session.network.clone(),
            None => Network::load(None).await?,
        };
        let emulator = own.and_then(|session| session.sdk.endpoint_url());
        let login = own.map(|session| {
            let ecr = Ecr::new(session);
            let login: Login = Box::new(move || {
                let ecr = ecr.clone();
                Box::pin(async move { ecr.authorization().await })
            });
            login
        });
        Ok(Self {
            place: match emulator {
                Some(url) => Repository {
                    registry: url.trim_end_matches('/').to_owned(),
                    repository: reference.repository().to_owned(),
                },
                None => place(reference),
            },
            reference: reference.clone(),
            reach,
            network,
            login,
            authorization: Mutex::default(),
        })
    }

    /// Returns a manifest by its tag or digest.
    pub(crate) async fn manifest(&self, wanted: &str) -> Result<Vec<u8>, Failure> {
        let url = self.place.manifest(wanted);
        self.document(&url, wanted).await
    }

    /// Returns a configuration.
    pub(crate) async fn configuration(&self, wanted: &str) -> Result<Vec<u8>, Failure> {
        let url = self.place.blob(wanted);
        self.document(&url, wanted).await
    }

    async fn document(&self, url: &str, wanted: &str) -> Result<Vec<u8>, Failure> {
        self.pull(url, async |response: HttpResponse| {
            let body = Limited::new(response.into_body(), LONGEST).collect();
            let body = clock::within(SILENCE, body)
                .await
                .ok_or_else(|| Broken::Lost("the answer does not end".to_owned()))?;
            let bytes = body
                .map_err(|error| Broken::Lost(error.to_string()))?
                .to_bytes();
            // A tag says nothing about the content.
            if wanted.starts_with("sha256:") && digest(&bytes) != wanted {
                return Err(Broken::Final(self.other_content(wanted, &digest(&bytes))));
            }
            Ok(bytes.to_vec())
        })
        .await
    }

    /// Writes a layer to a file, and counts its bytes.
    pub(crate) async fn layer(
        &self,
        wanted: &str,
        file: &Path,
        received: &Sent,
    ) -> Result<(), Failure> {
        let url = self.place.blob(wanted);
        self.pull(&url, async |response: HttpResponse| {
            let own = Sent::default();
            let result = self.write(response, wanted, file, (received, &own)).await;
            if result.is_err() {
                received.take_back(own.bytes());
            }
            result
        })
        .await
    }

    async fn write(
        &self,
        response: HttpResponse,
        wanted: &str,
        file: &Path,
        (received, own): (&Sent, &Sent),
    ) -> Result<(), Broken> {
        let failed = |error| Broken::Final(FileError::new("write", file, error).into());
        let mut output = File::create(file).map_err(failed)?;
        let mut hash = Sha256::new();
        let expected: Option<u64> = response
            .headers()
            .get("content-length")
            .and_then(|length| length.parse().ok());
        let mut body = response.into_body();
        loop {
            let frame = clock::within(SILENCE, body.frame())
                .await
                .ok_or_else(|| Broken::Lost("the registry sends nothing more".to_owned()))?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| Broken::Lost(error.to_string()))?;
            if let Some(bytes) = frame.data_ref() {
                output.write_all(bytes).map_err(failed)?;
                hash.update(bytes);
                received.add(bytes.len() as u64);
                own.add(bytes.len() as u64);
            }
        }
        if expected.is_some_and(|expected| expected != own.bytes()) {
            return Err(Broken::Lost("the answer was cut off".to_owned()));
        }
        output.sync_all().map_err(failed)?;
        let found = format!("sha256:{}", hex(&hash.finalize()));
        if found == wanted {
            Ok(())
        } else {
            Err(Broken::Final(self.other_content(wanted, &found)))
        }
    }

    /// Asks until there is an answer, and passes it to `read`.
    async fn pull<T>(
        &self,
        url: &str,
        read: impl AsyncFn(HttpResponse) -> Result<T, Broken>,
    ) -> Result<T, Failure> {
        if self.reach == Reach::Nothing {
            return Err(self
                .failure()
                .note("it is not in the cache, and `--offline` downloads nothing")
                .help("run this once without `--offline`"));
        }
        let mut attempts = Attempts::new();
        loop {
            let authorization = self.authorization.lock().await.clone();
            let answered = match self.follow(url, authorization.as_deref()).await {
                Ok(response) if response.status().as_u16() == 200 => match read(response).await {
                    Ok(content) => return Ok(content),
                    Err(Broken::Final(failure)) => return Err(failure),
                    Err(Broken::Lost(why)) => Err(why),
                },
                other => other,
            };
            match (attempts.next(outcome(&answered)), answered) {
                (Next::Use, Ok(response)) => return Err(self.refused(response).await),
                (Next::Use | Next::Renew, Err(why)) => return Err(self.unanswered(&why)),
                (Next::Renew, Ok(response)) => {
                    let demand = response.headers().get("www-authenticate");
                    self.renew(authorization, demand).await?;
                }
                (Next::Again(pause), _) => clock::sleep(pause).await,
            }
        }
    }

    /// Sends a request, and follows the registry to where the content is. Only the registry itself
    /// gets the credentials.
    async fn follow(&self, url: &str, authorization: Option<&str>) -> Result<HttpResponse, String> {
        let mut url = url.to_owned();
        for _ in 0..REFERRALS {
            let own = url.starts_with(&format!("{}/", self.place.registry));
            let response = self.once(&url, authorization.filter(|_| own)).await?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let location = response.headers().get("location").unwrap_or_default();
            url = if location.starts_with('/') && !location.starts_with("//") {
                let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
                format!("{origin}{location}")
            } else {
                location.to_owned()
            };
            if !privacy::is_private(&url) {
                return Err(format!(
                    "the registry refers to `{location}`, which is not HTTPS"
                ));
            }
        }
        Err("the registry refers from one address to the next".to_owned())
    }

    async fn once(&self, url: &str, authorization: Option<&str>) -> Result<HttpResponse, String> {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_uri(url).map_err(|error| innermost(&error))?;
        let headers = request.headers_mut();
        headers.insert("accept", MANIFESTS);
        if let Some(authorization) = authorization {
            headers.insert("authorization", authorization.to_owned());
        }
        let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let connector = https::shared_connector(&origin, &self.network);
        clock::within(SILENCE, connector.call(request))
            .await
            .ok_or_else(|| "it does not answer".to_owned())?
            .map_err(|error| innermost(&error))
    }

    /// Replaces credentials that were refused, unless another layer has replaced them.
    async fn renew(&self, refused: Option<String>, demand: Option<&str>) -> Result<(), Failure> {
        let mut kept = self.authorization.lock().await;
        if *kept != refused {
            return Ok(());
        }
        if let Some(login) = &self.login {
            *kept = Some(login().await?);
            return Ok(());
        }
        let repository = &self.place.repository;
        let address = demand.and_then(|demand| registry::token_address(demand, repository));
        let Some(address) = address.filter(|address| privacy::is_private(address)) else {
            return Err(self.not_for_everyone());
        };
        let response = self.token(&address).await?;
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        let body = body.map_err(|error| self.unanswered(&error.to_string()))?;
        let token = registry::token(&body.to_bytes()).ok_or_else(|| self.not_for_everyone())?;
        *kept = Some(format!("Bearer {token}"));
        Ok(())
    }

    /// Asks for a token that everyone can have.
    async fn token(&self, address: &str) -> Result<HttpResponse, Failure> {
        // A token needs no token.
        let mut attempts = Attempts::without_credentials();
        loop {
            let answered = self.follow(address, None).await;
            match (attempts.next(outcome(&answered)), answered) {
                (Next::Use | Next::Renew, Ok(response)) if response.status().as_u16() == 200 => {
                    return Ok(response);
                }
                (Next::Use | Next::Renew, Ok(response)) => {
                    return Err(self.refused(response).await);
                }
                (Next::Use | Next::Renew, Err(why)) => return Err(self.unanswered(&why)),
                (Next::Again(pause), _) => clock::sleep(pause).await,
            }
        }
    }

    fn failure(&self) -> Failure {
        Failure::world(format!("cannot pull the base image `{}`", self.reference))
    }

    fn unanswered(&self, why: &str) -> Failure {
        self.failure()
            .note(format!("{}: {why}", self.place.registry))
    }

    fn other_content(&self, wanted: &str, found: &str) -> Failure {
        self.failure()
            .note(format!("`{wanted}` was asked for, and `{found}` was sent"))
            .help("a registry or proxy between here and there changes content; use another one")
    }

    fn not_for_everyone(&self) -> Failure {
        self.failure()
            .note(format!(
                "`{}` only shows it to users with credentials",
                self.reference.registry()
            ))
            .help("use a public image, or copy it to ECR in the agent's account and region, where `deploy` logs in")
    }

    fn missing(&self) -> Failure {
        let registry = self.reference.registry();
        let mut failure = self.failure();
        failure.exit = Exit::Config;
        match (self.reference.digest(), self.reference.tag()) {
            (Some(_), Some(_)) => failure
                .note(format!("`{registry}` no longer has it"))
                .help("remove `@sha256:…` from `image.base` in Cargo.toml to use the image that the tag names now"),
            (Some(_), None) => failure
                .note(format!("`{registry}` has no image with this digest"))
                .help("check the digest, or write a tag in its place"),
            (None, _) => failure
                .note(format!("`{registry}` has no such image"))
                .help("check the name and the tag"),
        }
    }

    async fn refused(&self, response: HttpResponse) -> Failure {
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        let body = body.map(Collected::to_bytes).unwrap_or_default();
        let (code, message) = registry::error(&body);
        let said = [code, message].into_iter().flatten().collect::<Vec<_>>();
        let said = if said.is_empty() {
            String::new()
        } else {
            format!(": {}", said.join(": "))
        };
        let failure = self.failure();
        match status {
            401 | 403 if self.login.is_none() => self.not_for_everyone(),
            404 => self.missing(),
            _ => failure.note(format!(
                "{} answered with {status}{said}",
                self.place.registry
            )),
        }
    }
}

fn outcome(answered: &Result<HttpResponse, String>) -> Outcome {
    match answered {
        Ok(response) => Outcome::Answered {
            status: response.status().as_u16(),
            pause: response.headers().get("retry-after").and_then(retry_after),
        },
        Err(_) => Outcome::Lost,
    }
}

/// Returns the place of an image. Docker Hub has another address than its name, and a name of one
/// part means an image of its own there.
fn place(reference: &ImageReference) -> Repository {
    let (registry, repository) = (reference.registry(), reference.repository());
    let host = registry.split(':').next().unwrap_or(registry);
    let is_hub = registry == "docker.io";
    Repository {
        registry: match registry {
            _ if is_hub => "https://registry-1.docker.io".to_owned(),
            _ if privacy::is_loopback_host(host) => format!("http://{registry}"),
            _ => format!("https://{registry}"),
        },
        repository: if is_hub && !repository.contains('/') {
            format!("library/{repository}")
        } else {
            repository.to_owned()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_asked_over_tls_unless_it_is_on_this_machine() {
        let manifest = |text: &str| {
            let reference = ImageReference::parse(text).unwrap();
            place(&reference).manifest(reference.wanted())
        };
        for (reference, url) in [
            ("ghcr.io/a/b:1", "https://ghcr.io/v2/a/b/manifests/1"),
            (
                "docker.io/python:3.13-slim",
                "https://registry-1.docker.io/v2/library/python/manifests/3.13-slim",
            ),
            (
                "docker.io/me/python:1",
                "https://registry-1.docker.io/v2/me/python/manifests/1",
            ),
            (
                "localhost:5000/a:1",
                "http://localhost:5000/v2/a/manifests/1",
            ),
            (
                "localhost.example.org/a:1",
                "https://localhost.example.org/v2/a/manifests/1",
            ),
        ] {
            assert_eq!(manifest(reference), url);
        }
    }
}
