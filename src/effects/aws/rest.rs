//! Signed JSON requests without an SDK, for operations whose client would only make the program
//! larger. Retries what the service refused for the moment.

use std::time::Duration;

use aws_smithy_runtime_api::client::{http::HttpConnector as _, orchestrator::HttpRequest};
use aws_smithy_types::byte_stream::ByteStream;
use aws_types::service_config::ServiceConfigKey;
use serde_json::Value;

use super::{
    AwsError, Kind, Session,
    error::innermost,
    https,
    sign::{NotSigned, Unsigned},
};
use crate::{effects::clock, plan::retry};

/// The time limit for one attempt.
const LIMIT: Duration = Duration::from_mins(1);

/// How often a request is sent at most.
const ATTEMPTS: u32 = 5;

/// A service that takes and returns JSON.
#[derive(Debug)]
pub(super) struct Rest<'a> {
    session: &'a Session,
    signing_name: &'static str,
    endpoint: String,
}

/// A request that may be sent twice: it reads, or it carries a token or the whole new state.
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

impl<'a> Rest<'a> {
    /// `host` is the first part of the host's name, and `id` the service's ID in AWS's
    /// configuration, such as `Bedrock AgentCore Control`.
    pub(super) fn new(
        session: &'a Session,
        (host, id): (&str, &str),
        signing_name: &'static str,
    ) -> Self {
        Self {
            session,
            signing_name,
            endpoint: endpoint(session, host, id),
        }
    }

    /// Sends the request and returns the answer; an empty one is `null`.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Value, AwsError> {
        for attempt in 1..ATTEMPTS {
            match self.once(call).await {
                Err(error) if is_passing(&error) => {
                    clock::sleep(retry::pause(attempt, clock::jitter())).await;
                }
                answer => return answer,
            }
        }
        self.once(call).await
    }

    async fn once(&self, call: &Call<'_>) -> Result<Value, AwsError> {
        let Call {
            action,
            resource,
            method: _,
            path,
            body,
        } = *call;
        let unanswered = |why| AwsError::unanswered(action, resource.to_owned(), why);
        let url = format!("{}{path}", self.endpoint.trim_end_matches('/'));
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = self.signed(call, &url, &body).await.map_err(|why| {
            let code = Some("IncompleteSignature");
            AwsError::refused(action, resource.to_owned(), code, Some(&why))
        })?;
        let sending = https::connector(&self.endpoint, &self.session.network).call(request);
        let response = match clock::within(LIMIT, sending).await {
            None => return Err(unanswered("no answer".to_owned())),
            Some(Err(error)) => return Err(unanswered(innermost(&error))),
            Some(Ok(response)) => https::bounded(response),
        };
        let status = response.status().as_u16();
        let code = response.headers().get("x-amzn-errortype");
        // The header may have a URL behind the code.
        let code = code.map(|code| code.split(':').next().unwrap_or(code).to_owned());
        let bytes = ByteStream::new(response.into_body())
            .collect()
            .await
            .map_err(|error| unanswered(innermost(&error)))?
            .into_bytes();
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let code = code.or_else(|| answer["__type"].as_str().map(str::to_owned));
        let said = answer["message"].as_str().or(answer["Message"].as_str());
        Err(AwsError::answered(
            action,
            resource.to_owned(),
            status,
            code,
            said.map(str::to_owned),
        ))
    }

    async fn signed(&self, call: &Call<'_>, url: &str, body: &str) -> Result<HttpRequest, String> {
        let credentials = self
            .session
            .sdk
            .credentials_provider()
            .ok_or("there are no credentials")?;
        let unsigned = Unsigned {
            method: call.method,
            url,
            headers: &[("content-type".to_owned(), "application/json".to_owned())],
            body: body.as_bytes(),
        };
        let signature = unsigned
            .signature(self.signing_name, &self.session.region, &credentials)
            .await
            .map_err(NotSigned::why)?;
        unsigned.with(&signature)
    }
}

/// Returns true if the same request may succeed a moment later.
fn is_passing(error: &AwsError) -> bool {
    let code = error.code.as_deref().unwrap_or_default();
    matches!(error.kind, Kind::Throttled | Kind::Connection)
        || matches!(
            code,
            "InternalServerException" | "InternalFailure" | "ServiceUnavailable"
        )
}

/// Returns the service's address as an SDK's client finds it: the session's, then the one that the
/// environment or the profile configures for this service, then the region's.
fn endpoint(session: &Session, host: &str, id: &str) -> String {
    let sdk = &session.sdk;
    let key = ServiceConfigKey::builder()
        .service_id(id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok();
    let configured = key.and_then(|key| sdk.service_config()?.load_config(key));
    let is_explicit = sdk.get_origin("endpoint_url").is_client_config();
    let general = || sdk.endpoint_url().map(str::to_owned);
    let own = if is_explicit {
        general().or(configured)
    } else {
        configured.or_else(general)
    };
    own.unwrap_or_else(|| {
        let fips = if sdk.use_fips() == Some(true) {
            "-fips"
        } else {
            ""
        };
        format!(
            "https://{host}{fips}.{}.{}",
            session.region,
            session.partition.dns_suffix()
        )
    })
}
