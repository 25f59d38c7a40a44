//! Which headers are passed to the agent, and which are passed back.
//!
//! The rules for the allow-list come from the developer guide's runtime-header-allowlist. Header
//! names are compared case-insensitively and sent in lower case.

use super::{
    Refusal, limits,
    refusal::Kind,
    session::{self, SessionKey},
};
use crate::{
    config::Protocol,
    names::header::{self, CUSTOM},
};

/// The service's ID of a request, which it sends to the agent and to the caller.
pub const REQUEST_ID: &str = "x-amzn-bedrock-agentcore-runtime-request-id";

/// The same ID in the header that every AWS service answers with.
pub const AWS_REQUEST_ID: &str = "x-amzn-requestid";

/// The token with which the agent gets credentials for a user.
pub const WORKLOAD_ACCESS_TOKEN: &str = "workloadaccesstoken";

/// Headers that the service reads or passes on itself: the header, the longest value, and its name
/// in the API model.
const OWN: [(&str, usize, &str); 9] = [
    ("content-type", 256, "contentType"),
    ("accept", 256, "accept"),
    ("x-amzn-trace-id", 128, "traceId"),
    ("traceparent", 128, "traceParent"),
    ("tracestate", 512, "traceState"),
    ("baggage", 8192, "baggage"),
    ("mcp-protocol-version", 1024, "mcpProtocolVersion"),
    ("mcp-method", 1024, "mcpMethod"),
    ("mcp-name", 1024, "mcpName"),
];

/// Headers that are passed back from an agent. The length is up to the connection.
const RETURNED: [&str; 8] = [
    "content-type",
    // Needed to read the body.
    "content-encoding",
    session::MCP_HEADER,
    "mcp-protocol-version",
    "x-amzn-trace-id",
    "traceparent",
    "tracestate",
    "baggage",
];

/// A header as it is sent.
pub type Header = (String, Vec<u8>);

/// What determines which headers of a request are passed to an agent.
#[derive(Debug, Clone, Copy)]
pub struct Forwarding<'a> {
    pub protocol: Protocol,
    pub allowlist: &'a [String],
    /// `Authorization` is passed only to agents with an authorizer.
    pub has_authorizer: bool,
    pub session: &'a SessionKey,
    pub request_id: &'a str,
}

impl Forwarding<'_> {
    /// Returns the headers for the agent.
    pub fn to_agent<'h>(
        &self,
        request: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    ) -> Result<Vec<Header>, Refusal> {
        let request: Vec<(String, &[u8])> = request
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        let hop_by_hop = nominated(&request);
        let mut sent = Vec::new();
        for (name, value) in &request {
            if hop_by_hop.contains(name) {
                continue;
            }
            if let Some((_, longest, member)) = OWN.into_iter().find(|(own, ..)| own == name) {
                if value.len() > longest {
                    return Err(Refusal::invalid(
                        member,
                        format!("Member must have length less than or equal to {longest}"),
                    ));
                }
                sent.push((name.clone(), value.to_vec()));
            } else if self.lets_through(name) {
                if value.len() > limits::HEADER_VALUE {
                    return Err(Refusal::new(
                        Kind::Validation,
                        format!(
                            "the value of the header `{name}` is longer than {} bytes",
                            limits::HEADER_VALUE
                        ),
                    ));
                }
                sent.push((name.clone(), value.to_vec()));
            }
        }
        sent.push((session::HEADER.to_owned(), self.session.as_str().into()));
        sent.push((REQUEST_ID.to_owned(), self.request_id.into()));
        if self.protocol == Protocol::Mcp {
            // The server must accept an ID that it did not issue.
            let given = request.iter().find(|(name, _)| name == session::MCP_HEADER);
            let id = given.map_or(self.session.as_str().as_bytes(), |(_, value)| value);
            sent.push((session::MCP_HEADER.to_owned(), id.to_vec()));
        }
        Ok(sent)
    }

    /// Returns the headers that a WebSocket's query parameters replace, because a browser cannot
    /// send headers.
    pub fn from_query(&self, query: &[(String, String)]) -> Result<Vec<Header>, Refusal> {
        let custom = query
            .iter()
            .filter(|(name, _)| name.to_ascii_lowercase().starts_with(CUSTOM));
        let mut sent =
            self.to_agent(custom.map(|(name, value)| (name.as_str(), value.as_bytes())))?;
        sent.retain(|(name, _)| name.starts_with(CUSTOM));
        // A query value can contain characters that a header value cannot.
        if let Some((name, _)) = sent.iter().find(|(_, value)| !is_header_value(value)) {
            return Err(Refusal::new(
                Kind::Validation,
                format!("the parameter `{name}` has characters that no header can have"),
            ));
        }
        Ok(sent)
    }

    fn lets_through(&self, name: &str) -> bool {
        let listed = self
            .allowlist
            .iter()
            .any(|listed| listed.eq_ignore_ascii_case(name));
        listed && (name != "authorization" || self.has_authorizer) && header::may_be_listed(name)
    }

    /// Returns the headers of the agent's answer that are passed to the caller.
    pub fn to_caller<'h>(
        &self,
        answer: impl IntoIterator<Item = (&'h str, &'h [u8])>,
    ) -> Vec<Header> {
        let mut sent: Vec<Header> = answer
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec()))
            .filter(|(name, _)| RETURNED.contains(&name.as_str()))
            .filter(|(name, _)| self.protocol == Protocol::Mcp || name != session::MCP_HEADER)
            .collect();
        let has_mcp_session = sent.iter().any(|(name, _)| name == session::MCP_HEADER);
        if self.protocol == Protocol::Mcp && !has_mcp_session {
            sent.push((session::MCP_HEADER.to_owned(), self.session.as_str().into()));
        }
        sent.push((session::HEADER.to_owned(), self.session.as_str().into()));
        sent.push((AWS_REQUEST_ID.to_owned(), self.request_id.into()));
        sent
    }
}

/// Returns the headers that `Connection` names as hop-by-hop.
fn nominated(request: &[(String, &[u8])]) -> Vec<String> {
    let lists = request.iter().filter(|(name, _)| name == "connection");
    lists
        .filter_map(|(_, value)| std::str::from_utf8(value).ok())
        .flat_map(|list| list.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect()
}

fn is_header_value(value: &[u8]) -> bool {
    value
        .iter()
        .all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f))
}

/// Returns true if a lower-case header reaches every agent whose protocol defines it.
pub fn is_always_passed(name: &str) -> bool {
    name == session::MCP_HEADER || OWN.iter().any(|(own, ..)| *own == name)
}

/// Returns true if an MCP client accepts both kinds of answer.
pub fn accepts_mcp(accept: Option<&str>) -> bool {
    let names = |wanted: &str| {
        accept.unwrap_or_default().split(',').any(|item| {
            let essence = item.split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case(wanted)
        })
    };
    names("application/json") && names("text/event-stream")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SESSION: &str = "0123456789-0123456789-0123456789-x";

    fn key() -> SessionKey {
        SessionKey::parse(SESSION).unwrap()
    }

    fn forwarding<'a>(
        protocol: Protocol,
        allowlist: &'a [String],
        session: &'a SessionKey,
    ) -> Forwarding<'a> {
        Forwarding {
            protocol,
            allowlist,
            has_authorizer: false,
            session,
            request_id: "request-1",
        }
    }

    fn listed(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn to_agent(
        forwarding: &Forwarding<'_>,
        headers: &[(&str, &str)],
    ) -> Result<Vec<(String, String)>, Refusal> {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()));
        Ok(text(forwarding.to_agent(headers)?))
    }

    fn text(headers: Vec<Header>) -> Vec<(String, String)> {
        headers
            .into_iter()
            .map(|(name, value)| (name, String::from_utf8(value).unwrap()))
            .collect()
    }

    fn has(headers: &[(String, String)], name: &str, value: &str) -> bool {
        headers.iter().any(|(n, v)| n == name && v == value)
    }

    #[test]
    fn an_agent_gets_the_services_headers_and_nobody_elses() {
        let session = key();
        let sent = to_agent(
            &forwarding(Protocol::Http, &[], &session),
            &[
                ("Content-Type", "application/json"),
                ("Accept", "text/event-stream"),
                ("TraceParent", "00-1-2-01"),
                ("Authorization", "AWS4-HMAC-SHA256 secret"),
                ("X-Amz-Security-Token", "secret"),
                ("X-Amz-Date", "20261129T000000Z"),
                ("Cookie", "a=b"),
                ("Host", "127.0.0.1"),
                ("Content-Length", "2"),
                ("User-Agent", "Boto3"),
                ("X-Tenant", "a"),
                ("X-Amzn-Bedrock-AgentCore-Runtime-Custom-A", "b"),
                ("X-Amzn-Bedrock-AgentCore-Runtime-User-Id", "u"),
                ("WorkloadAccessToken", "forged"),
                ("X-Amzn-Bedrock-AgentCore-Runtime-Request-Id", "forged"),
                ("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", "forged"),
                ("Mcp-Session-Id", "m"),
            ],
        )
        .unwrap();
        assert_eq!(
            sent,
            [
                ("content-type", "application/json"),
                ("accept", "text/event-stream"),
                ("traceparent", "00-1-2-01"),
                (session::HEADER, SESSION),
                (REQUEST_ID, "request-1"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn the_allow_list_lets_headers_through_in_any_case() {
        let session = key();
        let allowlist = listed(&[
            "x-tenant",
            "X-AMZN-Bedrock-AgentCore-Runtime-Custom-A",
            // Names that the service would not store have no effect.
            "Cookie",
            "X-Amz-Date",
            "X-Amzn-Anything",
        ]);
        let sent = to_agent(
            &forwarding(Protocol::Http, &allowlist, &session),
            &[
                ("X-TENANT", "a"),
                ("x-tenant", "b"),
                ("x-amzn-bedrock-agentcore-runtime-custom-a", "c"),
                ("x-amzn-bedrock-agentcore-runtime-custom-b", "d"),
                ("cookie", "e"),
                ("x-amz-date", "f"),
                ("x-amzn-anything", "g"),
            ],
        )
        .unwrap();
        assert!(has(&sent, "x-tenant", "a") && has(&sent, "x-tenant", "b"));
        assert!(has(&sent, "x-amzn-bedrock-agentcore-runtime-custom-a", "c"));
        assert_eq!(sent.len(), 3 + 2, "{sent:?}");
    }

    #[test]
    fn the_token_reaches_only_an_agent_that_lists_it_and_has_an_authorizer() {
        let session = key();
        let allowlist = listed(&["authorization"]);
        let header = [("Authorization", "Bearer x")];
        for (listed, has_authorizer, passes) in [
            (true, true, true),
            (true, false, false),
            (false, true, false),
        ] {
            let forwarding = Forwarding {
                has_authorizer,
                ..forwarding(
                    Protocol::Http,
                    if listed { &allowlist } else { &[] },
                    &session,
                )
            };
            let sent = to_agent(&forwarding, &header).unwrap();
            assert_eq!(has(&sent, "authorization", "Bearer x"), passes);
        }
    }

    #[test]
    fn a_value_that_is_too_long_is_refused() {
        let session = key();
        let allowlist = listed(&["x-tenant"]);
        let forwarding = forwarding(Protocol::Http, &allowlist, &session);
        let (fits, long) = ("a".repeat(4096), "a".repeat(4097));
        assert!(to_agent(&forwarding, &[("X-Tenant", &fits)]).is_ok());
        assert!(to_agent(&forwarding, &[("X-Other", &long)]).is_ok());
        let refusal = to_agent(&forwarding, &[("X-Tenant", &long)]).unwrap_err();
        assert!(refusal.message.contains("`x-tenant`"), "{refusal:?}");
        let refusal = to_agent(&forwarding, &[("Baggage", &"a".repeat(8193))]).unwrap_err();
        assert_eq!(refusal.field, Some("baggage"));
    }

    #[test]
    fn a_header_of_the_connection_goes_no_further() {
        let session = key();
        let allowlist = listed(&["x-tenant", "x-other"]);
        let sent = to_agent(
            &forwarding(Protocol::Http, &allowlist, &session),
            &[
                ("Connection", "keep-alive, X-Tenant"),
                ("X-Tenant", "a"),
                ("X-Other", "b"),
            ],
        )
        .unwrap();
        assert!(!has(&sent, "x-tenant", "a"));
        assert!(has(&sent, "x-other", "b"));
    }

    #[test]
    fn an_mcp_server_always_gets_a_session() {
        let session = key();
        let forwarding = forwarding(Protocol::Mcp, &[], &session);
        let sent = to_agent(&forwarding, &[]).unwrap();
        assert!(has(&sent, session::MCP_HEADER, SESSION));
        let sent = to_agent(&forwarding, &[("Mcp-Session-Id", "own")]).unwrap();
        assert!(has(&sent, session::MCP_HEADER, "own"));
        assert!(!has(&sent, session::MCP_HEADER, SESSION));
        // The server's own ID takes precedence in the answer, too.
        let answer = text(forwarding.to_caller([("Mcp-Session-Id", b"own".as_slice())]));
        assert!(has(&answer, session::MCP_HEADER, "own"));
        let answer = text(forwarding.to_caller([]));
        assert!(has(&answer, session::MCP_HEADER, SESSION));
    }

    #[test]
    fn the_caller_learns_the_session_and_the_content_type_and_no_more() {
        let session = key();
        let answer = text(forwarding(Protocol::Http, &[], &session).to_caller([
            ("Content-Type", b"text/event-stream".as_slice()),
            ("Set-Cookie", b"a=b"),
            ("Server", b"uvicorn"),
            ("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", b"forged"),
            ("X-Amzn-RequestId", b"forged"),
            ("Access-Control-Allow-Origin", b"*"),
            ("Mcp-Session-Id", b"m"),
            ("traceparent", b"00-1-2-01"),
        ]));
        assert_eq!(
            answer,
            [
                ("content-type", "text/event-stream"),
                ("traceparent", "00-1-2-01"),
                (session::HEADER, SESSION),
                (AWS_REQUEST_ID, "request-1"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn a_websockets_parameters_are_headers_if_they_are_listed() {
        let session = key();
        let allowlist = listed(&["X-Amzn-Bedrock-AgentCore-Runtime-Custom-A", "X-Tenant"]);
        let forwarding = forwarding(Protocol::Http, &allowlist, &session);
        let query = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        let custom = |value| query("x-amzn-Bedrock-AgentCore-Runtime-Custom-A", value);
        let sent = text(forwarding.from_query(&custom("b c")).unwrap());
        assert_eq!(
            sent,
            [(
                "x-amzn-bedrock-agentcore-runtime-custom-a".to_owned(),
                "b c".to_owned()
            )]
        );
        for nothing in [
            query("x-tenant", "a"),
            query("x-amzn-bedrock-agentcore-runtime-custom-b", "a"),
            query("x-amz-signature", "a"),
        ] {
            assert_eq!(forwarding.from_query(&nothing), Ok(vec![]));
        }
        assert!(forwarding.from_query(&custom("a\r\nx: y")).is_err());
    }

    #[test]
    fn an_mcp_client_names_both_kinds_of_answer() {
        for (accept, accepted) in [
            (Some("application/json, text/event-stream"), true),
            (Some("text/event-stream;q=0.9,Application/JSON"), true),
            (Some("application/json"), false),
            (Some("text/event-stream"), false),
            (Some("*/*"), false),
            (None, false),
        ] {
            assert_eq!(accepts_mcp(accept), accepted, "{accept:?}");
        }
    }

    proptest! {
        #[test]
        fn no_header_of_the_callers_passes_for_one_of_the_services(
            headers in proptest::collection::vec(("[a-zA-Z-]{1,12}|(?i:x-amzn-bedrock-agentcore-runtime-(session|request|user)-id)", "[ -~]{0,20}"), 0..8),
        ) {
            let session = key();
            let allowlist: Vec<String> = headers.iter().map(|(name, _)| name.clone()).collect();
            let forwarding = forwarding(Protocol::Http, &allowlist, &session);
            let given = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            let sent = text(forwarding.to_agent(given).unwrap());
            for (name, value) in [(session::HEADER, SESSION), (REQUEST_ID, "request-1")] {
                let found: Vec<_> = sent.iter().filter(|(key, _)| key == name).collect();
                prop_assert_eq!(found, [&(name.to_owned(), value.to_owned())]);
            }
        }
    }
}
