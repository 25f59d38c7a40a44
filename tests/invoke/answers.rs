//! stdout contains only the agent's answer, as it arrives.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::{
    INVOKE, SESSION, SESSION_HEADER, arn, begin, elsewhere, events, header, invoke, posts, project,
    says, script,
    support::{Answer, Script, bed},
};

#[test]
fn the_configured_agent_is_found_and_its_answer_is_all_of_stdout() {
    let server = script()
        .then(INVOKE, Answer::json(200, &json!("two\nlines")))
        .start();
    let outcome = invoke(&project(), &server)
        .args(["{\"prompt\": \"hi\"}", "--timing"])
        .run()
        .succeeds();
    assert_eq!(outcome.stdout, "two\nlines");
    says(
        &outcome,
        "Account 111122223333 as arn:aws:iam::111122223333:user/tester in us-east-1",
    );
    says(&outcome, "first byte after 0.");
    let post = &posts(&server)[0];
    assert_eq!(post.body(), "{\"prompt\": \"hi\"}");
    assert_eq!(post.uri().query(), Some("qualifier=DEFAULT"));
    assert_eq!(header(post, "content-type"), Some("application/json"));
    assert_eq!(
        header(post, "accept"),
        Some("application/json, text/event-stream")
    );
    let session = header(post, SESSION_HEADER).unwrap();
    assert_eq!(session.len(), 36);
    says(&outcome, &format!("Session {session}"));
    assert_eq!(server.unexpected(), Vec::<String>::new());
}

#[test]
fn an_arn_needs_no_project_and_names_the_region() {
    let server = Script::new()
        .identity()
        .then(INVOKE, Answer::json(200, &json!({"a": 1})))
        .start();
    let outcome = elsewhere(&project(), &server)
        .args([
            "--prompt",
            "say \"hi\"",
            "--endpoint",
            "prod",
            "--region",
            "eu-west-1",
        ])
        .run()
        .succeeds();
    assert_eq!(outcome.stdout, "{\"a\":1}");
    says(
        &outcome,
        "the ARN's region `us-east-1` is used, not `eu-west-1`",
    );
    says(
        &outcome,
        "in us-east-1 via the environment (`AWS_ACCESS_KEY_ID`), runtime `one-AbCdEf1234`",
    );
    let post = &posts(&server)[0];
    assert_eq!(post.body(), r#"{"prompt":"say \"hi\""}"#);
    assert_eq!(post.uri().query(), Some("qualifier=prod"));
    let signature = header(post, "authorization").unwrap();
    assert!(
        signature.contains("/us-east-1/bedrock-agentcore/aws4_request"),
        "{signature}"
    );
    assert_eq!(server.unexpected(), Vec::<String>::new());
}

#[test]
fn options_that_select_a_project_are_refused_beside_an_arn() {
    let server = Script::new().start();
    let project = project();
    for (option, value) in [
        ("--stage", "prod"),
        ("--manifest-path", "Cargo.toml"),
        ("--package", "one"),
    ] {
        let outcome = elsewhere(&project, &server)
            .args([option, value, "--prompt", "hi"])
            .run()
            .exits(2);
        says(
            &outcome,
            &format!("error: the argument '--arn' cannot be used with '{option}'"),
        );
    }
    // A variable is not typed for this command.
    let server = Script::new()
        .identity()
        .then(INVOKE, Answer::json(200, &json!({"a": 1})))
        .start();
    let outcome = elsewhere(&project, &server)
        .env("CARGO_AGENTCORE_STAGE", "prod")
        .args(["--prompt", "hi"])
        .run()
        .succeeds();
    assert_eq!(outcome.stdout, "{\"a\":1}");
}

#[test]
fn a_stream_split_at_any_byte_prints_the_same() {
    let stream = "data: \"é\\n\"\r\n\r\ndata: {\"a\":1}\n\n";
    let mut script = Script::new().identity();
    for at in 1..stream.len() {
        let mut answer = events("");
        let (head, tail) = stream.as_bytes().split_at(at);
        answer.pieces = vec![
            (Duration::ZERO, Bytes::copy_from_slice(head)),
            (Duration::from_millis(5), Bytes::copy_from_slice(tail)),
        ];
        script = script.then(INVOKE, answer);
    }
    let server = script.start();
    let project = project();
    for at in 1..stream.len() {
        let outcome = elsewhere(&project, &server).arg("{}").run().succeeds();
        assert_eq!(outcome.stdout, "é\n{\"a\":1}\n", "split at byte {at}");
    }
}

#[test]
fn what_an_agent_says_is_shown_before_it_has_finished() {
    let mut answer = events("");
    answer.pieces = vec![
        (Duration::ZERO, "data: \"first\\n\"\n\n".into()),
        (Duration::from_mins(1), "data: \"second\\n\"\n\n".into()),
    ];
    let server = Script::new().identity().then(INVOKE, answer).start();
    let mut child = begin(&elsewhere(&project(), &server).arg("{}"));
    let start = Instant::now();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(line, "first\n");
    assert!(
        start.elapsed() < Duration::from_secs(50),
        "it came with the second one"
    );
}

/// One pipe for both, like `2>&1`: messages start on a new line after the answer, whose bytes stay
/// unchanged.
#[cfg(unix)]
#[test]
fn what_is_said_after_an_answer_begins_on_a_line_of_its_own() {
    use std::io::Read as _;

    let server = Script::new()
        .identity()
        .then(INVOKE, Answer::json(200, &json!("no end")))
        .then(INVOKE, Answer::json(200, &json!("one\n")))
        .then(INVOKE, Answer::json(200, &json!("no end")))
        .start();
    let project = project();
    let cli = || elsewhere(&project, &server).args(["{}", "--timing"]);
    for shown in ["\nno end\n      Timing", "\none\n      Timing"] {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut command = cli().prepared();
        command
            .stdin(Stdio::null())
            .stdout(writer.try_clone().unwrap())
            .stderr(writer);
        let mut child = command.spawn().unwrap();
        drop(command);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert!(child.wait().unwrap().success(), "{text}");
        assert!(text.contains(shown), "{text}");
    }
    let apart = cli().run().succeeds();
    assert_eq!(apart.stdout, "no end");
    assert!(!apart.stderr.contains("\n\n"), "{}", apart.stderr);
}

#[test]
fn raw_prints_the_bytes_and_json_one_document() {
    let stream = "data: \"a\"\n\ndata: {\"b\":1}\n\n";
    let server = Script::new()
        .identity()
        .always(INVOKE, events(stream))
        .start();
    let project = project();
    let raw = elsewhere(&project, &server)
        .args(["{}", "--raw"])
        .run()
        .succeeds();
    assert_eq!(raw.stdout, stream);
    let document = elsewhere(&project, &server)
        .args(["{}", "--output", "json", "--session", SESSION])
        .run()
        .succeeds()
        .json();
    assert_eq!(document["answer"], json!(["a", {"b": 1}]));
    for (key, value) in [
        ("version", json!(1)),
        ("command", json!("invoke")),
        (
            "runtime",
            json!({"id": "one-AbCdEf1234", "name": "one", "arn": arn()}),
        ),
        ("endpoint", json!({"name": "DEFAULT"})),
        ("session", json!(SESSION)),
        ("status", json!(200)),
        ("content_type", json!("text/event-stream")),
        ("complete", json!(true)),
        ("error", Value::Null),
    ] {
        assert_eq!(document[key], value, "{key}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_run() {
    let mut answer = events("");
    let piece = (Duration::from_millis(50), "data: \"line\\n\"\n\n".into());
    answer.pieces = vec![piece; 2000];
    let server = Script::new().identity().then(INVOKE, answer).start();
    let mut child = begin(&elsewhere(&project(), &server).arg("{}"));
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    drop(stdout);
    let start = Instant::now();
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
    assert!(
        start.elapsed() < Duration::from_mins(1),
        "it read on to the end"
    );
}

#[cfg(unix)]
#[test]
fn on_a_terminal_the_prompt_comes_on_a_line_of_its_own() {
    let server = Script::new()
        .identity()
        .then(INVOKE, Answer::json(200, &json!("no end of line")))
        .then(INVOKE, Answer::json(200, &json!("one\n")))
        .start();
    let project = project();
    for shown in ["no end of line\r\n", "one\r\n"] {
        let cli = elsewhere(&project, &server).args(["{}", "--quiet"]);
        let plain = cli.prepared();
        let mut command = Command::new(bed::program(&bed::emulators(), "python"));
        command
            .args([
                "-c",
                "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)",
            ])
            .arg(plain.get_program())
            .args(plain.get_args())
            .current_dir(plain.get_current_dir().unwrap())
            .env_clear()
            .envs(
                plain
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::null());
        let output = command.output().unwrap();
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), shown);
    }
}
