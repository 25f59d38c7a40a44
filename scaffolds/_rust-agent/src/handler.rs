//! What an agent implements, whichever protocol it is called with.

use std::{fmt, pin::Pin};

use axum::http::{HeaderMap, StatusCode};
use futures_util::Stream;
use serde_json::Value;

/// What an agent does.
pub trait Handler: Send + Sync + 'static {
    /// Answers a request. An error becomes the response's status and message.
    fn handle(
        &self,
        payload: Value,
        context: Context,
    ) -> impl Future<Output = Result<Reply, Error>> + Send;
}

/// What is known about a request besides its payload.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The session, if the caller named one.
    pub session_id: Option<String>,
    /// What the request continues. Requests of the same conversation have the same ID.
    pub conversation_id: Option<String>,
    pub request_id: String,
    /// The token for AgentCore Identity.
    #[allow(dead_code, reason = "for agents that use AgentCore Identity")]
    pub workload_token: Option<String>,
    /// All headers that AgentCore passed on.
    #[allow(dead_code, reason = "for agents with a header allowlist")]
    pub headers: HeaderMap,
}

/// An answer: one JSON value, or a stream of them as server-sent events.
pub enum Reply {
    Json(Value),
    Stream(Pin<Box<dyn Stream<Item = Result<Value, Error>> + Send>>),
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub status: StatusCode,
    pub message: String,
}

impl Error {
    /// The caller sent something wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
        }
    }

    /// Something failed here.
    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: message.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl Error {
    /// Writes a log line: an error if the agent is at fault, else a warning.
    pub fn log(&self) {
        if self.status.is_server_error() {
            tracing::error!("{self}");
        } else {
            tracing::warn!("{self}");
        }
    }
}

impl Context {
    /// Reads the headers of a request.
    pub fn of(headers: HeaderMap) -> Self {
        let header = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?;
            (!value.is_empty()).then(|| value.to_owned())
        };
        let session_id = header("x-amzn-bedrock-agentcore-runtime-session-id");
        Self {
            conversation_id: session_id.clone(),
            session_id,
            request_id: header("x-amzn-bedrock-agentcore-runtime-request-id")
                .unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
            workload_token: header("workloadaccesstoken")
                .or_else(|| header("x-amz-bedrock-agentcore-identity-wat")),
            headers,
        }
    }

    /// Returns a span that adds the request and the session to log lines.
    pub fn span(&self) -> tracing::Span {
        tracing::info_span!(
            "invocation",
            requestId = self.request_id,
            sessionId = self.session_id.as_deref(),
        )
    }
}
