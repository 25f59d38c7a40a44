//! `logs`: an agent's past and current output, with the emulators and, for lines that come late,
//! twice, in pages or not at all, with a scripted server.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

use std::time::Duration;

#[cfg(unix)]
use crate::support::terminal::Terminal;
use crate::support::{
    self, Answer, Cli, Emulator, boto3,
    runtimes::{account, asked, at, project, run, running, says},
};
use serde_json::{Value, json};

/// Writes lines for an endpoint: seconds before now, stream, message.
fn print_lines(emulator: &Emulator, id: &str, lines: &[(i64, &str, String)]) {
    let mut script = format!(
        "import time\nlogs = client(\"logs\")\ngroup = \"/aws/bedrock-agentcore/runtimes/{id}-DEFAULT\"\nnow = int(time.time() * 1000)\ndef put(ago, stream, message):\n    for call, named in ((logs.create_log_group, {{}}), (logs.create_log_stream, {{\"logStreamName\": stream}})):\n        try:\n            call(logGroupName=group, **named)\n        except logs.exceptions.ResourceAlreadyExistsException:\n            pass\n    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[{{\"timestamp\": now - ago * 1000, \"message\": message}}])\n"
    );
    for (ago, stream, message) in lines {
        let line = format!("put({ago}, {stream:?}, {message:?})\n");
        script.push_str(&line);
    }
    boto3(emulator, &script);
}

const PRINTED: &str = "2026/11/25/[runtime-logs]0a1b";

fn record(session: &str, level: &str, message: &str) -> String {
    json!({"timestamp": "t", "level": level, "message": message, "sessionId": session}).to_string()
}

#[test]
fn logs_are_shown_by_time_as_text_raw_or_json_and_telemetry_only_when_asked_for() {
    let (project, emulator, id) = running();
    says(
        &run(&project, &emulator, &["logs"]).succeeds(),
        &["note: there are no logs yet"],
    );
    says(
        &run(
            &project,
            &emulator,
            &["logs", "--endpoint", "nope", "--agent", "one"],
        )
        .exits(1),
        &[
            "has no endpoint `nope`, and there are no logs of one",
            &format!(
                "help: `cargo agentcore endpoint list --agent one --endpoint-url {}` lists its endpoints",
                emulator.url()
            ),
        ],
    );
    let session = "s".repeat(33);
    print_lines(
        &emulator,
        &id,
        &[
            (7200, PRINTED, "old".to_owned()),
            (60, PRINTED, "a plain line".to_owned()),
            (50, PRINTED, record(&session, "ERROR", "it failed")),
            (40, "otel-rt-logs", "{\"resource\":{}}".to_owned()),
        ],
    );
    let logs = run(&project, &emulator, &["logs"]).succeeds();
    let lines: Vec<&str> = logs.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].ends_with("Z a plain line"), "{lines:?}");
    assert!(lines[1].ends_with("Z ERROR   it failed"), "{lines:?}");
    let raw = run(&project, &emulator, &["logs", "--raw", "--since", "3h"]).succeeds();
    assert_eq!(
        raw.stdout,
        format!(
            "old\na plain line\n{}\n",
            record(&session, "ERROR", "it failed")
        )
    );
    let all = run(&project, &emulator, &["logs", "--telemetry"]).succeeds();
    assert_eq!(all.stdout.lines().count(), 3);
    let document = run(&project, &emulator, &["logs", "--output", "json"]).succeeds();
    let events: Vec<Value> = document
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events.len(), 3);
    assert_eq!(events[1]["record"]["level"], "ERROR");
    assert_eq!(events[1]["stream"], PRINTED);
    let until = run(
        &project,
        &emulator,
        &["logs", "--since", "3h", "--until", "1h"],
    )
    .succeeds();
    assert_eq!(until.stdout.lines().count(), 1);
    let filtered = run(&project, &emulator, &["logs", "--filter", "plain"]).succeeds();
    assert_eq!(filtered.stdout.lines().count(), 1);
    says(
        &run(&project, &emulator, &["logs", "--since", "1s"]).succeeds(),
        &["no matching lines since", "--since 1d"],
    );
    let of_session = run(&project, &emulator, &["logs", "--session", &session]).succeeds();
    assert_eq!(of_session.stdout.lines().count(), 1, "{of_session:?}");
    run(&project, &emulator, &["logs", "--since", "yesterday"]).exits(2);
    run(&project, &emulator, &["logs", "--session", "short"]).exits(2);
}

#[cfg(unix)]
fn interrupt(running: &support::Running) {
    let id = rustix::process::Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
}

/// On a terminal another part of the process listens too, which used to end it now and then.
#[cfg(unix)]
#[test]
fn ctrl_c_on_a_terminal_ends_following_well_every_time() {
    let (project, emulator, id) = running();
    print_lines(&emulator, &id, &[(1, PRINTED, "first".to_owned())]);
    for round in 0..8 {
        let cli = Cli::new(&project).on(&emulator).args(["logs", "-f"]);
        let mut terminal = Terminal::run(&cli);
        terminal.sees("first");
        terminal.types("\x03");
        let (status, screen) = terminal.leaves();
        assert_eq!(status.code(), Some(0), "round {round}: {screen:?}");
    }
}

#[cfg(unix)]
#[test]
fn following_waits_for_the_first_line_and_ctrl_c_ends_it_well() {
    let (project, emulator, id) = running();
    let follower = Cli::new(&project)
        .on(&emulator)
        .args(["logs", "-f"])
        .start();
    std::thread::sleep(Duration::from_secs(2));
    print_lines(&emulator, &id, &[(1, PRINTED, "first".to_owned())]);
    std::thread::sleep(Duration::from_secs(2));
    // Older than what was shown, and twice the same.
    let twice = (30, PRINTED, "late".to_owned());
    print_lines(&emulator, &id, &[twice.clone(), twice]);
    std::thread::sleep(Duration::from_secs(4));
    interrupt(&follower);
    let outcome = follower.wait().succeeds();
    let lines: Vec<&str> = outcome
        .stdout
        .lines()
        .map(|line| line.split_once(' ').unwrap().1)
        .collect();
    assert_eq!(lines, ["first", "late", "late"]);
    assert_eq!(outcome.stderr.matches("no logs yet").count(), 1);
}

fn events(events: &[(&str, i64, &str)], next: Option<&str>) -> Answer {
    let events: Vec<Value> = events
        .iter()
        .map(|(id, timestamp, message)| {
            json!({"eventId": id, "timestamp": timestamp, "ingestionTime": timestamp + 1, "logStreamName": PRINTED, "message": message})
        })
        .collect();
    Answer::json(200, &json!({ "events": events, "nextToken": next }))
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_millis()).unwrap()
}

#[cfg(unix)]
#[test]
fn no_line_is_lost_or_shown_twice_while_following_through_pages_throttling_and_cuts() {
    let now = now();
    let filter = "logs:FilterLogEvents";
    let mut script = account()
        .then(
            filter,
            events(
                &[("1", now - 9000, "a"), ("2", now - 8000, "b")],
                Some("more"),
            ),
        )
        .then(
            filter,
            events(&[("2", now - 8000, "b"), ("3", now - 7000, "c")], None),
        )
        // The overlap again, with a late line, and one with the same time.
        .then(
            filter,
            events(
                &[
                    ("1", now - 9000, "a"),
                    ("4", now - 8500, "late"),
                    ("3", now - 7000, "c"),
                    ("5", now - 7000, "c"),
                ],
                None,
            ),
        )
        .errors(filter, 3, 429, "ThrottlingException", "Rate exceeded");
    for _ in 0..4 {
        script = script.cut(filter);
    }
    let server = script
        .then(
            filter,
            events(&[("5", now - 7000, "c"), ("6", now, "end")], None),
        )
        .always(filter, events(&[("6", now, "end")], None))
        .start();
    let project = project();
    let follower = Cli::new(&project)
        .at(&server.url())
        .args(["logs", "--follow", "--raw"])
        .start();
    let begun = std::time::Instant::now();
    // Three more reads after the one with the last line.
    while asked(&server, filter) < 14 && begun.elapsed() < Duration::from_mins(1) {
        std::thread::sleep(Duration::from_millis(50));
    }
    interrupt(&follower);
    let outcome = follower.wait().succeeds();
    assert_eq!(
        outcome.stdout, "a\nb\nc\nlate\nc\nend\n",
        "{}",
        outcome.stderr
    );
    says(
        &outcome,
        &["the log cannot be read at the moment; still trying"],
    );
    assert_eq!(server.unexpected(), Vec::<String>::new());
}

#[test]
fn logs_ask_for_endpoint_session_and_time_in_the_services_words() {
    let filter = "logs:FilterLogEvents";
    let server = account().always(filter, events(&[], None)).start();
    let session = "s".repeat(40);
    at(
        &project(),
        &server,
        &[
            "logs",
            "--endpoint",
            "prod",
            "--session",
            &session,
            "--since",
            "2026-11-25T10:00:00Z",
            "--until",
            "2026-11-25T11:00:00Z",
        ],
    )
    .succeeds();
    let calls = server.recorded();
    let call = calls.iter().find(|call| call.action == filter).unwrap();
    assert_eq!(
        call.parameters["logGroupName"],
        "/aws/bedrock-agentcore/runtimes/one-AbCdEf1234-prod"
    );
    assert_eq!(
        call.parameters["filterPattern"],
        format!("{{ $.sessionId = \"{session}\" }}")
    );
    assert_eq!(call.parameters["startTime"], "1795600800000");
    assert_eq!(call.parameters["endTime"], "1795604400000");
}

#[cfg(unix)]
#[test]
fn following_ends_when_nobody_reads_any_more() {
    use std::{io::Read, process::Stdio};

    let now = now();
    let filter = "logs:FilterLogEvents";
    let mut script = account();
    for n in 0..50 {
        let id = n.to_string();
        script = script.then(filter, events(&[(&id, now + n, "line")], None));
    }
    let server = script.always(filter, events(&[], None)).start();
    let project = project();
    let mut follower = Cli::new(&project)
        .at(&server.url())
        .args(["logs", "-f"])
        .prepared()
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = follower.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 4]).unwrap();
    drop(stdout);
    assert_eq!(follower.wait().unwrap().code(), Some(0));
}

#[test]
fn a_denied_reading_is_an_error_of_permission() {
    let server = account()
        .errors(
            "logs:FilterLogEvents",
            9,
            400,
            "AccessDeniedException",
            "not authorized to perform: logs:FilterLogEvents",
        )
        .start();
    says(
        &at(&project(), &server, &["logs"]).exits(4),
        &[
            "`logs:FilterLogEvents` on log group `/aws/bedrock-agentcore/runtimes/one-AbCdEf1234-DEFAULT` was denied",
        ],
    );
}

/// A service refuses a signature from another time, and its answer says what time it is.
#[test]
fn a_wrong_clock_of_this_machine_is_corrected() {
    let refused =
        json!({"__type": "InvalidSignatureException", "message": "Signature not yet current"});
    let refused = Answer::json(403, &refused).header("date", "Sun, 12 Oct 2031 12:00:00 GMT");
    let (filter, invoke) = (
        "logs:FilterLogEvents",
        "bedrock-agentcore:InvokeAgentRuntime",
    );
    let server = account()
        .then(filter, refused.clone())
        .always(filter, events(&[("1", now(), "a line")], None))
        .then(invoke, refused)
        .always(invoke, Answer::json(200, &json!("hello")))
        .start();
    let logs = at(&project(), &server, &["logs", "--raw"]).succeeds();
    assert_eq!(logs.stdout, "a line\n");
    let invoked = at(&project(), &server, &["invoke", "{}"]).succeeds();
    assert!(invoked.stdout.contains("hello"), "{invoked:?}");
    for refused in ["FilterLogEvents", "/invocations"] {
        let signed: Vec<String> = server
            .requests()
            .iter()
            .filter(|request| {
                let target = request.headers().get("x-amz-target");
                let target = target.and_then(|target| target.to_str().ok());
                request.uri().path().ends_with(refused)
                    || target.is_some_and(|target| target.ends_with(refused))
            })
            .map(|request| request.headers()["x-amz-date"].to_str().unwrap().to_owned())
            .collect();
        let [first, second] = signed.as_slice() else {
            panic!("{refused}: {signed:?}");
        };
        assert!(!first.starts_with("2031"), "{first}");
        assert!(second.starts_with("20311012T1"), "{second}");
    }
}
