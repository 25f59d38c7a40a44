//! An agent's answer to a request.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

/// An HTTP answer as received.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    pub status: u16,
    /// The headers, by name in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// True if the body ended as its framing requires.
    pub is_whole: bool,
    pub took: Duration,
}

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// The port refuses connections.
    NotConnected,
    /// The agent closed the connection, or sent something that is not HTTP.
    Closed,
    /// No answer arrived within this time.
    Late(Duration),
}

pub type Outcome = Result<Answer, NoAnswer>;

impl Answer {
    /// Returns true for an error of the agent's own, rather than a refusal.
    pub fn is_error(&self) -> bool {
        self.status >= 500
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the content type in lower case, without parameters.
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

    /// Returns a JSON-RPC server's answer, from a JSON body or an event.
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

    /// Returns the beginning of the body, for messages.
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
    /// Describes what happened, to follow "the agent".
    pub fn words(&self) -> String {
        match self {
            Self::NotConnected => "does not accept connections".to_owned(),
            Self::Closed => "closes the connection without an answer".to_owned(),
            Self::Late(limit) => format!("does not answer within {} s", limit.as_secs_f64()),
        }
    }
}
