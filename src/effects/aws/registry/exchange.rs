//! One request to a registry, with credentials and another attempt where it helps.
#![expect(clippy::disallowed_methods, reason = "layers are read from files here")]

use std::{
    fs::File,
    io::{self, Read as _},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use aws_smithy_runtime_api::client::{http::HttpConnector as _, orchestrator::HttpRequest};
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Bytes, Frame, SizeHint};

use super::{
    AwsError, Registry, Sent,
    part::{Content, Part},
};
use crate::{
    effects::{
        aws::error::innermost,
        clock::{self, Pauses},
    },
    protocol::registry::{self, Next, Outcome, retry_after},
};

/// The longest answer that is read, in bytes.
const LONGEST: usize = 1 << 20;
/// How much of a body is sent at once.
const CHUNK: usize = 64 * 1024;
/// How long a registry may neither take nor send a byte.
const SILENCE: Duration = Duration::from_mins(1);

/// A registry's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    /// The digest of what the registry stored.
    pub(super) digest: Option<String>,
    /// Set if the registry keeps an index of what refers to an image.
    pub(super) subject: Option<String>,
    pub(super) pause: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// A body that counts the bytes that are sent.
pub(super) struct Counted {
    content: Opened,
    left: u64,
    sent: Sent,
}

enum Opened {
    Memory { bytes: Arc<[u8]>, at: usize },
    File(File),
}

impl Counted {
    pub(super) fn new(part: &Part, sent: &Sent) -> io::Result<Self> {
        Ok(Self {
            content: match &part.content {
                Content::Memory(bytes) => Opened::Memory {
                    bytes: Arc::clone(bytes),
                    at: 0,
                },
                Content::File(path) => Opened::File(File::open(path)?),
            },
            left: part.size,
            sent: sent.clone(),
        })
    }

    /// Returns the next bytes. A file was just written or hashed, so reading it does not wait for
    /// the disk.
    fn chunk(&mut self) -> io::Result<Bytes> {
        let size = usize::try_from(self.left).map_or(CHUNK, |left| left.min(CHUNK));
        match &mut self.content {
            Opened::Memory { bytes, at } => {
                let chunk = Bytes::copy_from_slice(&bytes[*at..*at + size]);
                *at += size;
                Ok(chunk)
            }
            Opened::File(file) => {
                let mut chunk = vec![0; size];
                file.read_exact(&mut chunk)?;
                Ok(chunk.into())
            }
        }
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let chunk = self.chunk();
        if let Ok(chunk) = &chunk {
            self.left -= chunk.len() as u64;
            self.sent.add(chunk.len() as u64);
        }
        Poll::Ready(Some(chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl Registry {
    /// Sends a request until the answer is final.
    pub(super) async fn ask(
        &self,
        (operation, resource): (&'static str, String),
        (method, url): (&str, &str),
        headers: &[(&'static str, &str)],
        body: Option<&Arc<[u8]>>,
    ) -> Result<Answer, AwsError> {
        let mut attempts = Attempts::new();
        loop {
            let authorization = self.authorization().await?;
            let body = match body {
                Some(bytes) => SdkBody::from(bytes.to_vec()),
                None => SdkBody::empty(),
            };
            let answer = self.once(method, url, headers, body, &authorization).await;
            match attempts.next(outcome(&answer)) {
                Next::Use => {
                    return answer.map_err(|why| AwsError::unanswered(operation, resource, why));
                }
                Next::Renew => self.renew(&authorization).await,
                Next::Again(pause) => clock::sleep(pause).await,
            }
        }
    }

    /// Sends a request once. Fails if nothing moves for too long.
    pub(super) async fn once(
        &self,
        method: &str,
        url: &str,
        headers: &[(&'static str, &str)],
        body: SdkBody,
        authorization: &str,
    ) -> Result<Answer, String> {
        let mut request = HttpRequest::new(body);
        request
            .set_method(method)
            .map_err(|error| innermost(&error))?;
        request.set_uri(url).map_err(|error| innermost(&error))?;
        let all = request.headers_mut();
        for (name, value) in headers {
            all.insert(*name, (*value).to_owned());
        }
        all.insert("authorization", authorization.to_owned());
        let response = self
            .connector
            .call(request)
            .await
            .map_err(|error| innermost(&error))?;
        let header = |name: &str| response.headers().get(name).map(str::to_owned);
        let mut answer = Answer {
            status: response.status().as_u16(),
            location: header("location"),
            digest: header("docker-content-digest"),
            subject: header("oci-subject"),
            pause: header("retry-after").and_then(|value| retry_after(&value)),
            body: Vec::new(),
        };
        let body = Limited::new(response.into_body(), LONGEST).collect();
        let body = clock::within(SILENCE, body)
            .await
            .ok_or("the answer does not end")?;
        answer.body = body.map_err(|error| error.to_string())?.to_bytes().to_vec();
        Ok(answer)
    }

    /// Sends the content of a body once, and gives up if nothing moves for too long.
    pub(super) async fn send(
        &self,
        url: &str,
        part: &Part,
        sent: &Sent,
        authorization: &str,
    ) -> Result<Answer, String> {
        // Its own, because `sent` moves with other layers too.
        let own = Sent::default();
        let counted = Counted::new(part, &own).map_err(|error| error.to_string())?;
        let body = SdkBody::from_body_1_x(counted);
        let headers = [("content-type", "application/octet-stream")];
        let mut answer = Box::pin(self.once("PUT", url, &headers, body, authorization));
        let mut before = 0;
        let mut quiet = Duration::ZERO;
        let result = loop {
            const LOOK: Duration = Duration::from_millis(200);
            let answered = clock::within(LOOK, &mut answer).await;
            let now = own.bytes();
            sent.add(now - before);
            quiet = if now == before {
                quiet + LOOK
            } else {
                Duration::ZERO
            };
            before = now;
            match answered {
                Some(answer) => break answer,
                None if quiet > SILENCE => break Err("the registry takes no more bytes".to_owned()),
                None => {}
            }
        };
        if !matches!(&result, Ok(Answer { status: 201, .. })) {
            sent.take_back(before);
        }
        result
    }

    pub(super) async fn authorization(&self) -> Result<String, AwsError> {
        let mut kept = self.authorization.lock().await;
        if let Some(authorization) = &*kept {
            return Ok(authorization.clone());
        }
        let new = (self.login)().await?;
        *kept = Some(new.clone());
        Ok(new)
    }

    /// Forgets credentials that were refused, unless another layer has replaced them.
    pub(super) async fn renew(&self, refused: &str) {
        let mut kept = self.authorization.lock().await;
        if kept.as_deref() == Some(refused) {
            *kept = None;
        }
    }
}

pub(super) fn outcome(answer: &Result<Answer, String>) -> Outcome {
    match answer {
        Ok(answer) => Outcome::Answered {
            status: answer.status,
            pause: answer.pause,
        },
        Err(_) => Outcome::Lost,
    }
}

/// The attempts of one request.
pub(super) struct Attempts {
    pauses: Pauses,
    /// True if the credentials were renewed, or none are needed.
    is_fresh: bool,
}

impl Attempts {
    pub(super) fn new() -> Self {
        Self {
            pauses: clock::pauses(registry::ATTEMPTS - 1),
            is_fresh: false,
        }
    }

    pub(super) fn without_credentials() -> Self {
        Self {
            is_fresh: true,
            ..Self::new()
        }
    }

    pub(super) fn next(&mut self, outcome: Outcome) -> Next {
        let next = registry::next(outcome, self.is_fresh, self.pauses.next());
        self.is_fresh |= next == Next::Renew;
        next
    }
}
