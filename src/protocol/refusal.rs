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
mod tests {
    use super::*;

    fn body(reply: &Reply) -> Value {
        serde_json::from_slice(&reply.body).unwrap()
    }

    fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
        let found = reply.headers.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.as_str())
    }

    #[test]
    fn an_http_agents_error_is_a_status_a_name_and_a_message() {
        let reply = Refusal::agent_error(500, &[]).reply(Protocol::Http, None);
        assert_eq!(reply.status, 424);
        assert_eq!(
            header(&reply, "x-amzn-errortype"),
            Some("RuntimeClientError")
        );
        assert_eq!(header(&reply, "content-type"), Some("application/json"));
        let message = body(&reply)["message"].as_str().unwrap().to_owned();
        assert_eq!(Refusal::status_of_agent(&message), Some(500));
        assert_eq!(Refusal::status_of_agent("Received error (x)"), None);
        assert_eq!(
            body(&reply),
            json!({ "message": "Received error (500) from runtime. Please check your CloudWatch logs for more information." })
        );
    }

    #[test]
    fn every_error_has_the_status_that_the_api_model_gives_it() {
        for (kind, status) in [
            (Kind::Validation, 400),
            (Kind::Unauthorized, 401),
            (Kind::ServiceQuota, 402),
            (Kind::AccessDenied, 403),
            (Kind::NotFound, 404),
            (Kind::Conflict, 409),
            (Kind::RetryableConflict, 409),
            (Kind::RuntimeClient, 424),
            (Kind::Throttling, 429),
            (Kind::Internal, 500),
        ] {
            assert_eq!(
                Refusal::new(kind, "x").reply(Protocol::Http, None).status,
                status
            );
        }
    }

    #[test]
    fn mcp_errors_are_json_rpc_with_the_status_200() {
        let id = json!(3);
        let reply = Refusal::agent_error(404, &[]).reply(Protocol::Mcp, Some(&id));
        assert_eq!(reply.status, 200);
        assert_eq!(
            body(&reply),
            json!({ "jsonrpc": "2.0", "id": 3, "error": {
                "code": -32010,
                "message": "Received error (404) from runtime. Please check your CloudWatch logs for more information.",
            } })
        );
        let quota = Refusal::new(Kind::ServiceQuota, "x").reply(Protocol::Mcp, None);
        assert_eq!(
            (quota.status, body(&quota)["error"]["code"].clone()),
            (200, json!(-32003))
        );
        assert_eq!(body(&quota)["id"], Value::Null);
        let unauthorized = Refusal::new(Kind::Unauthorized, "x").reply(Protocol::Mcp, None);
        assert_eq!(unauthorized.status, 401);
    }

    #[test]
    fn a2a_errors_are_json_rpc_with_the_real_status() {
        for (kind, status, code) in [
            (Kind::NotFound, 404, -32051),
            (Kind::Validation, 400, -32052),
            (Kind::Throttling, 429, -32053),
            (Kind::ServiceQuota, 429, -32053),
            (Kind::Conflict, 409, -32054),
            (Kind::RetryableConflict, 409, -32054),
            (Kind::RuntimeClient, 424, -32055),
            (Kind::Internal, 500, -32603),
        ] {
            let id = json!("req-001");
            let reply = Refusal::new(kind, "x").reply(Protocol::A2a, Some(&id));
            assert_eq!(reply.status, status, "{kind:?}");
            assert_eq!(body(&reply)["error"]["code"], code, "{kind:?}");
            assert_eq!(body(&reply)["id"], id);
        }
        let denied = Refusal::wrong_authorization().reply(Protocol::A2a, None);
        assert_eq!(denied.status, 403);
        assert!(body(&denied).get("error").is_none());
        assert!(
            body(&denied)["message"]
                .as_str()
                .unwrap()
                .contains("mismatch")
        );
    }

    #[test]
    fn agui_errors_are_events() {
        let reply = Refusal::session_busy().reply(Protocol::Agui, None);
        assert_eq!(reply.status, 409);
        assert_eq!(header(&reply, "content-type"), Some("text/event-stream"));
        assert_eq!(
            String::from_utf8(reply.body).unwrap(),
            "data: {\"type\":\"RUN_ERROR\",\"code\":\"SESSION_BUSY\",\"message\":\"Session operation in progress, please retry\"}\n\n"
        );
        // A line break in the message would end the event.
        let failed = Refusal::agent_error(500, &["a\nb".to_owned()]).reply(Protocol::Agui, None);
        assert_eq!(failed.status, 200);
        let text = String::from_utf8(failed.body).unwrap();
        assert_eq!(text.matches('\n').count(), 2, "{text}");
        assert!(text.contains("AGENT_ERROR"), "{text}");
    }

    #[test]
    fn a_field_that_breaks_a_rule_is_named_as_the_service_names_it() {
        let reply = Refusal::invalid(
            "runtimeSessionId",
            "Member must have length greater than or equal to 33",
        )
        .reply(Protocol::Http, None);
        let message = "1 validation error detected: Value at 'runtimeSessionId' failed to satisfy constraint: Member must have length greater than or equal to 33";
        assert_eq!(reply.status, 400);
        assert_eq!(
            body(&reply),
            json!({
                "message": message,
                "reason": "FieldValidationFailed",
                "fieldList": [{ "name": "runtimeSessionId", "message": message }],
            })
        );
    }

    #[test]
    fn an_agents_failure_carries_the_end_of_its_log() {
        let log: Vec<String> = (0..100).map(|line| format!("line {line}.")).collect();
        let message = Refusal::slow_start(&log).message;
        assert!(message.contains("completes in 30s."), "{message}");
        assert!(
            message.contains("line 80.") && message.contains("line 99."),
            "{message}"
        );
        assert!(!message.contains("line 79."), "{message}");
        assert!(!Refusal::slow_start(&[]).message.contains("log ends"));
    }

    #[test]
    fn only_a_request_has_an_id() {
        for (body, id) in [
            (r#"{"jsonrpc":"2.0","id":7,"method":"x"}"#, Some(json!(7))),
            (r#"{"id":"a"}"#, Some(json!("a"))),
            (r#"{"id":null}"#, None),
            (r#"{"id":[1]}"#, None),
            ("[]", None),
            ("", None),
        ] {
            assert_eq!(json_rpc_id(body.as_bytes()), id, "{body}");
        }
    }
}
