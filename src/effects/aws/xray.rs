//! X-Ray's three settings that `deploy --enable-tracing` reads and changes.
//!
//! Uses signed JSON requests instead of an SDK, because a whole client crate for three calls would
//! slow every build.

use std::time::Duration;

use aws_smithy_runtime_api::client::{http::HttpConnector as _, orchestrator::HttpRequest};
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::{Value, json};

use super::{
    AwsError, Session,
    error::innermost,
    https,
    sign::{NotSigned, Unsigned},
};
use crate::{effects::clock, resources::tracing};

const LIMIT: Duration = Duration::from_mins(1);

#[derive(Debug)]
pub(crate) struct XRay<'a> {
    session: &'a Session,
    endpoint: String,
}

impl<'a> XRay<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        let endpoint = session.sdk.endpoint_url().map_or_else(
            || {
                format!(
                    "https://xray.{}.{}",
                    session.region,
                    session.partition.dns_suffix()
                )
            },
            str::to_owned,
        );
        Self { session, endpoint }
    }

    /// Returns where the account's traces go: `XRay` or `CloudWatchLogs`.
    pub(crate) async fn destination(&self) -> Result<String, AwsError> {
        let answer = self
            .post("xray:GetTraceSegmentDestination", &json!({}))
            .await?;
        Ok(answer["Destination"].as_str().unwrap_or("XRay").to_owned())
    }

    pub(crate) async fn send_to_logs(&self) -> Result<(), AwsError> {
        let body = json!({ "Destination": tracing::DESTINATION });
        self.post("xray:UpdateTraceSegmentDestination", &body)
            .await
            .map(|_| ())
    }

    pub(crate) async fn index(&self) -> Result<(), AwsError> {
        let body = json!({
            "Name": "Default",
            "Rule": { "Probabilistic": { "DesiredSamplingPercentage": tracing::SAMPLING } },
        });
        self.post("xray:UpdateIndexingRule", &body)
            .await
            .map(|_| ())
    }

    async fn post(&self, operation: &'static str, body: &Value) -> Result<Value, AwsError> {
        let resource = "the account's tracing";
        let unanswered = |why| AwsError::unanswered(operation, resource.to_owned(), why);
        let action = operation.trim_start_matches("xray:");
        let url = format!("{}/{action}", self.endpoint.trim_end_matches('/'));
        let body = body.to_string();
        let request = self.signed(&url, &body).await.map_err(|why| {
            let code = Some("IncompleteSignature");
            AwsError::refused(operation, resource.to_owned(), code, Some(&why))
        })?;
        let sending = https::connector(&self.endpoint, &self.session.network).call(request);
        let response = match clock::within(LIMIT, sending).await {
            None => return Err(unanswered("no answer".to_owned())),
            Some(Err(error)) => return Err(unanswered(innermost(&error))),
            Some(Ok(response)) => https::bounded(response),
        };
        let status = response.status().as_u16();
        let code = response
            .headers()
            .get("x-amzn-errortype")
            .map(str::to_owned);
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
            operation,
            resource.to_owned(),
            status,
            code,
            said.map(str::to_owned),
        ))
    }

    async fn signed(&self, url: &str, body: &str) -> Result<HttpRequest, String> {
        let credentials = self
            .session
            .sdk
            .credentials_provider()
            .ok_or("there are no credentials")?;
        let unsigned = Unsigned {
            method: "POST",
            url,
            headers: &[("content-type".to_owned(), "application/json".to_owned())],
            body: body.as_bytes(),
        };
        let signature = unsigned
            .signature("xray", &self.session.region, &credentials)
            .await
            .map_err(NotSigned::why)?;
        unsigned.with(&signature)
    }
}
