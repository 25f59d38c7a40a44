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
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    const ARN: &str =
        "arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/my_agent-AbCdEf1234";

    fn encoded(text: &str) -> String {
        utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
    }

    fn parse(method: &str, target: &str) -> Option<Result<Request, Refusal>> {
        Request::parse(method, target)
    }

    fn served(method: &str, target: &str) -> Request {
        parse(method, target).unwrap().unwrap()
    }

    fn refused(method: &str, target: &str) -> Refusal {
        parse(method, target).unwrap().unwrap_err()
    }

    #[test]
    fn every_operation_is_found_by_its_path_and_its_method() {
        for operation in Operation::ALL {
            for slash in ["", "/"] {
                let target = format!("/runtimes/{}/{}{slash}", encoded(ARN), operation.path());
                let request = served(operation.method(), &target);
                assert_eq!(request.operation, operation);
                assert_eq!(request.runtime.id(), "my_agent-AbCdEf1234");
                assert_eq!(request.runtime.account().as_str(), "000000000000");
                assert_eq!(request.qualifier.as_str(), "DEFAULT");
                assert_eq!(request.query, []);
            }
        }
    }

    #[test]
    fn the_qualifier_names_the_endpoint_and_what_else_is_asked_stays() {
        let target = format!(
            "/runtimes/{}/ws?X-Amzn-Bedrock-AgentCore-Runtime-Custom-A=b+c&qualifier=prod&X-Amz-Date=1&qualifier=other",
            encoded(ARN)
        );
        let request = served("GET", &target);
        assert_eq!(request.qualifier.as_str(), "prod");
        assert_eq!(
            request.parameter("x-amzn-bedrock-agentcore-runtime-custom-a"),
            Some("b c")
        );
        assert_eq!(request.query.len(), 2);
    }

    #[test]
    fn an_id_needs_its_account() {
        let request = served(
            "POST",
            "/runtimes/a-AbCdEf1234/invocations?accountId=000000000000",
        );
        assert_eq!(request.runtime.id(), "a-AbCdEf1234");
        assert_eq!(request.runtime.to_string(), "a-AbCdEf1234");
        for (query, field) in [("", "accountId"), ("?accountId=1", "accountId")] {
            let refusal = refused(
                "POST",
                &format!("/runtimes/a-AbCdEf1234/invocations{query}"),
            );
            assert_eq!(
                (refusal.kind, refusal.field),
                (Kind::Validation, Some(field))
            );
        }
        // The ARN's own account takes precedence.
        let target = format!("/runtimes/{}/invocations?accountId=1", encoded(ARN));
        assert_eq!(served("POST", &target).runtime.to_string(), ARN);
    }

    #[test]
    fn an_endpoints_arn_is_one_of_that_endpoint() {
        let arn = encoded(&format!("{ARN}/runtime-endpoint/prod"));
        let target = format!("/runtimes/{arn}/invocations");
        assert_eq!(served("POST", &target).qualifier.as_str(), "prod");
        let same = served("POST", &format!("{target}?qualifier=prod"));
        assert_eq!(same.qualifier.as_str(), "prod");
        let other = refused("POST", &format!("{target}?qualifier=DEFAULT"));
        assert_eq!(other.kind, Kind::NotFound);
    }

    #[test]
    fn the_control_planes_requests_are_left_to_it() {
        for (method, target) in [
            ("PUT", "/runtimes/"),
            ("POST", "/runtimes/?maxResults=10"),
            ("GET", "/runtimes/my_agent-AbCdEf1234/"),
            ("GET", "/runtimes/my_agent-AbCdEf1234/?version=1"),
            ("DELETE", "/runtimes/invocations/"),
            ("POST", "/runtimes/my_agent-AbCdEf1234/versions/"),
            ("PUT", "/runtimes/my_agent-AbCdEf1234/runtime-endpoints/"),
            (
                "GET",
                "/runtimes/my_agent-AbCdEf1234/runtime-endpoints/invocations/",
            ),
            ("GET", "/tags/arn%3Aaws"),
            ("POST", "/"),
            ("POST", "/runtimes//invocations"),
            ("POST", "runtimes/a/invocations"),
            ("PUT", "/my-bucket/runtimes/a-AbCdEf1234/invocations"),
            ("POST", "/model/us.x/converse"),
        ] {
            assert_eq!(parse(method, target), None, "{method} {target}");
        }
    }

    #[test]
    fn another_method_is_refused() {
        for (method, path) in [
            ("GET", "invocations"),
            ("DELETE", "invocations"),
            ("PUT", "commands"),
            ("POST", "ws"),
            ("post", "invocations"),
            ("POST", "invocations/.well-known/agent-card.json"),
        ] {
            let target = format!("/runtimes/{}/{path}", encoded(ARN));
            assert_eq!(
                refused(method, &target).kind,
                Kind::MethodNotAllowed,
                "{method} {path}"
            );
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for path in [
            "invocations/../commands",
            "invocations/./x",
            "invocations//",
            "invocations/%2e%2e/commands",
            "invocations/x",
            "invocations/.well-known/agent.json",
            "commands/x",
            "ws/x",
            "stopruntimesession/x/y",
        ] {
            let target = format!("/runtimes/{}/{path}", encoded(ARN));
            assert_eq!(refused("POST", &target).kind, Kind::NotFound, "{path}");
        }
    }

    #[test]
    fn an_arn_that_was_not_encoded_is_explained() {
        let refusal = refused("POST", &format!("/runtimes/{ARN}/invocations"));
        assert_eq!(refusal.kind, Kind::NotFound);
        assert!(refusal.message.contains("%2F"), "{refusal:?}");
    }

    #[test]
    fn what_names_no_runtime_is_refused() {
        for wrong in [
            "arn:aws:iam::000000000000:role/x",
            "arn:aws:bedrock-agentcore:us-east-1:000000000000:memory/m-AbCdEf1234",
            "..",
            "a b",
            "a/../b",
            "a\0b",
        ] {
            let target = format!(
                "/runtimes/{}/invocations?accountId=000000000000",
                encoded(wrong)
            );
            let refusal = refused("POST", &target);
            assert_eq!(refusal.field, Some("agentRuntimeArn"), "{wrong}");
        }
        for wrong in ["%zz", "a%2", "%", "%ff", "%C3"] {
            let target = format!("/runtimes/{wrong}/invocations?accountId=000000000000");
            assert_eq!(refused("POST", &target).kind, Kind::Validation, "{wrong}");
        }
    }

    #[test]
    fn an_endpoint_that_cannot_be_is_not_found() {
        for wrong in ["a-b", "1", "a%20b", "%2E%2E"] {
            let target = format!("/runtimes/{}/invocations?qualifier={wrong}", encoded(ARN));
            let refusal = refused("POST", &target);
            assert_eq!(refusal.kind, Kind::NotFound, "{wrong}");
            assert!(refusal.message.contains(ARN), "{refusal:?}");
        }
        let target = format!("/runtimes/{}/invocations?qualifier=", encoded(ARN));
        assert_eq!(served("POST", &target).qualifier, EndpointName::default());
    }

    proptest! {
        #[test]
        fn any_arn_comes_through_any_encoding(
            name in "[a-zA-Z][a-zA-Z0-9_]{0,47}",
            suffix in "[a-zA-Z0-9]{10}",
            account in "[0-9]{12}",
            region in "(us|eu|ap)-(east|west|south)-[1-9]",
            lower in any::<bool>(),
        ) {
            let arn = format!("arn:aws:bedrock-agentcore:{region}:{account}:runtime/{name}-{suffix}");
            let mut whole = encoded(&arn);
            if lower {
                whole = whole.replace("%3A", "%3a").replace("%2F", "%2f").replace("%2D", "-");
            }
            let request = served("POST", &format!("/runtimes/{whole}/invocations"));
            prop_assert_eq!(request.runtime.to_string(), arn);
        }

        #[test]
        fn no_target_makes_it_panic_or_escape(target in "/runtimes/[a-zA-Z0-9%:./?&=+ é-]{0,60}") {
            for method in ["GET", "POST"] {
                if let Some(Ok(request)) = parse(method, &target) {
                    let id = request.runtime.id();
                    prop_assert!(!id.is_empty() && !id.contains(['/', '.', '%', ':']), "{}", id);
                }
            }
        }

        #[test]
        fn a_query_comes_back_as_it_was_encoded(name in "[a-z]{1,8}x", value in ".{0,20}") {
            let target = format!(
                "/runtimes/{}/ws?{}={}",
                encoded(ARN), encoded(&name), encoded(&value)
            );
            let request = served("GET", &target);
            prop_assert_eq!(request.parameter(&name), Some(value.as_str()));
        }
    }
}
