//! The requests sent to an agent, by protocol.

use serde_json::{Value, json};

use crate::{
    config::Protocol,
    protocol::{contract::Contract, headers, session},
};

/// A host name that is not the agent's own, as in AgentCore.
pub const HOST: &str = "cell.agentcore.internal";

/// The address that an A2A agent is given as its own in AgentCore.
pub const RUNTIME_URL: &str =
    "https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/check/invocations/";

/// The size of a large payload in bytes.
pub const LARGE: usize = 10_000_000;

/// Text in several scripts, with a character outside the basic plane.
pub const UNICODE: &str = "Grüße, 世界, שלום, 👋🏽";

/// The version of MCP that begins with `initialize`, which most clients use.
pub const MCP_HANDSHAKE: &str = "2025-11-25";
/// The version of MCP without sessions.
pub const MCP_STATELESS: &str = "2026-07-28";

/// The payload for requests that the agent should answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// `{"prompt": TEXT}`, and whether the user gave the text.
    Prompt { text: String, is_given: bool },
    /// Exactly these bytes.
    Bytes(Vec<u8>),
}

impl Default for Payload {
    fn default() -> Self {
        Self::Prompt {
            text: "Hello".to_owned(),
            is_given: false,
        }
    }
}

impl Payload {
    pub fn is_given(&self) -> bool {
        match self {
            Self::Prompt { text: _, is_given } => *is_given,
            Self::Bytes(_) => true,
        }
    }

    /// Returns the prompt's text, followed by `mark`.
    fn text(&self, mark: &str) -> String {
        match self {
            Self::Prompt { text, is_given: _ } if mark.is_empty() => text.clone(),
            Self::Prompt { text, is_given: _ } => format!("{text} {mark}"),
            Self::Bytes(_) => format!("Hello {mark}").trim().to_owned(),
        }
    }

    /// Returns whether a mark can be added to the payload.
    pub fn takes_mark(&self, protocol: Protocol) -> bool {
        matches!(self, Self::Prompt { .. }) || protocol != Protocol::Http
    }

    /// Returns the payload as shown in messages.
    pub fn shown(&self) -> String {
        match self {
            Self::Prompt { text, is_given: _ } => json!({ "prompt": text }).to_string(),
            Self::Bytes(bytes) => {
                let text = String::from_utf8_lossy(bytes);
                text.chars().take(60).collect()
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn get(path: &str) -> Self {
        Self {
            method: "GET",
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Returns a POST request with any body and the headers that AgentCore adds.
    pub fn post(contract: &Contract, session: &str, body: impl Into<Vec<u8>>) -> Self {
        let session_header = match contract.protocol {
            Protocol::Mcp => session::MCP_HEADER,
            Protocol::Http | Protocol::A2a | Protocol::Agui => session::HEADER,
        };
        let mut all = vec![
            ("content-type", "application/json".to_owned()),
            ("accept", "application/json, text/event-stream".to_owned()),
            (session_header, session.to_owned()),
            (headers::REQUEST_ID, format!("{session}-request")),
        ];
        if contract.protocol == Protocol::Mcp {
            all.push(("mcp-protocol-version", MCP_HANDSHAKE.to_owned()));
        }
        Self {
            method: "POST",
            path: contract.path.clone(),
            headers: all,
            body: body.into(),
        }
    }

    /// Returns a request that the agent should answer, with `mark` in its prompt.
    pub fn valid(contract: &Contract, payload: &Payload, session: &str, mark: &str) -> Self {
        let body = match (contract.protocol, payload) {
            (Protocol::Http, Payload::Bytes(bytes)) => bytes.clone(),
            (Protocol::Http, Payload::Prompt { .. }) => {
                json!({ "prompt": payload.text(mark) }).to_string().into()
            }
            (Protocol::Mcp, _) => call("tools/list", &json!({})),
            (Protocol::A2a, _) => message(&payload.text(mark), &format!("{session}-message")),
            (Protocol::Agui, _) => run(&payload.text(mark), session),
        };
        Self::post(contract, session, body)
    }

    /// Returns the valid request, padded with [`LARGE`] bytes.
    pub fn large(contract: &Contract, payload: &Payload, session: &str) -> Self {
        let mut request = Self::valid(contract, payload, session, "");
        let padding = Value::String("x".repeat(LARGE));
        let mut body: Value = serde_json::from_slice(&request.body).unwrap_or(json!({}));
        match contract.protocol {
            Protocol::Http => match body.as_object_mut() {
                Some(body) => drop(body.insert("padding".to_owned(), padding)),
                None => body = json!({ "padding": padding }),
            },
            Protocol::Mcp => body["params"]["_meta"]["padding"] = padding,
            Protocol::A2a => body["params"]["metadata"]["padding"] = padding,
            Protocol::Agui => body["forwardedProps"]["padding"] = padding,
        }
        request.body = body.to_string().into();
        request
    }

    /// Returns the first request in MCP up to 2025-11-25.
    pub fn initialize(contract: &Contract, session: &str) -> Self {
        let parameters = json!({
            "protocolVersion": MCP_HANDSHAKE,
            "capabilities": {},
            "clientInfo": client(),
        });
        Self::post(contract, session, call("initialize", &parameters))
    }

    /// Returns the notification that follows [`Self::initialize`].
    pub fn initialized(contract: &Contract, session: &str) -> Self {
        let call = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        Self::post(contract, session, call.to_string())
    }

    /// Returns a request in MCP 2026-07-28, which needs no handshake.
    pub fn stateless(contract: &Contract, session: &str) -> Self {
        let parameters = json!({ "_meta": {
            "io.modelcontextprotocol/protocolVersion": MCP_STATELESS,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": client(),
        } });
        let mut request = Self::post(contract, session, call("tools/list", &parameters));
        for (name, value) in &mut request.headers {
            if *name == "mcp-protocol-version" {
                MCP_STATELESS.clone_into(value);
            }
        }
        let method = ("mcp-method", "tools/list".to_owned());
        request.headers.push(method);
        request
    }

    /// Returns a JSON-RPC call of an unknown method.
    pub fn unknown_method(contract: &Contract, session: &str) -> Self {
        Self::post(contract, session, call("agentcore/check", &json!({})))
    }

    /// Returns a message in the form of A2A 1.0; [`Self::valid`] uses that of 0.3.
    pub fn message_of_one(contract: &Contract, payload: &Payload, session: &str) -> Self {
        let parameters = json!({ "message": {
            "role": "ROLE_USER",
            "messageId": format!("{session}-message"),
            "parts": [{ "text": payload.text("") }],
        } });
        let mut request = Self::post(contract, session, call("SendMessage", &parameters));
        request.headers.push(("a2a-version", "1.0".to_owned()));
        request
    }
}

fn client() -> Value {
    json!({ "name": "cargo-agentcore", "version": env!("CARGO_PKG_VERSION") })
}

fn call(method: &str, parameters: &Value) -> Vec<u8> {
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": parameters });
    call.to_string().into()
}

fn message(text: &str, id: &str) -> Vec<u8> {
    let parameters = json!({ "message": {
        "kind": "message",
        "role": "user",
        "messageId": id,
        "parts": [{ "kind": "text", "text": text }],
    } });
    call("message/send", &parameters)
}

fn run(text: &str, session: &str) -> Vec<u8> {
    let input = json!({
        "threadId": session,
        "runId": format!("{session}-run"),
        "state": {},
        "messages": [{ "id": format!("{session}-message"), "role": "user", "content": text }],
        "tools": [],
        "context": [],
        "forwardedProps": {},
    });
    input.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_has_a_valid_and_a_large_request() {
        for protocol in Protocol::ALL {
            let contract = Contract::of(protocol, None, None);
            let payload = Payload::default();
            let valid = Request::valid(&contract, &payload, "session", "mark");
            let body: Value = serde_json::from_slice(&valid.body).unwrap();
            assert_eq!(valid.path, contract.path);
            assert_eq!(
                body.to_string().contains("Hello mark"),
                protocol != Protocol::Mcp,
                "{body}"
            );
            let large = Request::large(&contract, &payload, "session");
            assert!(large.body.len() >= LARGE && large.body.len() < LARGE + 1000);
            let mut body: Value = serde_json::from_slice(&large.body).unwrap();
            let unpadded = match protocol {
                Protocol::Http => &mut body,
                Protocol::Mcp => &mut body["params"]["_meta"],
                Protocol::A2a => &mut body["params"]["metadata"],
                Protocol::Agui => &mut body["forwardedProps"],
            };
            assert!(unpadded["padding"].take().is_string());
        }
    }

    #[test]
    fn a_payload_that_was_given_is_sent_as_it_is() {
        let contract = Contract::of(Protocol::Http, None, None);
        let payload = Payload::Bytes(b"[1]".to_vec());
        let request = Request::valid(&contract, &payload, "session", "mark");
        assert_eq!(request.body, b"[1]");
        assert!(!payload.takes_mark(Protocol::Http) && payload.is_given());
        let large = Request::large(&contract, &payload, "session");
        assert!(large.body.starts_with(b"{\"padding\""));
    }
}
