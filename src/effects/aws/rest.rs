//! Signed JSON requests without an SDK: for AgentCore's control plane, whose SDK drops the members
//! that it does not know, and for single calls that are not worth a client crate. Requests are sent
//! again as the SDKs do.

use std::time::Duration;

use aws_smithy_runtime_api::client::{
    http::{HttpConnector as _, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::Value;

use super::{
    AwsError, Kind,
    error::innermost,
    https,
    session::Connection,
    sign::{NotSigned, Unsigned},
};
use crate::{
    effects::clock,
    plan::{
        privacy::{self, Proof},
        retry,
    },
};

/// The time limit for one attempt.
const LIMIT: Duration = Duration::from_mins(1);

/// How often a request is sent at most.
const ATTEMPTS: u32 = 6;

/// A service that takes and returns JSON.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    connection: Connection,
    signing_name: &'static str,
    endpoint: String,
    /// True if the endpoint is not AWS's own.
    is_elsewhere: bool,
    connector: SharedHttpConnector,
}

/// A request that may be sent twice: it reads, or it contains a token or the whole new state.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// The IAM action.
    pub(super) action: &'static str,
    /// The resource in the user's terms.
    pub(super) resource: &'a str,
    pub(super) method: &'static str,
    /// With a leading slash, encoded.
    pub(super) path: &'a str,
    pub(super) body: Option<&'a Value>,
}

impl Rest {
    /// `host` is the first part of the host's name.
    pub(super) fn new(connection: Connection, host: &str, signing_name: &'static str) -> Self {
        let configured = connection.sdk.endpoint_url().map(str::to_owned);
        let is_elsewhere = configured.is_some();
        let endpoint = configured.unwrap_or_else(|| {
            let suffix = connection.region.partition().dns_suffix();
            format!("https://{host}.{}.{suffix}", connection.region)
        });
        Self {
            connector: connection.network.connector(&endpoint),
            is_elsewhere,
            connection,
            signing_name,
            endpoint,
        }
    }

    /// Sends the request and returns the answer; an empty one is `null`.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Value, AwsError> {
        privacy::check(Proof::Signature, &self.endpoint).map_err(|failure| {
            AwsError::unanswered(call.action, call.resource.to_owned(), failure.to_string())
        })?;
        let id = clock::unique_id();
        let mut attempt = 1;
        loop {
            let mut status = None;
            match self.once(call, (&id, attempt), &mut status).await {
                Err(error) if attempt < ATTEMPTS && is_passing(&error, status) => {
                    clock::sleep(retry::pause(attempt, clock::jitter())).await;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Sends the request once. `told` becomes the status of an answer.
    async fn once(
        &self,
        call: &Call<'_>,
        attempt: (&str, u32),
        told: &mut Option<u16>,
    ) -> Result<Value, AwsError> {
        let (action, resource) = (call.action, call.resource);
        let request = self.signed(call, attempt).await.map_err(|error| {
            let (code, why) = match error {
                NotSigned::NoCredentials(why) => ("MissingAuthenticationToken", why),
                NotSigned::Unsuitable(why) => ("IncompleteSignature", why),
            };
            AwsError::refused(action, resource.to_owned(), Some(code), Some(&why))
        })?;
        let lost = |why: String| AwsError {
            address: self.is_elsewhere.then(|| self.endpoint.clone()),
            ..AwsError::unanswered(action, resource.to_owned(), why)
        };
        let answer = async {
            let response = self.connector.call(request).await;
            let response = https::bounded(response.map_err(|error| lost(innermost(&error)))?);
            let status = response.status().as_u16();
            let header = |name: &str| response.headers().get(name).map(str::to_owned);
            let (code, request_id) = (header("x-amzn-errortype"), header("x-amzn-requestid"));
            let body = ByteStream::new(response.into_body()).collect().await;
            let body = body.map_err(|error| lost(innermost(&error)))?;
            Ok((status, code, request_id, body.into_bytes()))
        };
        let answer = clock::within(LIMIT, answer).await;
        let (status, code, request_id, body) = answer
            .unwrap_or_else(|| Err(lost(format!("no answer within {} s", LIMIT.as_secs()))))?;
        *told = Some(status);
        let document: Option<Value> = serde_json::from_slice(&body).ok();
        if (200..300).contains(&status) {
            return match document {
                Some(document) => Ok(document),
                None if body.iter().all(u8::is_ascii_whitespace) => Ok(Value::Null),
                None => Err(lost("the answer is not JSON".to_owned())),
            };
        }
        let document = document.unwrap_or_default();
        let text = |member: &str| document[member].as_str().map(str::to_owned);
        // A URL may follow the code in the header, and a namespace may precede it in the body.
        let code = code
            .map(|code| code.split(':').next().unwrap_or_default().to_owned())
            .or_else(|| text("__type").or_else(|| text("code")))
            .map(|code| code.rsplit('#').next().unwrap_or_default().to_owned());
        let said = text("message").or_else(|| text("Message"));
        Err(AwsError {
            request_id,
            ..AwsError::answered(action, resource.to_owned(), status, code, said)
        })
    }

    async fn signed(
        &self,
        call: &Call<'_>,
        (id, attempt): (&str, u32),
    ) -> Result<HttpRequest, NotSigned> {
        let Connection { sdk, region, .. } = &self.connection;
        let credentials = sdk
            .credentials_provider()
            .ok_or_else(|| NotSigned::NoCredentials("no AWS credentials were found".to_owned()))?;
        let body = call.body.map(Value::to_string).unwrap_or_default();
        let header = |name: &str, value: String| (name.to_owned(), value);
        let unsigned = Unsigned {
            method: call.method,
            url: &format!("{}{}", self.endpoint.trim_end_matches('/'), call.path),
            headers: &[
                header("content-type", "application/json".to_owned()),
                header("amz-sdk-invocation-id", id.to_owned()),
                header(
                    "amz-sdk-request",
                    format!("attempt={attempt}; max={ATTEMPTS}"),
                ),
                header(
                    "user-agent",
                    concat!("cargo-agentcore/", env!("CARGO_PKG_VERSION")).to_owned(),
                ),
            ],
            body: body.as_bytes(),
        };
        let signature = unsigned.signature(self.signing_name, region, &credentials);
        unsigned
            .with(&signature.await?)
            .map_err(NotSigned::Unsuitable)
    }
}

/// Returns true if the same request may succeed a moment later.
fn is_passing(error: &AwsError, status: Option<u16>) -> bool {
    status.is_some_and(|status| status >= 500)
        || matches!(error.kind, Kind::Throttled | Kind::Connection)
}
