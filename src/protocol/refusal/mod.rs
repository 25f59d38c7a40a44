//! The data plane's errors, in the form that the runtime's protocol requires.
//!
//! HTTP agents: the status, `x-amzn-ErrorType` and `{"message"}`. MCP and A2A: a JSON-RPC error.
//! AG-UI: a `RUN_ERROR` event. The tables come from the developer guide's four protocol contracts.

use std::fmt;

use serde_json::{Value, json};

use super::limits;
use crate::config::Protocol;

/// The line before the last lines of the agent's log in an error of the local AgentCore.
pub(crate) const LOG_ENDS: &str = "The agent's log ends with:";

/// The kinds of errors, named as the service names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Validation,
    Unauthorized,
    AccessDenied,
    NotFound,
    /// No operation has this path and method.
    MethodNotAllowed,
    Conflict,
    RetryableConflict,
    /// The agent answered with an error, or not at all.
    RuntimeClient,
    Throttling,
    ServiceQuota,
    /// An MCP client must accept JSON and event streams.
    NotAcceptable,
    Internal,
}

impl Kind {
    pub const ALL: [Self; 12] = [
        Self::Validation,
        Self::Unauthorized,
        Self::AccessDenied,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::RetryableConflict,
        Self::RuntimeClient,
        Self::Throttling,
        Self::ServiceQuota,
        Self::NotAcceptable,
        Self::Internal,
    ];

    /// Returns the value of `x-amzn-ErrorType`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Validation | Self::NotAcceptable => "ValidationException",
            Self::Unauthorized => "UnauthorizedException",
            Self::AccessDenied => "AccessDeniedException",
            Self::NotFound => "ResourceNotFoundException",
            Self::MethodNotAllowed => "UnknownOperationException",
            Self::Conflict => "ConflictException",
            Self::RetryableConflict => "RetryableConflictException",
            Self::RuntimeClient => "RuntimeClientError",
            Self::Throttling => "ThrottlingException",
            Self::ServiceQuota => "ServiceQuotaExceededException",
            Self::Internal => "InternalServerException",
        }
    }

    /// Returns the HTTP status for HTTP agents.
    pub fn status(self) -> u16 {
        match self {
            Self::Validation => 400,
            Self::Unauthorized => 401,
            Self::ServiceQuota => 402,
            Self::AccessDenied => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::Conflict | Self::RetryableConflict => 409,
            Self::RuntimeClient => 424,
            Self::Throttling => 429,
            Self::Internal => 500,
        }
    }

    /// Returns MCP's HTTP status and JSON-RPC code. The status is 200 because MCP clients look for
    /// errors in the body, except for errors that the client must see before it reads the body.
    fn mcp(self) -> (u16, i32) {
        match self {
            Self::Unauthorized => (401, -32001),
            Self::AccessDenied => (403, -32002),
            Self::Throttling | Self::ServiceQuota => (200, -32003),
            Self::NotFound => (200, -32004),
            Self::Conflict | Self::RetryableConflict => (200, -32005),
            Self::Validation => (200, -32006),
            Self::RuntimeClient => (200, -32010),
            Self::NotAcceptable => (406, -32011),
            Self::MethodNotAllowed => (405, -32601),
            Self::Internal => (200, -32603),
        }
    }

    /// Returns A2A's HTTP status and JSON-RPC code. The code is `None` for plain HTTP errors.
    fn a2a(self) -> (u16, Option<i32>) {
        match self {
            Self::Unauthorized => (401, Some(-32001)),
            Self::AccessDenied => (403, None),
            Self::NotFound => (404, Some(-32051)),
            Self::Validation => (400, Some(-32052)),
            Self::Throttling | Self::ServiceQuota => (429, Some(-32053)),
            Self::Conflict | Self::RetryableConflict => (409, Some(-32054)),
            Self::RuntimeClient => (424, Some(-32055)),
            Self::NotAcceptable => (406, Some(-32052)),
            Self::MethodNotAllowed => (405, Some(-32601)),
            Self::Internal => (500, Some(-32603)),
        }
    }

    /// Returns AG-UI's HTTP status and code. An agent's failure has the status 200, because its
    /// stream has already started.
    fn agui(self) -> (u16, &'static str) {
        match self {
            Self::Unauthorized => (401, "UNAUTHORIZED"),
            Self::AccessDenied => (403, "ACCESS_DENIED"),
            Self::Validation => (400, "VALIDATION_ERROR"),
            Self::NotAcceptable => (406, "VALIDATION_ERROR"),
            Self::MethodNotAllowed => (405, "VALIDATION_ERROR"),
            Self::Throttling => (429, "RATE_LIMIT_EXCEEDED"),
            Self::ServiceQuota => (429, "SERVICE_QUOTA_EXCEEDED"),
            Self::Conflict | Self::RetryableConflict => (409, "SESSION_BUSY"),
            Self::RuntimeClient => (200, "AGENT_ERROR"),
            // The contract has no code for something that does not exist.
            Self::NotFound => (404, "INTERNAL_ERROR"),
            Self::Internal => (500, "INTERNAL_ERROR"),
        }
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub kind: Kind,
    pub message: String,
    /// The member of the request that a `ValidationException` names.
    pub field: Option<&'static str>,
    /// The value of `WWW-Authenticate`.
    pub authenticate: Option<String>,
}

/// An answer from the data plane itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Refusal {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            field: None,
            authenticate: None,
        }
    }

    /// A failure of the data plane itself.
    pub fn internal(why: &str) -> Self {
        Self::new(Kind::Internal, why)
    }

    /// A request member that breaks a rule, in the service's words.
    pub fn invalid(field: &'static str, constraint: impl fmt::Display) -> Self {
        Self {
            field: Some(field),
            ..Self::new(
                Kind::Validation,
                format!(
                    "1 validation error detected: Value at '{field}' failed to satisfy constraint: {constraint}"
                ),
            )
        }
    }

    /// The runtime or the endpoint does not exist. `runtime` is the name or ARN in the request.
    pub fn no_endpoint(qualifier: &str, runtime: &str) -> Self {
        Self::new(
            Kind::NotFound,
            format!(
                "No endpoint or agent found with qualifier '{qualifier}' for agent '{runtime}'"
            ),
        )
    }

    /// `StopRuntimeSession` for a session that is not running.
    pub fn no_session(session: &str) -> Self {
        Self::new(Kind::NotFound, format!("Session '{session}' was not found"))
    }

    /// The session is starting or stopping.
    pub fn session_busy() -> Self {
        Self::new(
            Kind::RetryableConflict,
            "Session operation in progress, please retry",
        )
    }

    /// Returns the status in the message of [`Self::agent_error`], also as the service words it.
    pub fn status_of_agent(message: &str) -> Option<u16> {
        let (_, rest) = message.split_once("Received error (")?;
        rest.split_once(')')?.0.parse().ok()
    }

    /// The agent answered with this status. The service hides the body and points to the logs;
    /// locally, the logs are included.
    pub fn agent_error(status: u16, log: &[String]) -> Self {
        Self::with_log(
            format!(
                "Received error ({status}) from runtime. Please check your CloudWatch logs for more information."
            ),
            log,
        )
    }

    /// The agent did not answer on its port in time. The service reports crashes the same way.
    pub fn slow_start(log: &[String]) -> Self {
        Self::with_log(
            format!(
                "Runtime initialization time exceeded. Please make sure that initialization completes in {}s.",
                limits::INITIALIZATION.as_secs()
            ),
            log,
        )
    }

    /// The agent's process ended before it answered on its port. The service reports a slow start,
    /// which is misleading. `how` is `exit status 1` or `signal 9`.
    pub fn ended_at_start(how: &str, log: &[String]) -> Self {
        Self::with_log(
            format!(
                "The agent ended ({how}) before it answered on its port. In AWS this reads: Runtime initialization time exceeded. Please make sure that initialization completes in {}s.",
                limits::INITIALIZATION.as_secs()
            ),
            log,
        )
    }

    /// The agent's process ended, or closed the connection, before it answered.
    pub fn ended_during_request(how: &str, log: &[String]) -> Self {
        Self::with_log(
            format!(
                "The agent did not answer: {how}. Please check your CloudWatch logs for more information."
            ),
            log,
        )
    }

    /// The agent took longer than the service waits.
    pub fn too_slow(log: &[String]) -> Self {
        Self::with_log(
            format!(
                "The agent did not answer within {} minutes",
                limits::SYNCHRONOUS.as_secs() / 60
            ),
            log,
        )
    }

    /// The payload is larger than the service accepts.
    pub fn too_large() -> Self {
        Self::invalid(
            "payload",
            format!(
                "Member must have length less than or equal to {}",
                limits::PAYLOAD
            ),
        )
    }

    /// The answer is larger than the service passes on.
    pub fn answer_too_large() -> Self {
        Self::new(
            Kind::RuntimeClient,
            format!(
                "The agent's answer is longer than {} bytes, which is more than AgentCore passes on",
                limits::PAYLOAD
            ),
        )
    }

    /// All sessions that can run at once are busy.
    pub fn too_many_sessions() -> Self {
        Self::new(
            Kind::Throttling,
            format!(
                "{} sessions are busy, and no more can run at once on this machine. Wait until one of them has answered, or stop one.",
                limits::LOCAL_SESSIONS
            ),
        )
    }

    /// A signature instead of the required token, or the reverse.
    pub fn wrong_authorization() -> Self {
        Self::new(
            Kind::AccessDenied,
            "Authorization method mismatch. The agent is configured for a different authorization method than what was used in your request. Check the agent's authorization configuration and ensure your request uses the matching method (OAuth or SigV4)",
        )
    }

    /// The MCP client does not accept the answer's content types.
    pub fn not_acceptable() -> Self {
        Self::new(
            Kind::NotAcceptable,
            "Not Acceptable: the client must accept both application/json and text/event-stream",
        )
    }

    fn with_log(mut message: String, log: &[String]) -> Self {
        let last = &log[log.len().saturating_sub(limits::LOG_LINES)..];
        if !last.is_empty() {
            message.extend(["\n", LOG_ENDS, "\n"]);
            message.push_str(&last.join("\n"));
        }
        Self::new(Kind::RuntimeClient, message)
    }

    /// Returns the answer for a caller of a runtime with this protocol. `id` is the JSON-RPC
    /// request's ID, if any.
    pub fn reply(&self, protocol: Protocol, id: Option<&Value>) -> Reply {
        let (status, content_type, body) = match protocol {
            Protocol::Http => self.native(self.kind.status()),
            Protocol::Mcp => {
                let (status, code) = self.kind.mcp();
                self.json_rpc(status, code, id)
            }
            Protocol::A2a => match self.kind.a2a() {
                (status, Some(code)) => self.json_rpc(status, code, id),
                (status, None) => self.native(status),
            },
            Protocol::Agui => {
                let (status, code) = self.kind.agui();
                let event = json!({ "type": "RUN_ERROR", "code": code, "message": self.message });
                (status, "text/event-stream", format!("data: {event}\n\n"))
            }
        };
        let mut headers = vec![
            ("content-type", content_type.to_owned()),
            ("x-amzn-errortype", self.kind.name().to_owned()),
        ];
        headers.extend(
            self.authenticate
                .clone()
                .map(|value| ("www-authenticate", value)),
        );
        if self.kind == Kind::MethodNotAllowed {
            headers.push(("allow", "POST".to_owned()));
        }
        Reply {
            status,
            headers,
            body: body.into_bytes(),
        }
    }

    fn native(&self, status: u16) -> (u16, &'static str, String) {
        let mut body = json!({ "message": self.message });
        if self.kind == Kind::Validation {
            let reason = match self.field {
                Some(_) => "FieldValidationFailed",
                None => "CannotParse",
            };
            body["reason"] = json!(reason);
        }
        if let Some(name) = self.field {
            body["fieldList"] = json!([{ "name": name, "message": self.message }]);
        }
        (status, "application/json", body.to_string())
    }

    fn json_rpc(&self, status: u16, code: i32, id: Option<&Value>) -> (u16, &'static str, String) {
        let body = json!({
            "jsonrpc": "2.0",
            "id": id,
            "error": { "code": code, "message": self.message },
        });
        (status, "application/json", body.to_string())
    }
}

/// Returns the ID of a JSON-RPC request, which its error repeats.
pub fn json_rpc_id(body: &[u8]) -> Option<Value> {
    let Value::Object(mut request) = serde_json::from_slice(body).ok()? else {
        return None;
    };
    let id = request.remove("id")?;
    (id.is_string() || id.is_number()).then_some(id)
}

#[cfg(test)]
mod tests;
