//! What came back from an agent.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

/// An answer as it came in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    pub status: u16,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// Whether the body ended as its framing demands.
    pub is_whole: bool,
    pub took: Duration,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// Nobody accepts connections.
    NotConnected,
    /// The connection was closed, or what came is not HTTP.
    Closed,
    /// Nothing came in this time.
    Late(Duration),
}

pub type Outcome = Result<Answer, NoAnswer>;

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Without its parameters, in lower case.
    pub fn content_type(&self) -> String {
        let value = self.headers.get("content-type").map_or("", String::as_str);
        let kind = value.split(';').next().unwrap_or_default();
        kind.trim().to_ascii_lowercase()
    }

    pub fn is_event_stream(&self) -> bool {
        self.content_type() == "text/event-stream"
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The answer of a JSON-RPC server, by itself or as an event.
    pub fn json_rpc(&self) -> Option<Value> {
        if !self.is_event_stream() {
            return self.json();
        }
        let mut events = crate::protocol::event_stream::EventStream::default();
        let values = events.push(&self.body).into_iter();
        values
            .filter_map(|data| serde_json::from_slice::<Value>(&data).ok())
            .find(|value| value.get("result").is_some() || value.get("error").is_some())
    }

    /// The beginning of the body, for a message.
    pub fn excerpt(&self) -> String {
        let text = self.text();
        let text = text.trim();
        match text.char_indices().nth(160) {
            Some((end, _)) => format!("{} …", &text[..end]),
            None => text.to_owned(),
        }
    }
}

impl NoAnswer {
    /// What happened, after "the agent".
    pub fn words(&self) -> String {
        match self {
            Self::NotConnected => "does not accept connections".to_owned(),
            Self::Closed => "closes the connection without an answer".to_owned(),
            Self::Late(limit) => format!("does not answer within {} s", limit.as_secs_f64()),
        }
    }
}
