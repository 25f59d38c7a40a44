//! X-Ray's three settings that `deploy --enable-tracing` reads and changes.
//!
//! Uses signed JSON requests instead of an SDK, because a whole client crate for three calls would
//! slow every build.

use serde_json::{Value, json};

use super::{
    AwsError, Session,
    rest::{Call, Rest},
};
use crate::resources::tracing;

#[derive(Debug)]
pub(crate) struct XRay {
    rest: Rest,
}

impl XRay {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            rest: Rest::new(session.connection(), "xray", "xray"),
        }
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

    async fn post(&self, action: &'static str, body: &Value) -> Result<Value, AwsError> {
        let path = action.replacen("xray:", "/", 1);
        let call = Call {
            action,
            resource: "the account's tracing",
            method: "POST",
            path: &path,
            body: Some(body),
        };
        self.rest.send(&call).await
    }
}
