//! What can be sent to an agent: the payload, the headers, the token.

use std::fmt;

use serde_json::json;

use super::{headers, limits, session};
use crate::{error::Failure, names::header, text::decoding};

/// The default content type.
pub(crate) const JSON: &str = "application/json";

/// The content types that agents answer with. MCP servers refuse a caller that does not accept
/// both.
pub(crate) const ACCEPTED: &str = "application/json, text/event-stream";

/// Returns the payload of `--prompt`, as the templates' agents read it.
pub(crate) fn prompt(text: &str) -> Vec<u8> {
    json!({ "prompt": text }).to_string().into_bytes()
}

/// Returns the payload to send. Removes the byte order mark that Windows programs write before
/// JSON.
pub(crate) fn without_mark(payload: Vec<u8>, content_type: &str, raw: bool) -> Vec<u8> {
    match payload.strip_prefix(decoding::MARK) {
        Some(rest) if !raw && is_json(content_type) => rest.to_vec(),
        _ => payload,
    }
}

/// Refuses payloads that the service or the agent would refuse, without changing a byte. `ways` are
/// the alternatives that the command offers if the payload is not JSON.
pub(crate) fn check_payload(
    payload: &[u8],
    content_type: &str,
    raw: bool,
    ways: &[&str],
) -> Result<(), Failure> {
    if payload.len() > limits::PAYLOAD {
        return Err(Failure::usage(format!(
            "the payload is {} bytes long, but the service accepts {}",
            payload.len(),
            limits::PAYLOAD
        ))
        .help("put it into S3 and send the agent its key"));
    }
    if raw || !is_json(content_type) {
        return Ok(());
    }
    let text = decoding::decoded(payload.to_vec()).map_err(|error| {
        let failure = Failure::usage(format!("the payload is not JSON: {error}"));
        ways.iter().copied().fold(failure, Failure::help)
    })?;
    let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&text) else {
        return Ok(());
    };
    if payload.is_empty() {
        let failure = Failure::usage("the payload is empty, which is not JSON");
        return Err(ways.iter().copied().fold(failure, Failure::help));
    }
    let failure = Failure::usage(format!("the payload is not JSON: {error}"));
    let failure = if text.len() <= 60 && !text.contains('\n') {
        failure.note(format!("it is `{text}`"))
    } else {
        failure
    };
    Err(ways.iter().copied().fold(failure, Failure::help))
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence == JSON || essence.ends_with("+json")
}

/// A header from the command line: `Name: value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Headers that this tool or HTTP itself sets, with what to use instead.
const RESERVED: [(&str, &str); 13] = [
    ("authorization", "`--bearer-token` sends a token"),
    ("content-type", "`--content-type` sets it"),
    ("accept", "JSON and event streams are always accepted"),
    ("host", "`--endpoint-url` sets it"),
    ("content-length", "it is counted"),
    ("connection", "it is the connection's own"),
    ("keep-alive", "it is the connection's own"),
    ("proxy-authorization", "it is the connection's own"),
    ("te", "it is the connection's own"),
    ("trailer", "it is the connection's own"),
    ("transfer-encoding", "it is the connection's own"),
    ("upgrade", "it is the connection's own"),
    ("expect", "it is the connection's own"),
];

impl Header {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once(':')
            .ok_or("expected a header such as 'Name: value'")?;
        let (name, value) = (name.trim(), value.trim());
        let lower = name.to_ascii_lowercase();
        if !header::is_name(name) {
            return Err(format!(
                "invalid header name `{name}`: expected a letter, then up to 255 letters, digits, `-` and `_`"
            ));
        }
        if let Some((_, instead)) = RESERVED.iter().find(|(name, _)| *name == lower) {
            return Err(format!("the header `{name}` cannot be set: {instead}"));
        }
        if lower == session::HEADER {
            return Err(format!("`--session` sets the header `{name}`"));
        }
        if lower == "x-amzn-bedrock-agentcore-runtime-user-id" {
            return Err(format!("`--user` sets the header `{name}`"));
        }
        if !headers::is_always_passed(&lower) && header::is_reserved(&lower) {
            return Err(format!(
                "the header `{name}` reaches no agent: of the `x-amz` names only `X-Amzn-Bedrock-AgentCore-Runtime-Custom-*` do"
            ));
        }
        if !headers::is_always_passed(&lower) && !header::may_be_listed(&lower) {
            return Err(format!(
                "the header `{name}` reaches no agent: the service keeps it to itself"
            ));
        }
        if value.is_empty() || value.len() > limits::HEADER_VALUE || !is_visible(value) {
            return Err(format!(
                "the value of the header `{name}` must be 1 to 4096 visible ASCII characters"
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }

    /// Returns true if an agent with this allow-list receives the header.
    pub(crate) fn reaches(&self, allowlist: &[String]) -> bool {
        headers::is_always_passed(&self.name.to_ascii_lowercase())
            || allowlist
                .iter()
                .any(|name| self.name.eq_ignore_ascii_case(name))
    }
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|c| c.is_ascii_graphic() || c == b' ')
}

/// Parses `--user`, the user that the agent acts for.
pub(crate) fn user(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 1024 || !is_visible(text) || text.trim() != text {
        return Err("expected 1 to 1024 visible ASCII characters".to_owned());
    }
    Ok(text.to_owned())
}

/// Parses `--content-type`.
pub(crate) fn content_type(text: &str) -> Result<String, String> {
    if !text.contains('/') || text.len() > 256 || !is_visible(text) {
        return Err("expected a content type such as `text/plain`".to_owned());
    }
    Ok(text.to_owned())
}

/// A JWT. It is sent to the service and never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_ascii_whitespace().peekable();
        words.next_if(|word| word.eq_ignore_ascii_case("bearer"));
        match (words.next(), words.next()) {
            (Some(word), None) if is_visible(word) => Ok(Self(word.to_owned())),
            _ => Err("expected one word of visible ASCII characters".to_owned()),
        }
    }

    /// Returns the value of the `Authorization` header.
    pub(crate) fn authorization(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    #[test]
    fn a_payload_is_json_unless_something_else_is_said() {
        for (payload, content_type, raw) in [
            ("{\"prompt\": \"hi\"}", JSON, false),
            ("\"text\"", JSON, false),
            ("hi", "text/plain", false),
            ("hi", JSON, true),
            ("[1]", "application/vnd.x+json; charset=utf-8", false),
        ] {
            assert_eq!(
                check_payload(payload.as_bytes(), content_type, raw, &[]),
                Ok(())
            );
        }
        for (payload, content_type) in [
            ("hi", JSON),
            ("{prompt: hi}", "Application/JSON; charset=utf-8"),
            ("{\"a\": 1} x", JSON),
        ] {
            let failure =
                check_payload(payload.as_bytes(), content_type, false, &["a way"]).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            let message = &failure.messages[0];
            assert!(message.what.contains("at line 1 column"), "{message:?}");
            assert_eq!(message.help, ["a way"]);
        }
    }

    #[test]
    fn nothing_is_no_json() {
        let failure = check_payload(b"\xff\xfe{\0}\0", JSON, false, &["a way"]).unwrap_err();
        assert!(
            failure.messages[0].what.contains("it is UTF-16"),
            "{failure:?}"
        );
        let failure = check_payload(b"{\"a\": \"\xe9\"}", JSON, false, &["a way"]).unwrap_err();
        let what = &failure.messages[0].what;
        assert!(
            what.contains("byte 0xE9 at offset 7 (line 1, column 8)"),
            "{what}"
        );
        let failure = check_payload(b"", JSON, false, &["a way"]).unwrap_err();
        assert!(failure.messages[0].what.contains("is empty"), "{failure:?}");
        assert_eq!(check_payload(b"", JSON, true, &[]), Ok(()));
    }

    #[test]
    fn a_payload_that_the_service_would_refuse_is_not_sent() {
        let payload = vec![b'1'; limits::PAYLOAD + 1];
        assert!(check_payload(&payload, JSON, true, &[]).is_err());
    }

    #[test]
    fn a_prompt_is_quoted_as_json() {
        assert_eq!(prompt("a \"b\"\n"), br#"{"prompt":"a \"b\"\n"}"#);
    }

    #[test]
    fn headers_that_can_reach_an_agent_are_taken() {
        for text in [
            "X-Tenant: a: b",
            "X-Amzn-Bedrock-AgentCore-Runtime-Custom-Tenant:x",
            "traceparent: 00-1-2-01",
            "X-Amzn-Trace-Id: Root=1",
            "Mcp-Session-Id: 1",
        ] {
            assert!(Header::parse(text).is_ok(), "{text}");
        }
        assert_eq!(
            Header::parse(" X-Tenant :  a: b ").unwrap(),
            Header {
                name: "X-Tenant".into(),
                value: "a: b".into()
            }
        );
    }

    #[test]
    fn headers_that_cannot_are_refused_with_the_way_out() {
        for (text, told) in [
            ("X-Tenant", "'Name: value'"),
            ("1: x", "invalid header name"),
            ("X Y: x", "invalid header name"),
            ("Authorization: Bearer x", "--bearer-token"),
            ("content-type: text/plain", "--content-type"),
            ("Transfer-Encoding: chunked", "connection's own"),
            ("X-Amz-Security-Token: x", "Custom-*"),
            ("x-amzn-anything: x", "Custom-*"),
            ("Cookie: a=b", "keeps it to itself"),
            ("X-Forwarded-For: 1.1.1.1", "keeps it to itself"),
            (
                "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id: x",
                "--session",
            ),
            ("X-Amzn-Bedrock-AgentCore-Runtime-User-Id: x", "--user"),
            ("X-Tenant:", "visible ASCII"),
            ("X-Tenant: a\r\nX-Other: b", "visible ASCII"),
        ] {
            let refused = Header::parse(text).unwrap_err();
            assert!(refused.contains(told), "{text}: {refused}");
        }
    }

    #[test]
    fn the_allow_list_decides_whatever_the_case_is() {
        let header = |text| Header::parse(text).unwrap();
        let list = ["x-tenant".to_owned()];
        assert!(header("X-Tenant: a").reaches(&list));
        assert!(!header("X-Other: a").reaches(&list));
        assert!(header("TraceParent: a").reaches(&[]));
    }

    #[test]
    fn a_token_is_one_word_and_never_shown() {
        let token = Token::parse(" Bearer ab.cd.ef\n").unwrap();
        assert_eq!(token.authorization(), "Bearer ab.cd.ef");
        assert!(!format!("{token:?}").contains("ab"));
        for wrong in ["", "Bearer ", "xyz zyx", "xyz\nzyx", "xyzé"] {
            let refused = Token::parse(wrong).unwrap_err();
            assert!(!refused.contains("xyz"), "{refused}");
        }
    }
}
