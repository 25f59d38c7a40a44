//! Signed requests without an SDK, and their answers. Requests are sent again as the SDKs do.

use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector as _, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::byte_stream::ByteStream;
use backon::Retryable as _;
use futures_util::future::BoxFuture;
use hyper::body::Bytes;

use super::{
    AwsError, Kind,
    error::innermost,
    https,
    session::Connection,
    sign::{NotSigned, Scheme, Unsigned},
    skew::{self, Shift},
    transfer::Transfer,
};
use crate::{
    effects::clock,
    plan::privacy::{self, Proof},
};

/// How often a request is sent at most.
const ATTEMPTS: usize = 6;

/// The codes of refusals that are not the request's fault, besides those of [`Kind::Throttled`].
const PASSING: [&str; 2] = ["RequestTimeout", "RequestTimeoutException"];

/// An address of a service.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    connection: Connection,
    scheme: Scheme,
    origin: String,
    /// True if the address is not AWS's own.
    is_elsewhere: bool,
    connector: SharedHttpConnector,
}

/// A request that may be sent twice: it reads, or it contains a token or the whole new state.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// The IAM action.
    pub(super) action: &'static str,
    /// The resource in the user's terms.
    pub(super) resource: &'a str,
    pub(super) method: &'static str,
    /// With a leading slash, encoded.
    pub(super) path: &'a str,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// The time limit for one attempt.
    pub(super) limit: Duration,
    /// Finds out whether an answer is an error.
    pub(super) refusal: fn(&Answer) -> Option<Told>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) body: Bytes,
}

/// What a service says about an error.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    pub(super) request_id: Option<String>,
}

impl Exchange {
    /// `at` is the service's own address.
    pub(super) fn new(connection: Connection, scheme: Scheme, at: String) -> Self {
        let configured = connection.sdk.endpoint_url().map(str::to_owned);
        let is_elsewhere = configured.is_some();
        let origin = configured.unwrap_or(at);
        Self {
            connector: https::shared_connector(&origin, &connection.network),
            is_elsewhere,
            connection,
            scheme,
            origin,
        }
    }

    /// Sends the request and returns the answer. Boxed, because every command contains many of
    /// these futures.
    pub(super) fn send<'a>(
        &'a self,
        request: &'a Request<'a>,
    ) -> BoxFuture<'a, Result<Answer, AwsError>> {
        Box::pin(self.repeated(request))
    }

    async fn repeated(&self, request: &Request<'_>) -> Result<Answer, AwsError> {
        privacy::check(Proof::Signature, &self.origin).map_err(|failure| {
            let resource = request.resource.to_owned();
            AwsError::unanswered(request.action, resource, failure.to_string())
        })?;
        let id = clock::unique_id();
        let mut attempt = 0;
        let once = || {
            attempt += 1;
            self.once(request, (&id, attempt))
        };
        once.retry(clock::backoff(ATTEMPTS - 1))
            .sleep(clock::sleep)
            .adjust(|unsuccessful, pause| match unsuccessful.again? {
                Again::Later => pause,
                Again::AtOnce => pause.map(|_| Duration::ZERO),
            })
            .await
            .map_err(|unsuccessful| unsuccessful.error)
    }

    /// Creates the error for an answer that cannot be used.
    pub(super) fn unusable(&self, request: &Request<'_>, why: String) -> AwsError {
        AwsError {
            address: self.is_elsewhere.then(|| self.origin.clone()),
            ..AwsError::unanswered(request.action, request.resource.to_owned(), why)
        }
    }

    async fn once(
        &self,
        request: &Request<'_>,
        attempt: (&str, usize),
    ) -> Result<Answer, Unsuccessful> {
        let shift = self.connection.network.skew.shift();
        let signed = self.signed(request, attempt, shift).await;
        let mut signed = signed.map_err(|error| {
            let (code, why) = match error {
                NotSigned::NoCredentials(why) => ("MissingAuthenticationToken", why),
                NotSigned::Unsuitable(why) => ("IncompleteSignature", why),
            };
            let resource = request.resource.to_owned();
            AwsError::refused(request.action, resource, Some(code), Some(&why))
        })?;
        let transfer = Transfer::of(&mut signed, &request.body);
        let limit = request.limit;
        let exchanged = clock::within(limit, transfer.unless_stalled(self.answered(signed))).await;
        let (answer, received) = exchanged
            .unwrap_or_else(|| Err(format!("no answer within {} s", limit.as_secs())))
            .map_err(|why| self.unusable(request, why))?;
        match (request.refusal)(&answer) {
            None => Ok(answer),
            Some(told) => Err(self.refused(request, shift, &answer, received, told)),
        }
    }

    async fn answered(&self, request: HttpRequest) -> Result<(Answer, SystemTime), String> {
        let response = self.connector.call(request).await;
        let received = clock::wall();
        let response = https::bounded(response.map_err(|error| innermost(&error))?);
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = ByteStream::new(response.into_body()).collect().await;
        let answer = Answer {
            status,
            headers,
            body: body.map_err(|error| innermost(&error))?.into_bytes(),
        };
        Ok((answer, received))
    }

    fn refused(
        &self,
        request: &Request<'_>,
        shift: Shift,
        answer: &Answer,
        received: SystemTime,
        told: Told,
    ) -> Unsuccessful {
        let Told {
            code,
            message,
            request_id,
        } = told;
        let resource = request.resource.to_owned();
        let error = AwsError {
            request_id,
            ..AwsError::answered(request.action, resource, answer.status, code, message)
        };
        // A cache's answer has an old date.
        let date = answer.headers.get("date");
        let date = date.filter(|_| answer.headers.get("age").is_none());
        let skew = &self.connection.network.skew;
        let was_skewed = date.is_some_and(|date| skew.learn(shift, date, received));
        let code = error.code.as_deref();
        let again = if was_skewed && skew::may_explain(code) {
            Some(Again::AtOnce)
        } else if answer.status >= 500
            // An error whose status was sent before it happened.
            || answer.status < 300
            || error.kind == Kind::Throttled
            || code.is_some_and(|code| PASSING.contains(&code))
        {
            Some(Again::Later)
        } else {
            None
        };
        Unsuccessful { error, again }
    }

    async fn signed(
        &self,
        request: &Request<'_>,
        (id, attempt): (&str, usize),
        shift: Shift,
    ) -> Result<HttpRequest, NotSigned> {
        let Connection { sdk, region, .. } = &self.connection;
        let credentials = sdk
            .credentials_provider()
            .ok_or_else(|| NotSigned::NoCredentials("no AWS credentials were found".to_owned()))?;
        let header = |name: &str, value: String| (name.to_owned(), value);
        let mut headers = request.headers.clone();
        headers.extend([
            header("amz-sdk-invocation-id", id.to_owned()),
            header(
                "amz-sdk-request",
                format!("attempt={attempt}; max={ATTEMPTS}"),
            ),
            header(
                "user-agent",
                concat!("cargo-agentcore/", env!("CARGO_PKG_VERSION")).to_owned(),
            ),
        ]);
        let unsigned = Unsigned {
            method: request.method,
            url: &format!("{}{}", self.origin.trim_end_matches('/'), request.path),
            headers: &headers,
            body: &request.body,
        };
        let time = shift.applied_to(clock::wall());
        let signature = unsigned.signature(self.scheme, region, &credentials, time);
        unsigned
            .with(&signature.await?)
            .map_err(NotSigned::Unsuitable)
    }
}

/// An attempt that failed.
struct Unsuccessful {
    error: AwsError,
    /// When the request may succeed, if ever.
    again: Option<Again>,
}

#[derive(Debug, Clone, Copy)]
enum Again {
    Later,
    /// It was signed with a wrong time.
    AtOnce,
}

impl From<AwsError> for Unsuccessful {
    fn from(error: AwsError) -> Self {
        let again = (error.kind == Kind::Connection).then_some(Again::Later);
        Self { error, again }
    }
}
