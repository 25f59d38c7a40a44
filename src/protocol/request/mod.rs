//! Parses a request to the data plane: its method, path and query.
//!
//! The paths come from botocore's `bedrock-agentcore/2024-02-28`, and from the developer guide for
//! operations that the SDKs lack: WebSockets and the metadata of a protected resource. The control
//! plane's paths start the same way; every path that is not listed here belongs to it.

use std::fmt;

use percent_encoding::percent_decode_str;

use super::{Refusal, RuntimeArn, refusal::Kind};
use crate::names::{AccountId, EndpointName};

/// A request to the data plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub runtime: RuntimeRef,
    /// The endpoint; `DEFAULT` if the request names none.
    pub qualifier: EndpointName,
    pub operation: Operation,
    /// The other query parameters, decoded. A WebSocket sends headers this way.
    pub query: Vec<(String, String)>,
}

/// The runtime that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuntimeRef {
    Arn(RuntimeArn),
    Id { id: String, account: AccountId },
}

/// The operation on the runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `InvokeAgentRuntime`.
    Invoke,
    /// `GetAgentCard`, for A2A agents.
    AgentCard,
    /// The authorization servers that protect the runtime.
    ResourceMetadata,
    /// `InvokeAgentRuntimeWithWebSocketStream`.
    WebSocket,
    /// `InvokeAgentRuntimeCommandShell`: a terminal in the session.
    Shell,
    /// `StopRuntimeSession`.
    StopSession,
    /// `InvokeAgentRuntimeCommand`.
    Command,
}

impl Operation {
    pub const ALL: [Self; 7] = [
        Self::Invoke,
        Self::AgentCard,
        Self::ResourceMetadata,
        Self::WebSocket,
        Self::Shell,
        Self::StopSession,
        Self::Command,
    ];

    /// Returns the part of the path after the runtime.
    pub fn path(self) -> &'static str {
        match self {
            Self::Invoke => "invocations",
            Self::AgentCard => "invocations/.well-known/agent-card.json",
            Self::ResourceMetadata => "invocations/.well-known/oauth-protected-resource",
            Self::WebSocket => "ws",
            Self::Shell => "ws/shells",
            Self::StopSession => "stopruntimesession",
            Self::Command => "commands",
        }
    }

    pub fn method(self) -> &'static str {
        match self {
            Self::Invoke | Self::StopSession | Self::Command => "POST",
            Self::AgentCard | Self::ResourceMetadata | Self::WebSocket | Self::Shell => "GET",
        }
    }
}

impl RuntimeRef {
    pub fn id(&self) -> &str {
        match self {
            Self::Arn(arn) => &arn.id,
            Self::Id { id, account: _ } => id,
        }
    }

    pub fn account(&self) -> &AccountId {
        match self {
            Self::Arn(arn) => &arn.account,
            Self::Id { id: _, account } => account,
        }
    }
}

/// Prints the runtime as the request names it.
impl fmt::Display for RuntimeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arn(arn) => f.write_str(&arn.arn),
            Self::Id { id, account: _ } => f.write_str(id),
        }
    }
}

impl Request {
    /// Parses a request's method and target, such as `POST` and
    /// `/runtimes/ARN/invocations?qualifier=X`. Returns `None` if it is not a request to the data
    /// plane.
    pub fn parse(method: &str, target: &str) -> Option<Result<Self, Refusal>> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let rest = path.strip_prefix("/runtimes/")?;
        let (runtime, rest) = rest.split_once('/')?;
        let operation = match operation(rest) {
            Some(operation) => operation,
            None if runtime.contains(':') => return unencoded_arn(rest).map(Err),
            None => return unknown_path(rest, runtime).map(Err),
        };
        if runtime.is_empty() {
            return None;
        }
        if method != operation.method() {
            return Some(Err(Refusal::new(
                Kind::MethodNotAllowed,
                format!("{} takes {} only", operation.path(), operation.method()),
            )));
        }
        Some(Self::read(runtime, operation, query))
    }

    fn read(runtime: &str, operation: Operation, query: &str) -> Result<Self, Refusal> {
        let mut query = pairs(query)?;
        let account = take(&mut query, "accountId");
        let qualifier = take(&mut query, "qualifier").filter(|name| !name.is_empty());
        let text = decoded(runtime, false)?;
        let runtime = runtime_ref(&text, account.as_deref())?;
        let named = match &runtime {
            RuntimeRef::Arn(arn) => arn.endpoint.clone(),
            RuntimeRef::Id { .. } => None,
        };
        let qualifier = match qualifier {
            // No endpoint can have an invalid name, so the endpoint does not exist.
            Some(name) => EndpointName::parse(&name)
                .map_err(|_| Refusal::no_endpoint(&name, &runtime.to_string()))?,
            None => named.clone().unwrap_or_default(),
        };
        if named.is_some_and(|named| named != qualifier) {
            return Err(Refusal::no_endpoint(qualifier.as_str(), &text));
        }
        Ok(Self {
            runtime,
            qualifier,
            operation,
            query,
        })
    }

    /// Returns the value of a query parameter that replaces a header; its name is case-insensitive.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self
            .query
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Finds the operation by its path. Ignores one trailing slash, because MCP and A2A clients add it.
fn operation(rest: &str) -> Option<Operation> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    Operation::ALL
        .into_iter()
        .find(|operation| operation.path() == rest)
}

/// Refuses an unknown path below an operation of the data plane, because it does not belong to the
/// control plane either.
fn unknown_path(rest: &str, runtime: &str) -> Option<Refusal> {
    let first = rest.split('/').next().unwrap_or_default();
    let ours = Operation::ALL
        .into_iter()
        .any(|operation| operation.path() == first);
    (ours && !runtime.is_empty()).then(|| {
        Refusal::new(
            Kind::NotFound,
            format!("there is no operation `{rest}` of a runtime"),
        )
    })
}

/// Explains a path in which the slash of an ARN was not encoded.
fn unencoded_arn(rest: &str) -> Option<Refusal> {
    let (_, rest) = rest.split_once('/')?;
    operation(rest)?;
    Some(Refusal::new(
        Kind::NotFound,
        "the runtime's ARN has to be percent-encoded in the path: `:` as %3A and `/` as %2F",
    ))
}

fn runtime_ref(text: &str, account: Option<&str>) -> Result<RuntimeRef, Refusal> {
    if text.starts_with("arn:") {
        return RuntimeArn::parse(text).map(RuntimeRef::Arn).map_err(|_| {
            Refusal::invalid(
                "agentRuntimeArn",
                "Member must be the ARN of an agent runtime",
            )
        });
    }
    let legal = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    if text.is_empty() || !text.bytes().all(legal) {
        return Err(Refusal::invalid(
            "agentRuntimeArn",
            "Member must be the ARN or the id of an agent runtime",
        ));
    }
    let account = account.ok_or_else(|| {
        Refusal::invalid(
            "accountId",
            "Member must not be null where the runtime is named by its id",
        )
    })?;
    let account = AccountId::parse(account).map_err(|_| {
        Refusal::invalid(
            "accountId",
            "Member must satisfy regular expression pattern: [0-9]{12}",
        )
    })?;
    Ok(RuntimeRef::Id {
        id: text.to_owned(),
        account,
    })
}

fn pairs(query: &str) -> Result<Vec<(String, String)>, Refusal> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name, true)?, decoded(value, true)?))
        })
        .collect()
}

/// Removes all parameters with this name and returns the first value.
fn take(query: &mut Vec<(String, String)>, name: &str) -> Option<String> {
    let mut found = None;
    query.retain(|(key, value)| {
        let matches = key == name;
        if matches {
            found.get_or_insert_with(|| value.clone());
        }
        !matches
    });
    found
}

/// Decodes percent-encoding. With `form`, `+` is a space, as in a query.
fn decoded(text: &str, form: bool) -> Result<String, Refusal> {
    let malformed = || {
        Refusal::new(
            Kind::Validation,
            format!("`{text}` is not percent-encoded text"),
        )
    };
    let mut digits = text.split('%').skip(1);
    let whole = digits
        .all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|digit| digit.is_ascii_hexdigit()));
    if !whole {
        return Err(malformed());
    }
    let text = if form {
        text.replace('+', " ")
    } else {
        text.to_owned()
    };
    let decoded = percent_decode_str(&text)
        .decode_utf8()
        .map_err(|_| malformed())?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests;
