//! How sessions begin and end.

use std::{
    io::{Read as _, Write as _},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{PATIENCE, Place, Reply, eventually, session};
use crate::support::Project;

/// Deploys an agent that needs this long to start.
fn slow(seconds: f64) -> Place {
    let agent = super::AGENT.replace(
        "import one\n",
        &format!("import one\n\ntime.sleep({seconds})\n"),
    );
    let project = Project::new()
        .agent_with("one", "lifecycle = { idle-timeout = 60 }")
        .file("one/__init__.py", "PORT = 8080\n")
        .file("deployment/invoke.py", agent)
        .file("deployment/requirements.txt", "");
    Place::of(project)
}

/// A caller that disconnects while a session starts leaves a session for the next one.
#[test]
fn a_start_goes_on_without_the_one_who_asked_for_it() {
    let place = slow(2.0);
    let id = session("left");
    for _ in 0..3 {
        let mut stream = place.connect();
        let ask = place.ask(&json!({})).session(&id);
        stream.write_all(&ask.bytes(&place)).unwrap();
        thread::sleep(Duration::from_millis(200));
    }
    let look = place.look(place.ask(&json!({})).session(&id));
    let again = place.look(place.ask(&json!({})).session(&id));
    assert_eq!(look["pid"], again["pid"]);
    assert_eq!(place.session_folders(), 1);
    let started = place.log().matches("started session `left").count();
    assert_eq!(started, 1, "{}", place.log());
}

/// A session that is stopped during its start ends, and waiting callers are told to try again.
#[test]
fn a_session_is_stopped_while_it_starts() {
    let place = slow(8.0);
    let id = session("early");
    let stop = || {
        let ask = place.ask_for("POST", "stopruntimesession").session(&id);
        ask.send(&place).status
    };
    assert_eq!(stop(), 404);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| place.ask(&json!({})).session(&id).send(&place));
        eventually(
            || "the session does not start",
            || place.session_folders() == 1,
        );
        let start = Instant::now();
        assert_eq!(stop(), 200);
        assert!(
            start.elapsed() < Duration::from_secs(7),
            "{:?}",
            start.elapsed()
        );
        let reply = waiting.join().unwrap();
        assert_eq!(reply.status, 409, "{}", reply.text());
        assert_eq!(reply.error().0, "RetryableConflictException");
    });
    assert_eq!(place.session_folders(), 0);
    assert_eq!(place.ask(&json!({})).session(&id).send(&place).status, 200);
}

/// Concurrent requests to a session that is stopped repeatedly: each is answered or told to try
/// again, by one process at a time.
#[test]
fn invocations_and_stops_at_once_are_told_apart() {
    let place = Place::new();
    let id = session("torn");
    thread::scope(|scope| {
        let asked: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let ask = || place.ask(&json!({ "a": 1 })).session(&id).send(&place);
                    (0..15).map(|_| ask()).collect::<Vec<Reply>>()
                })
            })
            .collect();
        let stops = scope.spawn(|| {
            (0..15)
                .map(|_| {
                    thread::sleep(Duration::from_millis(60));
                    let ask = place.ask_for("POST", "stopruntimesession").session(&id);
                    ask.send(&place).status
                })
                .collect::<Vec<u16>>()
        });
        let replies = asked.into_iter().flat_map(|thread| thread.join().unwrap());
        for reply in replies {
            // A request that was at the agent when it was stopped has no answer.
            assert!([200, 409, 424].contains(&reply.status), "{}", reply.text());
        }
        let stops = stops.join().unwrap();
        assert!(
            stops.iter().all(|status| [200, 404].contains(status)),
            "{stops:?}"
        );
        assert!(stops.contains(&200), "{stops:?}");
    });
    assert!(place.session_folders() <= 1);
    assert_eq!(place.ask(&json!({})).session(&id).send(&place).status, 200);
}

/// A session that works in the background outlives its idle timeout, and ends when the work is
/// done.
#[test]
fn a_session_is_idle_when_its_work_is_done() {
    // The idle timeout lasts 3 seconds.
    let place = Place::hasty(20, "lifecycle = { idle-timeout = 60 }");
    let ask = |name: &str, body| place.ask(&body).session(&session(name)).send(&place);
    assert_eq!(
        ask("busy", json!({ "do": "busy", "seconds": 6 })).status,
        200
    );
    let busy_since = Instant::now();
    assert_eq!(ask("idle", json!({})).status, 200);
    let idle_since = Instant::now();
    let ended = |name: &str| place.log().contains(&format!("ended session `{name}"));
    eventually(|| "the idle session lives on", || ended("idle"));
    assert!(idle_since.elapsed() > Duration::from_millis(2_500));
    assert!(!ended("busy"), "{}", place.log());
    eventually(|| "the busy session lives on", || ended("busy"));
    assert!(busy_since.elapsed() > Duration::from_secs(7));
    eventually(|| "its folder is left", || place.session_folders() == 0);
}

/// A command ends with its session.
#[test]
fn a_command_ends_with_its_session() {
    let place = Place::new();
    let id = session("command");
    assert_eq!(place.ask(&json!({})).session(&id).send(&place).status, 200);
    let mut stream = place.connect();
    let ask = place
        .ask_for("POST", "commands")
        .body(json!({ "command": "echo begun; exec sleep 3600" }).to_string())
        .session(&id);
    stream.write_all(&ask.bytes(&place)).unwrap();
    let mut seen = Vec::new();
    while !seen.windows(5).any(|five| five == b"begun") {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).unwrap();
        assert_ne!(count, 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..count]);
    }
    let start = Instant::now();
    let stop = place.ask_for("POST", "stopruntimesession").session(&id);
    assert_eq!(stop.send(&place).status, 200);
    stream.read_to_end(&mut seen).unwrap();
    assert!(start.elapsed() < PATIENCE);
    let text = String::from_utf8_lossy(&seen).into_owned();
    assert!(text.contains("\"exitCode\":-1"), "{text}");
}
