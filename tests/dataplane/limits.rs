//! The service's limits of 15 minutes, 60 minutes and 8 hours, in less time.

use std::{
    io::{Read as _, Write as _},
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    Place, eventually, session,
    sockets::{Frame, Socket},
};

/// 15 minutes last one second, and 60 minutes four.
const DIVISOR: u32 = 900;
const REQUEST: Duration = Duration::from_secs(1);
const STREAM: Duration = Duration::from_secs(4);
/// For a busy machine.
const MARGIN: Duration = Duration::from_secs(25);

#[test]
fn answers_streams_and_web_sockets_end_at_their_limits() {
    let place = Place::hasty(
        DIVISOR,
        "lifecycle = { idle-timeout = 28800, max-lifetime = 28800 }",
    );
    let id = session("limited");
    assert_eq!(place.ask(&json!({})).session(&id).send(&place).status, 200);

    let start = Instant::now();
    let ask = place.ask(&json!({ "do": "hang" })).session(&id);
    let reply = ask.send(&place);
    assert_eq!(reply.status, 424, "{}", reply.text());
    let (name, message) = reply.error();
    assert_eq!(name, "RuntimeClientError");
    assert!(
        message.contains("did not answer within 15 minutes"),
        "{message}"
    );
    within(start, REQUEST);

    let start = Instant::now();
    let mut stream = place.connect();
    let events = json!({ "do": "stream", "events": 600, "pause": 0.1 });
    let ask = place.ask(&events).session(&id);
    stream.write_all(&ask.bytes(&place)).unwrap();
    let mut seen = Vec::new();
    // The connection may be reset instead of closed.
    let _ = stream.read_to_end(&mut seen);
    within(start, STREAM);
    let text = String::from_utf8_lossy(&seen);
    assert!(text.contains("data: 9\n"), "{text}");
    assert!(!text.ends_with("0\r\n\r\n"), "the answer looks complete");
    eventually(
        || "nothing says why the stream ended",
        || place.log().contains("AgentCore ends it after 60 minutes"),
    );

    let start = Instant::now();
    let query = format!("?X-Amzn-Bedrock-AgentCore-Runtime-Session-Id={id}");
    let mut socket = Socket::open(&place, &query);
    let why = "AgentCore ends a WebSocket after 60 minutes".to_owned();
    assert_eq!(socket.receive(), Frame::Closed(1001, why));
    within(start, STREAM);
    // The session goes on.
    assert_eq!(place.ask(&json!({})).session(&id).send(&place).status, 200);
    assert!(!place.log().contains("ended session"), "{}", place.log());
}

/// Checks that something ended at a limit.
fn within(start: Instant, limit: Duration) {
    let took = start.elapsed();
    assert!(
        took > limit.mul_f32(0.9) && took < limit + MARGIN,
        "{took:?} instead of {limit:?}"
    );
}

#[test]
fn a_session_ends_after_eight_hours_although_it_is_busy() {
    // Eight hours last eight seconds.
    let place = Place::hasty(3_600, "");
    let ask = place
        .ask(&json!({ "do": "busy", "seconds": 600 }))
        .session(&session("old"));
    let start = Instant::now();
    // This answer may take longer than 15 minutes.
    ask.send(&place);
    eventually(
        || "the session lives on",
        || place.log().contains("it reached its maximum lifetime"),
    );
    within(start, Duration::from_secs(8));
    eventually(
        || "files of the session are left",
        || place.session_folders() == 0,
    );
}
