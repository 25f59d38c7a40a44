//! `InvokeAgentRuntimeCommand`: a shell command in a session, and its output as an event stream.
//!
//! The answer is `application/vnd.amazon.eventstream`: `contentStart`, any number of `contentDelta`,
//! and `contentStop` with the exit code.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Refusal, refusal::Kind};

/// The content type of the answer.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

const LONGEST: usize = 65_536;

/// The longest output in one event. The format's own limit is 16 MiB.
const LONGEST_DELTA: usize = 64 * 1024;

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The command line for a shell.
    pub command: String,
    pub timeout: Duration,
}

impl Command {
    /// Parses the request's body.
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
            return Err(Refusal::new(
                Kind::Validation,
                "the body is not a JSON object",
            ));
        };
        let command = match body.get("command") {
            Some(Value::String(text)) => text,
            Some(_) => return Err(Refusal::invalid("command", "Member must be a string")),
            None => return Err(Refusal::invalid("command", "Member must not be null")),
        };
        let rule = match command.chars().count() {
            0 => Some("Member must have length greater than or equal to 1".to_owned()),
            length if length > LONGEST => Some(format!(
                "Member must have length less than or equal to {LONGEST}"
            )),
            _ if command.contains('\0') => Some("Member must not hold a NUL".to_owned()),
            _ => None,
        };
        if let Some(rule) = rule {
            return Err(Refusal::invalid("command", rule));
        }
        let seconds = match body.get("timeout") {
            None | Some(Value::Null) => 300,
            Some(value) => value
                .as_u64()
                .filter(|seconds| (1..=3600).contains(seconds))
                .ok_or_else(|| Refusal::invalid("timeout", "Member must be between 1 and 3600"))?,
        };
        Ok(Self {
            command: command.clone(),
            timeout: Duration::from_secs(seconds),
        })
    }
}

/// A part of a command's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Start,
    Stdout(String),
    Stderr(String),
    Stop {
        /// -1 if the command could not run or timed out.
        exit_code: i32,
        timed_out: bool,
    },
}

impl Event {
    /// Encodes the event in binary frames. Output that is too long for one event is split.
    pub fn frames(&self) -> Vec<u8> {
        let delta = |member: &str, text: &str| {
            let pieces = pieces(text).into_iter();
            pieces
                .flat_map(|piece| chunk(&json!({ "contentDelta": { member: piece } })))
                .collect()
        };
        match self {
            Self::Start => chunk(&json!({ "contentStart": {} })),
            Self::Stdout(text) => delta("stdout", text),
            Self::Stderr(text) => delta("stderr", text),
            Self::Stop {
                exit_code,
                timed_out,
            } => {
                let status = if *timed_out { "TIMED_OUT" } else { "COMPLETED" };
                chunk(&json!({ "contentStop": { "exitCode": exit_code, "status": status } }))
            }
        }
    }
}

/// Splits a text into pieces that fit an event, without splitting a character.
fn pieces(mut text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    while text.len() > LONGEST_DELTA {
        let (piece, rest) = text.split_at(text.floor_char_boundary(LONGEST_DELTA));
        pieces.push(piece);
        text = rest;
    }
    if !text.is_empty() {
        pieces.push(text);
    }
    pieces
}

fn chunk(payload: &Value) -> Vec<u8> {
    frame(
        &[
            (":message-type", "event"),
            (":event-type", "chunk"),
            (":content-type", "application/json"),
        ],
        payload.to_string().as_bytes(),
    )
}

/// Encodes one `vnd.amazon.eventstream` message: the lengths with their checksum, the headers (all
/// strings, type 7), the payload, and the checksum of the whole message.
fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in headers {
        head.push(u8::try_from(name.len()).expect("a header's name is short"));
        head.extend_from_slice(name.as_bytes());
        head.push(7);
        let length = u16::try_from(value.len()).expect("a header's value is short");
        head.extend_from_slice(&length.to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let length = |bytes: usize| {
        let bytes = u32::try_from(bytes).expect("an event is far shorter than 4 GB");
        bytes.to_be_bytes()
    };
    let mut message = Vec::with_capacity(16 + head.len() + payload.len());
    message.extend_from_slice(&length(16 + head.len() + payload.len()));
    message.extend_from_slice(&length(head.len()));
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message.extend_from_slice(&head);
    message.extend_from_slice(payload);
    message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
    message
}

/// Decodes output that arrives in pieces. A character that is split between two pieces comes with
/// the second piece; invalid UTF-8 becomes U+FFFD.
#[derive(Debug, Default)]
pub struct Text {
    rest: Vec<u8>,
}

impl Text {
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.rest.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.rest) {
            Ok(_) => self.rest.len(),
            // The end may be the start of a character.
            Err(_) => self.rest.len() - split_character(&self.rest),
        };
        let text = String::from_utf8_lossy(&self.rest[..whole]).into_owned();
        self.rest.drain(..whole);
        text
    }

    /// Returns the rest when the output ends.
    pub fn finish(self) -> String {
        String::from_utf8_lossy(&self.rest).into_owned()
    }
}

/// Returns how many bytes at the end start an incomplete character.
fn split_character(bytes: &[u8]) -> usize {
    (1..=3.min(bytes.len()))
        .find(|length| {
            let end = &bytes[bytes.len() - length..];
            matches!(std::str::from_utf8(end), Err(error) if error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use aws_smithy_eventstream::frame::read_message_from;
    use proptest::prelude::*;

    use super::*;

    fn decoded(mut bytes: &[u8]) -> Vec<Value> {
        let mut payloads = Vec::new();
        while !bytes.is_empty() {
            let message = read_message_from(&mut bytes).unwrap();
            let headers: Vec<_> = message
                .headers()
                .iter()
                .map(|header| {
                    let value = header.value().as_string().unwrap().as_str().to_owned();
                    (header.name().as_str().to_owned(), value)
                })
                .collect();
            assert!(headers.contains(&(":event-type".to_owned(), "chunk".to_owned())));
            assert!(headers.contains(&(":message-type".to_owned(), "event".to_owned())));
            payloads.push(serde_json::from_slice(message.payload()).unwrap());
        }
        payloads
    }

    #[test]
    fn a_command_has_a_timeout_of_five_minutes_unless_it_says_another() {
        let command = |body: &str| Command::parse(body.as_bytes());
        let plain = command(r#"{"command":"ls -la"}"#).unwrap();
        assert_eq!(
            (plain.command.as_str(), plain.timeout.as_secs()),
            ("ls -la", 300)
        );
        let longer = command(r#"{"command":"x","timeout":3600}"#).unwrap();
        assert_eq!(longer.timeout.as_secs(), 3600);
        for (body, field) in [
            (r#"{"command":"","timeout":1}"#, Some("command")),
            (r#"{"command":["ls"]}"#, Some("command")),
            (r#"{"command":"a\u0000b"}"#, Some("command")),
            (r#"{"timeout":1}"#, Some("command")),
            (r#"{"command":"x","timeout":0}"#, Some("timeout")),
            (r#"{"command":"x","timeout":3601}"#, Some("timeout")),
            (r#"{"command":"x","timeout":1.5}"#, Some("timeout")),
            (r#"{"command":"x","timeout":"1"}"#, Some("timeout")),
            ("[]", None),
            ("", None),
        ] {
            let refusal = command(body).unwrap_err();
            assert_eq!(
                (refusal.kind, refusal.field),
                (Kind::Validation, field),
                "{body}"
            );
        }
        let long = json!({ "command": "é".repeat(65_536) }).to_string();
        assert!(command(&long).is_ok());
        let long = json!({ "command": "é".repeat(65_537) }).to_string();
        assert!(command(&long).is_err());
    }

    #[test]
    fn the_events_are_those_of_the_api_model() {
        let mut bytes = Event::Start.frames();
        bytes.extend(Event::Stdout("out\n".to_owned()).frames());
        bytes.extend(Event::Stderr("err".to_owned()).frames());
        for timed_out in [false, true] {
            let stop = Event::Stop {
                exit_code: 3,
                timed_out,
            };
            bytes.extend(stop.frames());
        }
        assert_eq!(
            decoded(&bytes),
            [
                json!({ "contentStart": {} }),
                json!({ "contentDelta": { "stdout": "out\n" } }),
                json!({ "contentDelta": { "stderr": "err" } }),
                json!({ "contentStop": { "exitCode": 3, "status": "COMPLETED" } }),
                json!({ "contentStop": { "exitCode": 3, "status": "TIMED_OUT" } }),
            ]
        );
        assert_eq!(Event::Stdout(String::new()).frames(), Vec::<u8>::new());
    }

    #[test]
    fn long_output_comes_in_several_events() {
        let text = "é".repeat(100_000);
        let events = decoded(&Event::Stdout(text.clone()).frames());
        assert_eq!(events.len(), 4);
        let together: String = events
            .iter()
            .map(|event| event["contentDelta"]["stdout"].as_str().unwrap())
            .collect();
        assert_eq!(together, text);
    }

    #[test]
    fn what_is_no_text_does_not_hold_up_the_rest() {
        let mut text = Text::default();
        assert_eq!(text.push(b"a\xff"), "a\u{fffd}");
        assert_eq!(text.push(b"\xe2\x82"), "");
        assert_eq!(text.push(b"x"), "\u{fffd}x");
        assert_eq!(text.push(b"\xf0\x9f"), "");
        assert_eq!(text.finish(), "\u{fffd}");
    }

    proptest! {
        #[test]
        fn text_comes_through_however_it_is_cut(text in ".{0,40}", cut in 1_usize..5) {
            let mut decoder = Text::default();
            let mut seen = String::new();
            for piece in text.as_bytes().chunks(cut) {
                seen += &decoder.push(piece);
            }
            seen += &decoder.finish();
            prop_assert_eq!(seen, text);
        }
    }
}
