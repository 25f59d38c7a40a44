//! Agents that misbehave.

use std::{
    io::{Read as _, Write as _},
    thread,
    time::Duration,
};

use serde_json::json;

use super::{Place, eventually, session};

#[test]
fn an_agent_that_dies_in_the_middle_cuts_its_answer_and_the_next_request_finds_another() {
    let place = Place::new();
    let id = session("dies");
    let mut stream = place.connect();
    let ask = place.ask(&json!({ "do": "stream", "events": 9, "pause": 0.05, "die": 4 }));
    stream.write_all(&ask.session(&id).bytes(&place)).unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("data: 3"), "{text}");
    assert!(!text.ends_with("0\r\n\r\n"), "it looks whole: {text}");
    let again = place.ask(&json!({ "a": 1 })).session(&id).send(&place);
    assert_eq!(again.status, 200, "{}", again.text());
    eventually(
        || "a folder of the session that died is left",
        || place.session_folders() == 1,
    );
    let log = place.log();
    assert!(log.contains("the agent exited with code 3"), "{log}");
    assert!(log.contains("cut off an answer of session `dies"), "{log}");
}

#[test]
fn an_agent_that_closes_its_port_is_told_of_with_each_request() {
    let place = Place::new();
    let id = session("closed");
    let closed = place.ask(&json!({ "do": "close port" })).session(&id);
    assert_eq!(closed.send(&place).status, 200);
    // Open connections last a few more seconds.
    thread::sleep(Duration::from_secs(5));
    let reply = place.ask(&json!({})).session(&id).send(&place);
    let (name, message) = reply.error();
    assert_eq!((reply.status, name.as_str()), (424, "RuntimeClientError"));
    assert!(message.contains("closing the port"), "{message}");
}

/// An agent prints faster than its output can be written. What fits is kept in order, the rest is
/// reported as lost, and memory does not grow.
#[test]
fn a_flood_of_output_is_bounded_and_a_burst_is_whole() {
    let place = Place::new();
    let id = session("burst");
    let ask = |body| place.ask(&body).session(&id).send(&place);
    assert_eq!(ask(json!({ "do": "flood", "lines": 8_000 })).status, 200);
    let printed = || {
        let words = ["logs", "--local", "--raw", "--since", "1h"];
        place.cli(&words).run().succeeds().stdout
    };
    eventually(
        || "the last line is not there",
        || printed().contains("line 7999\n"),
    );
    let all = printed();
    let numbers: Vec<usize> = all
        .lines()
        .filter_map(|line| line.split("line ").nth(1)?.split(' ').next()?.parse().ok())
        .collect();
    assert_eq!(numbers, (0..8_000).collect::<Vec<_>>());

    let before = place.held();
    assert_eq!(
        ask(json!({ "do": "flood", "lines": 3_000, "length": 100_000 })).status,
        200
    );
    let now = place.held();
    assert!(
        now.memory < before.memory + 64 * 1024,
        "before {before:?}, now {now:?}"
    );
}

#[test]
fn what_an_agent_answers_is_limited_as_in_the_service() {
    let place = Place::new();
    let id = session("long");
    let ask = |body| place.ask(&body).session(&id);
    let told = ask(json!({ "do": "length", "bytes": 100_000_001, "told": true })).send(&place);
    assert_eq!(told.status, 424, "{}", told.text());
    assert!(told.error().1.contains("longer than 100000000 bytes"));
    let length = |body| {
        let mut stream = place.connect();
        stream.write_all(&ask(body).bytes(&place)).unwrap();
        let (mut buffer, mut length, mut end) = (vec![0; 1 << 20], 0, Vec::new());
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            length += count;
            end = buffer[..count].to_vec();
        }
        (length, end.ends_with(b"0\r\n\r\n"))
    };
    let (whole, ended) = length(json!({ "do": "length", "bytes": 100_000_000 }));
    assert!(whole > 100_000_000 && ended, "{whole} {ended}");
    let (cut, ended) = length(json!({ "do": "length", "bytes": 120_000_000 }));
    assert!(cut < 101_000_000 && !ended, "{cut} {ended}");
    // In a stream, the limit applies to each event.
    let (whole, ended) =
        length(json!({ "do": "stream", "events": 3, "length": 9_999_991, "pause": 0 }));
    assert!(whole > 29_999_000 && ended, "{whole} {ended}");
    let (cut, ended) =
        length(json!({ "do": "stream", "events": 3, "length": 10_000_000, "pause": 0 }));
    assert!(cut < 10_100_000 && !ended, "{cut} {ended}");
    assert!(place.log().contains("an event of the stream is longer"));
}
