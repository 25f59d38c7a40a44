//! How an agent's answer is printed.
//!
//! - `text/event-stream`: for each event, a JSON string is printed as its text without a line
//!   break, any other JSON as one line, and anything else unchanged. If the last event has the
//!   shape `{"error", "error_type"}`, it is how the SDK reports that the agent failed.
//! - `application/json`: a string is printed as its text, any other JSON unchanged.
//! - Any other type, and every answer with `--raw`, is printed unchanged.

use serde_json::Value;

use super::{event_stream::EventStream, limits};

/// The service's limit for an answer, in bytes.
const LONGEST: usize = limits::PAYLOAD;

/// The most members and items of a JSON document that are kept, because each takes far more memory
/// than its text.
const MOST_MEMBERS: usize = 1_000_000;

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Printed as it is.
    Text(Vec<u8>),
    /// Printed on its own line.
    Line(Vec<u8>),
}

/// The error of a streaming agent that fails while it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AgentError {
    pub(crate) kind: String,
    pub(crate) message: String,
}

/// An answer while it is read.
#[derive(Debug)]
pub(crate) enum Answer {
    Verbatim,
    Json(Json),
    Events {
        stream: EventStream,
        /// An error event, as long as no other event follows it.
        held: Option<(AgentError, Vec<u8>)>,
    },
}

/// A JSON document. Its first byte tells whether it is a string.
#[derive(Debug, Default)]
pub(crate) struct Json {
    kept: Vec<u8>,
    passing: bool,
}

/// A body that is kept for a JSON document.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    body: Vec<u8>,
    members: usize,
}

impl Kept {
    /// Adds bytes. Returns the reason if the body gets too large to keep.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), String> {
        let is_start = |byte: &&u8| matches!(byte, b',' | b'[' | b'{' | b'\n' | b'\r');
        self.members += bytes.iter().filter(is_start).count();
        if self.body.len() + bytes.len() > LONGEST {
            return Err(format!("it has more than {LONGEST} bytes"));
        }
        if self.members > MOST_MEMBERS {
            return Err(format!(
                "a document cannot have an answer of more than {MOST_MEMBERS} members, items and lines"
            ));
        }
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.body
    }
}

/// The rest of an answer when it ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) error: Option<AgentError>,
}

impl Answer {
    pub(crate) fn new(content_type: &str, raw: bool) -> Self {
        if raw {
            return Self::Verbatim;
        }
        match essence(content_type).as_str() {
            "text/event-stream" => Self::Events {
                stream: EventStream::default(),
                held: None,
            },
            "application/json" => Self::Json(Json::default()),
            _ => Self::Verbatim,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        match self {
            Self::Verbatim => vec![Piece::Text(bytes.to_vec())],
            Self::Json(json) => json.push(bytes).into_iter().map(Piece::Text).collect(),
            Self::Events { stream, held } => {
                let mut pieces = Vec::new();
                for event in stream.push(bytes) {
                    pieces.extend(held.take().map(|(_, event)| Piece::Line(event)));
                    match error(&event) {
                        Some(error) => *held = Some((error, event)),
                        None => pieces.push(piece(event)),
                    }
                }
                pieces
            }
        }
    }

    /// Returns why reading stops if a part of the answer is longer than the limit.
    pub(crate) fn too_long(&self) -> Option<String> {
        match self {
            Self::Verbatim => None,
            Self::Json(json) => (!json.passing && json.kept.len() > LONGEST)
                .then(|| format!("its string has more than {LONGEST} bytes")),
            Self::Events { stream, .. } => stream
                .has_overflowed()
                .then(|| "an event of it has more than 16 MiB".to_owned()),
        }
    }

    /// Ends the answer. `whole` is true if the connection was not cut off.
    pub(crate) fn finish(self, whole: bool) -> End {
        match self {
            Self::Verbatim => End::default(),
            Self::Json(json) => End {
                pieces: json.finish().into_iter().map(Piece::Text).collect(),
                error: None,
            },
            Self::Events { stream, mut held } => {
                let mut end = End::default();
                if let Some(event) = stream.finish(whole) {
                    end.pieces
                        .extend(held.take().map(|(_, event)| Piece::Line(event)));
                    match error(&event) {
                        Some(error) => held = Some((error, event)),
                        None => end.pieces.push(piece(event)),
                    }
                }
                end.error = held.map(|(error, _)| error);
                end
            }
        }
    }
}

impl Json {
    fn push(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.passing {
            return Some(bytes.to_vec());
        }
        if self.kept.len() > LONGEST {
            return None;
        }
        self.kept.extend_from_slice(bytes);
        match self.kept.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None | Some(b'"') => None,
            Some(_) => {
                self.passing = true;
                Some(std::mem::take(&mut self.kept))
            }
        }
    }

    fn finish(self) -> Option<Vec<u8>> {
        let text = serde_json::from_slice::<String>(&self.kept);
        let shown = text.map_or(self.kept, String::into_bytes);
        (!shown.is_empty()).then_some(shown)
    }
}

/// Returns a content type without its parameters.
fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn piece(event: Vec<u8>) -> Piece {
    match serde_json::from_slice(&event) {
        Ok(Value::String(text)) => Piece::Text(text.into_bytes()),
        // A document on several lines is printed on one; otherwise the bytes stay unchanged.
        Ok(value) if event.contains(&b'\n') => Piece::Line(value.to_string().into_bytes()),
        Ok(_) => Piece::Line(event),
        Err(_) => Piece::Text(event),
    }
}

fn error(event: &[u8]) -> Option<AgentError> {
    if event.first() != Some(&b'{') {
        return None;
    }
    let value: Value = serde_json::from_slice(event).ok()?;
    Some(AgentError {
        kind: value.get("error_type")?.as_str()?.to_owned(),
        message: value.get("error")?.as_str()?.to_owned(),
    })
}

/// Turns pieces into bytes for stdout.
#[derive(Debug)]
pub(crate) struct Printer {
    /// True at the start of a line.
    fresh: bool,
}

impl Printer {
    pub(crate) fn new() -> Self {
        Self { fresh: true }
    }

    pub(crate) fn print(&mut self, pieces: &[Piece]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => bytes.extend_from_slice(text),
                Piece::Line(line) => {
                    if !bytes.last().map_or(self.fresh, |last| *last == b'\n') {
                        bytes.push(b'\n');
                    }
                    bytes.extend_from_slice(line);
                    bytes.push(b'\n');
                }
            }
            if let Some(last) = bytes.last() {
                self.fresh = *last == b'\n';
            }
        }
        bytes
    }

    pub(crate) fn is_within_a_line(&self) -> bool {
        !self.fresh
    }
}

/// Returns the answer as a JSON value: a JSON document as it is, an event stream as a list of its
/// events, anything else as a string.
pub(crate) fn value(content_type: &str, body: &[u8]) -> Value {
    let text = |bytes: &[u8]| Value::String(String::from_utf8_lossy(bytes).into_owned());
    let parsed = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap_or_else(|_| text(bytes));
    match essence(content_type).as_str() {
        "text/event-stream" => {
            let mut stream = EventStream::default();
            let mut events = stream.push(body);
            events.extend(stream.finish(true));
            Value::Array(events.iter().map(|event| parsed(event)).collect())
        }
        "application/json" => parsed(body),
        _ => text(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(content_type: &str, pieces: &[&[u8]]) -> (String, Option<AgentError>) {
        let mut answer = Answer::new(content_type, false);
        let mut printer = Printer::new();
        let mut bytes = Vec::new();
        for piece in pieces {
            bytes.extend(printer.print(&answer.push(piece)));
        }
        let end = answer.finish(true);
        bytes.extend(printer.print(&end.pieces));
        (String::from_utf8(bytes).unwrap(), end.error)
    }

    const EVENTS: &str = "data: \"Grü\"\n\ndata: \"ße\\nan \\ud83e\\udd80\"\n\ndata: {\"tool\": 1.0}\n\ndata: [1,\ndata: 2]\n\ndata: plain\n\n";

    #[test]
    fn strings_are_text_and_other_json_has_lines_of_its_own() {
        let (text, error) = shown("text/event-stream; charset=utf-8", &[EVENTS.as_bytes()]);
        assert_eq!(text, "Grüße\nan 🦀\n{\"tool\": 1.0}\n[1,2]\nplain");
        assert_eq!(error, None);
    }

    #[test]
    fn split_at_any_byte_it_reads_the_same() {
        for (content_type, body) in [
            ("text/event-stream", EVENTS),
            ("application/json", " \"Grü\\u00dfe\" "),
            ("application/json", "{\"a\": \"é\"}"),
            ("text/plain", "é"),
        ] {
            let whole = shown(content_type, &[body.as_bytes()]);
            for at in 0..=body.len() {
                let (head, tail) = body.as_bytes().split_at(at);
                assert_eq!(shown(content_type, &[head, tail]), whole, "{body} at {at}");
            }
        }
    }

    #[test]
    fn a_json_string_is_its_text_and_other_json_keeps_every_byte() {
        let json = |body: &str| shown("application/json", &[body.as_bytes()]).0;
        assert_eq!(json("\"two\\nlines\""), "two\nlines");
        assert_eq!(
            json("{\"b\" : 1,\n \"a\":1.50}"),
            "{\"b\" : 1,\n \"a\":1.50}"
        );
        assert_eq!(json("\"broken"), "\"broken");
        assert_eq!(json(""), "");
    }

    #[test]
    fn an_error_at_the_end_is_the_agents_and_one_in_the_middle_is_its_answer() {
        let event =
            "data: {\"error\": \"no\", \"error_type\": \"ValueError\", \"message\": \"x\"}\n\n";
        let (text, error) = shown("text/event-stream", &[b"data: \"a\"\n\n", event.as_bytes()]);
        assert_eq!(text, "a");
        let error = error.unwrap();
        assert_eq!(
            (error.kind.as_str(), error.message.as_str()),
            ("ValueError", "no")
        );
        let (text, error) = shown("text/event-stream", &[event.as_bytes(), b"data: \"a\"\n\n"]);
        assert!(
            text.starts_with("{\"error\"") && text.ends_with("}\na"),
            "{text}"
        );
        assert_eq!(error, None);
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_passes_is_not() {
        let piece = vec![b'x'; 10_000_000];
        let read = |content_type, first: &[u8], raw| {
            let mut answer = Answer::new(content_type, raw);
            answer.push(first);
            for _ in 0..11 {
                answer.push(&piece);
            }
            answer.too_long()
        };
        assert!(read("application/json", b"\"", false).is_some());
        assert!(read("text/event-stream", b"data: ", false).is_some());
        for passes in [
            read("application/json", b"[", false),
            read("text/plain", b"", false),
            read("text/event-stream", b"data: ", true),
        ] {
            assert_eq!(passes, None);
        }
        let mut kept = Kept::default();
        for _ in 0..10 {
            assert_eq!(kept.push(&piece), Ok(()));
        }
        assert!(kept.push(b"x").is_err());
        assert_eq!(kept.bytes().len(), 100_000_000);
        assert!(Kept::default().push(&vec![b'['; 1_000_001]).is_err());
    }

    #[test]
    fn a_document_holds_the_answer_as_a_value() {
        assert_eq!(
            value(
                "text/event-stream",
                b"data: \"a\"\n\ndata: {\"b\":1}\n\ndata: c\n\n"
            ),
            serde_json::json!(["a", {"b": 1}, "c"])
        );
        assert_eq!(value("application/json", b"[1]"), serde_json::json!([1]));
        assert_eq!(value("text/plain", b"[1]"), serde_json::json!("[1]"));
    }
}
