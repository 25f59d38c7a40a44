//! JSON requests without an SDK: for AgentCore's control plane, whose SDK drops the members that it
//! does not know, and for services that are not worth a client crate.

use std::time::Duration;

use serde_json::Value;

use super::{
    AwsError,
    exchange::{Answer, Exchange, Request, Told},
    session::Connection,
    sign::Scheme,
};
use crate::protocol::json_services::JsonService;

/// The time limit for one attempt.
const LIMIT: Duration = Duration::from_mins(1);

/// A service that takes and returns JSON.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    exchange: Exchange,
    /// The service whose operations are named by a header instead of the path.
    service: Option<JsonService>,
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
        let suffix = connection.region.partition().dns_suffix();
        let at = format!("https://{host}.{}.{suffix}", connection.region);
        Self {
            exchange: Exchange::new(connection, Scheme::Usual(signing_name), at),
            service: None,
        }
    }

    pub(super) fn json(connection: Connection, service: &JsonService) -> Self {
        Self {
            service: Some(*service),
            ..Self::new(connection, service.host, service.signing_name)
        }
    }

    /// Sends the request and returns the answer; an empty one is `null`.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Value, AwsError> {
        let Call {
            action,
            resource,
            method,
            path,
            body,
        } = *call;
        let header = |name: &str, value: String| (name.to_owned(), value);
        let headers = match &self.service {
            Some(service) => vec![
                header("content-type", "application/x-amz-json-1.1".to_owned()),
                header("x-amz-target", service.target(action)),
            ],
            None => vec![header("content-type", "application/json".to_owned())],
        };
        let request = Request {
            action,
            resource,
            method,
            path,
            headers,
            body: body.map(Value::to_string).unwrap_or_default().into(),
            limit: LIMIT,
            refusal,
        };
        let Answer { body, .. } = self.exchange.send(&request).await?;
        match serde_json::from_slice(&body) {
            Ok(document) => Ok(document),
            Err(_) if body.iter().all(u8::is_ascii_whitespace) => Ok(Value::Null),
            Err(_) => {
                let why = "the answer is not JSON".to_owned();
                Err(self.exchange.unusable(&request, why))
            }
        }
    }
}

fn refusal(answer: &Answer) -> Option<Told> {
    if (200..300).contains(&answer.status) {
        return None;
    }
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let text = |member: &str| document[member].as_str().map(str::to_owned);
    let header = |name: &str| answer.headers.get(name).map(str::to_owned);
    // A URL may follow the code in the header, and a namespace may precede it in the body.
    let code = header("x-amzn-errortype")
        .map(|code| code.split(':').next().unwrap_or_default().to_owned())
        .or_else(|| text("__type").or_else(|| text("code")))
        .map(|code| code.rsplit('#').next().unwrap_or_default().to_owned());
    Some(Told {
        code,
        message: text("message").or_else(|| text("Message")),
        request_id: header("x-amzn-requestid"),
    })
}
