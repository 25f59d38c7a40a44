//! Many sessions in sequence, and many streams at once. The long forms run with `--ignored`.

use std::{
    io::{Read as _, Write as _},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{Held, Place, Reply, eventually, session};

/// Opens `count` sessions, each with one request; new ones replace the oldest.
fn in_sequence(count: usize) {
    let place = Place::new();
    let ask = |number: usize| {
        let reply = place
            .ask(&json!({ "number": number }))
            .session(&session(&format!("s{number}")))
            .send(&place);
        assert_eq!(reply.status, 200, "{number}: {}", reply.text());
        assert_eq!(reply.json()["asked"]["number"], number);
    };
    // After the maximum number of concurrent sessions, all shared resources exist.
    (0..25).for_each(ask);
    let before = settled(&place);
    (25..count).for_each(ask);
    settled(&place);
    // On a busy machine resources are released later.
    place.lets_go(before);
    assert_same(before, place.held(), count);
    // Each session's first line is in the log groups.
    eventually(
        || "lines are missing",
        || {
            let words = ["logs", "--local", "--raw", "--since", "2h"];
            let printed = place.cli(&words).run().succeeds().stdout;
            printed.matches("listening").count() == count
        },
    );
}

/// Waits until only the running sessions are left.
fn settled(place: &Place) -> Held {
    eventually(
        || "sessions that made room are left",
        || place.session_folders() <= 20,
    );
    // Connections to ended agents are closed by now, and others are kept for a few seconds.
    thread::sleep(Duration::from_secs(5));
    place.held()
}

fn assert_same(before: Held, now: Held, count: usize) {
    assert!(
        now.descriptors <= before.descriptors + 4,
        "{count}: before {before:?}, now {now:?}"
    );
    assert!(
        now.memory <= before.memory + 8 * 1024,
        "{count}: before {before:?}, now {now:?}"
    );
}

/// Runs `count` streams at once over a few sessions, for this long.
fn at_once(count: usize, lasting: Duration) {
    let place = Place::new();
    let id = |number: usize| session(&format!("s{}", number % 5));
    let events = u32::try_from(lasting.as_millis() / 100).unwrap();
    let stream = |number: usize, events: u32| {
        let ask = place.ask(&json!({ "do": "stream", "events": events, "pause": 0.1 }));
        let mut stream = place.connect();
        stream
            .write_all(&ask.session(&id(number)).bytes(&place))
            .unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Reply::read(&bytes).text()
    };
    for number in 0..5 {
        stream(number, 1);
    }
    thread::sleep(Duration::from_secs(5));
    let before = place.held();
    let expected: Vec<String> = (0..events)
        .map(|number| format!("data: {number}\n\n"))
        .collect();
    let expected = expected.concat();
    let start = Instant::now();
    thread::scope(|scope| {
        let streams: Vec<_> = (0..count)
            .map(|number| scope.spawn(move || stream(number, events)))
            .collect();
        for one in streams {
            assert_eq!(one.join().unwrap(), expected);
        }
    });
    assert!(
        start.elapsed() < lasting * 3 + Duration::from_secs(30),
        "{:?}",
        start.elapsed()
    );
    place.lets_go(before);
    assert_same(before, place.held(), count);
}

#[test]
fn sixty_sessions_in_sequence_leave_nothing_behind() {
    in_sequence(60);
}

#[test]
#[ignore = "takes minutes"]
fn a_thousand_sessions_in_sequence_leave_nothing_behind() {
    in_sequence(1_000);
}

#[test]
fn a_hundred_streams_at_once_keep_their_order() {
    at_once(100, Duration::from_secs(5));
}

#[test]
#[ignore = "takes a minute"]
fn a_hundred_streams_at_once_last_a_minute() {
    at_once(100, Duration::from_mins(1));
}
