//! Clients that are slow, broken, stuck or gone: each gets a clear status, and none uses resources
//! for long.

use std::{
    io::{Read as _, Write as _},
    net::Shutdown,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{Place, Reply, eventually, session};

/// Sends these bytes. Returns the answer, which is empty if the connection just ends.
fn answer(place: &Place, bytes: &[u8]) -> String {
    let mut stream = place.connect();
    // The server may close before the end.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn head(place: &Place, rest: &str) -> String {
    let ask = place.ask_for("POST", "invocations");
    format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\n{rest}\r\n",
        ask.target,
        place.authority()
    )
}

#[test]
fn a_body_that_is_broken_is_the_callers_fault() {
    let place = Place::new();
    let id = session("broken");
    let look = || place.look(place.ask(&json!({})).session(&id));
    let before = look();
    let chunked = format!(
        "Transfer-Encoding: chunked\r\nX-Amzn-Bedrock-AgentCore-Runtime-Session-Id: {id}\r\n"
    );
    let broken = head(&place, &chunked) + "5\r\n{\"a\":\r\nnonsense\r\n";
    let reply = Reply::read(answer(&place, broken.as_bytes()).as_bytes());
    let (name, message) = reply.error();
    assert_eq!((reply.status, name.as_str()), (400, "ValidationException"));
    assert!(message.contains("the body was cut off"), "{message}");

    let both = head(
        &place,
        "Content-Length: 3\r\nTransfer-Encoding: nonsense\r\n",
    ) + "{}\n";
    assert!(answer(&place, both.as_bytes()).starts_with("HTTP/1.1 400 "));
    assert_eq!(look()["pid"], before["pid"], "the agent goes on");
}

#[test]
fn a_head_that_is_too_long_or_no_head_is_refused() {
    let place = Place::new();
    let long = head(&place, &format!("X-Long: {}\r\n", "x".repeat(1 << 20)));
    let many = head(&place, &"X-Many: 1\r\n".repeat(500));
    for (bytes, status) in [
        (long.as_str(), "431"),
        (many.as_str(), "431"),
        ("nonsense\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "403"),
        (
            "GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
            "403",
        ),
        (
            "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nConnection: close\r\n\r\n",
            "403",
        ),
    ] {
        let answered = answer(&place, bytes.as_bytes());
        let begins = format!("HTTP/1.1 {status} ");
        assert!(
            answered.starts_with(&begins),
            "{}: {answered}",
            &bytes[..20.min(bytes.len())]
        );
    }
    // A target with this server's address must match the host.
    let target = place.ask_for("POST", "invocations").target;
    let (url, authority) = (&place.url, place.authority());
    let absolute = format!(
        "POST {url}{target} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    assert!(answer(&place, absolute.as_bytes()).starts_with("HTTP/1.1 200 "));
}

#[test]
fn requests_in_one_connection_are_answered_in_order() {
    let place = Place::new();
    let id = session("pipelined");
    let mut bytes = Vec::new();
    for number in 0..5 {
        let ask = place.ask(&json!({ "number": number })).session(&id);
        let last = number == 4;
        let ask = ask.header("Connection", if last { "close" } else { "keep-alive" });
        bytes.extend(ask.bytes(&place));
    }
    let answered = answer(&place, &bytes);
    let numbers: Vec<&str> = answered
        .split("\"number\": ")
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
        .collect();
    assert_eq!(numbers, ["0", "1", "2", "3", "4"], "{answered}");
}

/// A slow head, a slow body, to the data plane and to ministack behind it, and a body that never
/// comes.
#[test]
fn who_stands_still_is_not_waited_for() {
    // 30 seconds last ten.
    let place = Place::hasty(3, "");
    place.look(place.ask(&json!({})).session(&session("warm")));
    let before = place.held();
    let body = head(&place, "Content-Length: 100\r\n") + "{\"a\":";
    let authority = place.authority();
    let emulator =
        format!("PUT /bucket/key HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 100\r\n\r\nhalf");
    let mcp = format!("POST /runtimes/x/ HTTP/1.1\r\nHost: {authority}\r\nContent-Le");
    let start = Instant::now();
    let answers: Vec<String> = thread::scope(|scope| {
        let asked: Vec<_> = [&body, &emulator, &mcp]
            .map(|bytes| scope.spawn(|| answer(&place, bytes.as_bytes())))
            .into_iter()
            .collect();
        asked
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(start.elapsed() < Duration::from_secs(28));
    assert!(answers[0].starts_with("HTTP/1.1 400 "), "{}", answers[0]);
    assert!(
        answers[0].contains("nothing more of the body came"),
        "{}",
        answers[0]
    );
    assert!(answers[1].starts_with("HTTP/1.1 408 "), "{}", answers[1]);
    assert_eq!(answers[2], "", "there is no request to answer");
    place.lets_go(before);
}

/// A hundred silent connections do not keep others from being served.
#[test]
fn many_connections_that_say_nothing_stand_in_nobodys_way() {
    let place = Place::new();
    place.look(place.ask(&json!({})).session(&session("warm")));
    let before = place.held();
    let idle: Vec<_> = (0..200).map(|_| place.connect()).collect();
    let start = Instant::now();
    place.look(place.ask(&json!({})).session(&session("warm")));
    assert!(
        start.elapsed() < Duration::from_secs(25),
        "{:?}",
        start.elapsed()
    );
    drop(idle);
    place.lets_go(before);
}

/// Each connection takes descriptors, and a shell's limit is often too low.
#[test]
fn a_low_limit_of_descriptors_is_raised() {
    let place = Place::new();
    place.cli(&["local", "stop"]).run().succeeds();
    let start = place.cli(&["local", "start"]).prepared();
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -S -n 128 && exec \"$0\" \"$@\""])
        .arg(start.get_program())
        .args(start.get_args())
        .current_dir(place.project.path())
        .env_clear();
    for (name, value) in start.get_envs() {
        limited.env(name, value.unwrap());
    }
    assert!(limited.output().unwrap().status.success());
    let idle: Vec<_> = (0..300).map(|_| place.connect()).collect();
    place.look(place.ask(&json!({})));
    drop(idle);
}

/// A complete request is served, or dropped as soon as its sender closes its side; an incomplete
/// one is never forwarded.
#[test]
fn a_half_closed_request_leaves_nothing_behind() {
    let place = Place::new();
    let id = session("half");
    place.look(place.ask(&json!({})).session(&id));
    let before = place.held();
    for bytes in [
        place
            .ask(&json!({ "do": "hang" }))
            .session(&id)
            .bytes(&place),
        head(&place, "Content-Length: 100\r\n").into_bytes(),
        b"POST / HTT".to_vec(),
    ] {
        let mut stream = place.connect();
        stream.write_all(&bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        let text = String::from_utf8_lossy(&rest);
        assert!(rest.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
    }
    place.lets_go(before);
}

/// If a caller disconnects during a stream, the stream ends at the agent too.
#[test]
fn a_stream_ends_with_its_caller() {
    let place = Place::new();
    let id = session("gone");
    let ask = |body| place.ask(&body).session(&id);
    let counts = || ask(json!({ "do": "requests" })).send(&place).json()["requests"].clone();
    counts();
    let before = place.held();
    for _ in 0..10 {
        let mut stream = place.connect();
        let forever = ask(json!({ "do": "stream", "events": 1_000_000, "pause": 0.01 }));
        stream.write_all(&forever.bytes(&place)).unwrap();
        let mut first = [0; 64];
        stream.read_exact(&mut first).unwrap();
    }
    eventually(
        || "a stream goes on without its caller",
        || counts() == json!({ "begun": 10, "cut": 10 }),
    );
    // Callers that disconnect from a hanging agent leave nothing behind.
    for _ in 0..10 {
        let mut stream = place.connect();
        let hanging = ask(json!({ "do": "hang" }));
        stream.write_all(&hanging.bytes(&place)).unwrap();
        thread::sleep(Duration::from_millis(20));
    }
    place.lets_go(before);
}

/// Unread data waits at the agent, not in the data plane's memory.
#[test]
fn a_caller_that_never_reads_costs_no_memory() {
    let place = Place::new();
    let id = session("deaf");
    place.look(place.ask(&json!({})).session(&id));
    let before = place.held();
    let deaf: Vec<_> = (0..10)
        .map(|_| {
            let mut stream = place.connect();
            let ask = place.ask(&json!({
                "do": "stream", "events": 1000, "length": 1_000_000, "pause": 0,
            }));
            stream.write_all(&ask.session(&id).bytes(&place)).unwrap();
            stream
        })
        .collect();
    thread::sleep(Duration::from_secs(5));
    let now = place.held();
    assert!(
        now.memory < before.memory + 32 * 1024,
        "before {before:?}, now {now:?}"
    );
    place.look(place.ask(&json!({})).session(&id));
    drop(deaf);
    place.lets_go(before);
}
