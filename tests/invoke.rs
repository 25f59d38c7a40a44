//! `cargo agentcore invoke` and `stop-session`: against a script for what AWS does and no emulator
//! can, against ministack, and against an agent on the real bedrock-agentcore SDK.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

mod support;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use hyper::{Request, body::Bytes};
use serde_json::{Value, json};
use support::{
    Answer, Cli, Ministack, Outcome, Project, Script, Scripted, bed, boto3,
    emulator::{ACCESS_KEY, SECRET_KEY, free_port},
    proxy::forward,
    scripted::ACCOUNT,
    server::{Reply, Server},
};

const INVOKE: &str = "bedrock-agentcore:InvokeAgentRuntime";
const STOP: &str = "bedrock-agentcore:StopRuntimeSession";
const SESSION: &str = "a-session-of-the-tests-0123456789ab";
const SESSION_HEADER: &str = "x-amzn-bedrock-agentcore-runtime-session-id";

fn arn() -> String {
    format!("arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:runtime/one-AbCdEf1234")
}

/// A request that is not signed has no action; this is its line.
fn unsigned() -> String {
    format!(
        "POST /runtimes/{}/invocations",
        arn().replace(':', "%3A").replace('/', "%2F")
    )
}

/// The account, and one deployed agent.
fn script() -> Script {
    let runtime = json!({
        "agentRuntimeArn": arn(), "agentRuntimeId": "one-AbCdEf1234", "agentRuntimeName": "one",
        "agentRuntimeVersion": "1", "description": "", "lastUpdatedAt": "2026-11-01T00:00:00Z", "status": "READY",
    });
    Script::new().identity().always(
        "bedrock-agentcore:ListAgentRuntimes",
        Answer::json(200, &json!({ "agentRuntimes": [runtime] })),
    )
}

fn project() -> Project {
    Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
}

fn invoke(project: &Project, server: &Scripted) -> Cli {
    Cli::new(project).at(&server.url()).arg("invoke")
}

/// By ARN, in a directory that is no project.
fn elsewhere(project: &Project, server: &Scripted) -> Cli {
    Cli::in_directory(&project.home(), project.root())
        .at(&server.url())
        .args(["invoke", "--arn", &arn()])
}

fn events(text: &str) -> Answer {
    Answer::new(200, "text/event-stream", text.to_owned())
}

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "message": message }))
        .header("x-amzn-errortype", code)
        .header("x-amzn-requestid", "request-1")
}

/// The requests that an agent would have seen.
fn posts(server: &Scripted) -> Vec<Request<Bytes>> {
    let mut requests = server.requests();
    requests.retain(|request| request.uri().path().ends_with("/invocations"));
    requests
}

fn header<'a>(request: &'a Request<Bytes>, name: &str) -> Option<&'a str> {
    request.headers().get(name).map(|v| v.to_str().unwrap())
}

#[track_caller]
fn says(outcome: &Outcome, what: &str) {
    assert!(
        outcome.stderr.contains(what),
        "`{what}` is missing in:\n{}",
        outcome.stderr
    );
}

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
        "in us-east-1 by the environment (`AWS_ACCESS_KEY_ID`), runtime `one-AbCdEf1234`",
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
    let mut child = elsewhere(&project(), &server)
        .arg("{}")
        .prepared()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
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
        ("runtime", json!(arn())),
        ("endpoint", json!("DEFAULT")),
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
fn an_error_at_the_end_of_a_stream_is_the_agents_failure() {
    let stream = "data: \"half\"\n\ndata: {\"error\": \"no model\", \"error_type\": \"ValueError\", \"message\": \"An error occurred during streaming\"}\n\n";
    let server = script().always(INVOKE, events(stream)).start();
    let project = project();
    let outcome = invoke(&project, &server).arg("{}").run().exits(1);
    assert_eq!(outcome.stdout, "half");
    says(
        &outcome,
        "error: the agent `one` failed while it answered: no model",
    );
    says(&outcome, "`ValueError`");
    let document = invoke(&project, &server)
        .args(["{}", "--output", "json"])
        .run()
        .exits(1)
        .json();
    assert_eq!(
        document["error"],
        json!({"type": "ValueError", "message": "no model"})
    );
}

#[test]
fn a_stream_that_breaks_off_is_printed_as_far_as_it_came() {
    let server = script()
        .then(
            INVOKE,
            events("data: \"first\"\n\ndata: \"never whole, and longer\"\n\n").torn(),
        )
        .start();
    let outcome = invoke(&project(), &server).arg("{}").run().exits(1);
    assert_eq!(outcome.stdout, "first");
    says(&outcome, "error: the answer of the agent `one` broke off");
    assert_eq!(posts(&server).len(), 1);
}

#[test]
fn a_failing_agent_shows_the_end_of_its_own_log() {
    let lines = json!({ "events": [
        { "logStreamName": "2026/11/25/[runtime-logs]1", "message": "Traceback (most recent call last):\n", "timestamp": 1, "eventId": "1" },
        { "logStreamName": "otel-rt-logs", "message": "{\"span\": 1}", "timestamp": 2, "eventId": "2" },
        { "logStreamName": "2026/11/25/[runtime-logs]1", "message": "KeyError: 'prompt'", "timestamp": 3, "eventId": "3" },
    ]});
    let group = "/aws/bedrock-agentcore/runtimes/one-AbCdEf1234-prod";
    let missing = || {
        Answer::json(
            400,
            &json!({ "__type": "ResourceNotFoundException", "message": "no group" }),
        )
    };
    let server = script()
        .then(
            INVOKE,
            refusal(
                424,
                "RuntimeClientError",
                "Received error (500) from runtime",
            ),
        )
        .then("logs:FilterLogEvents", missing())
        .then(
            "logs:FilterLogEvents",
            Answer::new(200, "application/x-amz-json-1.1", lines.to_string()),
        )
        .start();
    let outcome = invoke(&project(), &server)
        .args(["{}", "--endpoint", "prod"])
        .run()
        .exits(1);
    assert_eq!(outcome.stdout, "");
    says(
        &outcome,
        "error: the agent `one` failed\n  note: RuntimeClientError: Received error (500) from runtime\n  note: request id request-1",
    );
    says(
        &outcome,
        "note: its log ends with:\n        Traceback (most recent call last):\n        KeyError: 'prompt'\n",
    );
    says(&outcome, "help: `cargo agentcore logs` shows more");
    assert_eq!(posts(&server).len(), 1);
    let asked = server.recorded();
    let asked = asked
        .iter()
        .find(|c| c.action == "logs:FilterLogEvents")
        .unwrap();
    assert_eq!(asked.parameters["logGroupName"], group);
}

#[test]
fn what_no_agent_has_seen_is_sent_again() {
    for (status, code, why) in [
        (429, "ThrottlingException", "the service is busy"),
        (409, "RetryableConflictException", "the session is at work"),
    ] {
        let server = script()
            .then(INVOKE, refusal(status, code, "please retry"))
            .then(INVOKE, Answer::json(200, &json!("done")))
            .start();
        let outcome = invoke(&project(), &server).arg("{}").run().succeeds();
        assert_eq!(outcome.stdout, "done");
        says(&outcome, why);
        let posts = posts(&server);
        assert_eq!(posts.len(), 2);
        assert_eq!(
            header(&posts[0], SESSION_HEADER),
            header(&posts[1], SESSION_HEADER)
        );
    }
}

#[test]
fn what_an_agent_may_have_seen_is_sent_once() {
    for (status, code, exit) in [
        (500, "InternalServerException", 1),
        (503, "ServiceUnavailable", 1),
        (409, "ConflictException", 1),
        (402, "ServiceQuotaExceededException", 1),
        (400, "ValidationException", 1),
        (404, "ResourceNotFoundException", 1),
    ] {
        let server = Script::new()
            .identity()
            .always(INVOKE, refusal(status, code, "the service's own words"))
            .start();
        let outcome = elsewhere(&project(), &server).arg("{}").run().exits(exit);
        assert_eq!(outcome.stdout, "");
        says(&outcome, &format!("{code}: the service's own words"));
        says(&outcome, "request id request-1");
        assert_eq!(posts(&server).len(), 1, "{code}");
    }
    let server = Script::new().identity().cut(INVOKE).start();
    let outcome = elsewhere(&project(), &server).arg("{}").run().exits(1);
    says(
        &outcome,
        "the connection broke before the runtime `one-AbCdEf1234` had answered",
    );
    assert_eq!(posts(&server).len(), 1);
}

#[test]
fn nobody_listening_is_said_after_some_tries() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let project = project();
    let outcome = Cli::in_directory(&project.home(), project.root())
        .at(&url)
        .env("CARGO_AGENTCORE_BEARER_TOKEN", "a.b.c")
        .args(["invoke", "--arn", &arn(), "{}"])
        .run()
        .exits(1);
    says(&outcome, &format!("error: nobody listens at `{url}`"));
    assert_eq!(outcome.stderr.matches("Retrying").count(), 2);
}

#[test]
fn silence_ends_at_the_timeout_before_and_within_the_answer() {
    let mut stalls = events("");
    stalls.pieces = vec![
        (Duration::ZERO, "data: \"some\"\n\n".into()),
        (Duration::from_secs(30), "data: \"more\"\n\n".into()),
    ];
    let server = Script::new()
        .identity()
        .then(INVOKE, events("").after(Duration::from_secs(30)))
        .then(INVOKE, stalls)
        .start();
    let project = project();
    let run = || {
        elsewhere(&project, &server)
            .args(["{}", "--timeout", "700ms"])
            .run()
            .exits(1)
    };
    let before = run();
    says(
        &before,
        "error: the runtime `one-AbCdEf1234` said nothing for 700ms",
    );
    let within = run();
    assert_eq!(within.stdout, "some");
    says(&within, "said nothing more for 700ms");
    assert_eq!(posts(&server).len(), 2);
}

/// What botocore would sign this request with, from its address and the headers that are signed.
const BOTOCORE: &str = r#"
import json, sys
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
asked = json.load(sys.stdin)
request = AWSRequest(method="POST", url=asked["url"], headers=asked["headers"], data=asked["body"].encode())
request.context["timestamp"] = asked["headers"]["x-amz-date"]
auth = SigV4Auth(Credentials(asked["key"], asked["secret"]), "bedrock-agentcore", "us-east-1")
print(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request), end="")
"#;

#[test]
fn a_signature_is_the_one_that_botocore_makes() {
    let server = Script::new()
        .identity()
        .then(INVOKE, Answer::json(200, &json!("ok")))
        .start();
    elsewhere(&project(), &server)
        .args(["{\"prompt\": \"hé\"}", "--header", "X-Tenant: a  b"])
        .run()
        .succeeds();
    let post = &posts(&server)[0];
    let authorization = header(post, "authorization").unwrap();
    let part = |name: &str| {
        let (_, rest) = authorization.split_once(name).unwrap();
        rest.split(',').next().unwrap().to_owned()
    };
    let headers: serde_json::Map<String, Value> = part("SignedHeaders=")
        .split(';')
        .map(|name| (name.to_owned(), json!(header(post, name).unwrap())))
        .collect();
    for name in ["host", "x-amz-date", "x-tenant", SESSION_HEADER] {
        assert!(headers.contains_key(name), "{name} is not signed");
    }
    let asked = json!({
        "url": format!("{}{}", server.url(), post.uri()),
        "headers": headers,
        "body": std::str::from_utf8(post.body()).unwrap(),
        "key": ACCESS_KEY,
        "secret": SECRET_KEY,
    });
    let mut python = Command::new(bed::program(&bed::emulators(), "python"))
        .args(["-c", BOTOCORE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(asked.to_string().as_bytes()).unwrap();
    drop(stdin);
    let made = python.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(made.stdout).unwrap(), part("Signature="));
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_run() {
    let mut answer = events("");
    let piece = (Duration::from_millis(50), "data: \"line\\n\"\n\n".into());
    answer.pieces = vec![piece; 2000];
    let server = Script::new().identity().then(INVOKE, answer).start();
    let mut child = elsewhere(&project(), &server)
        .arg("{}")
        .prepared()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
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

#[test]
fn a_token_goes_alone_and_is_never_shown() {
    let server = Script::new()
        .always(&unsigned(), Answer::json(200, &json!("ok")))
        .start();
    let project = project();
    let secret = "aaaa.bbbb.cccc";
    let run = |cli: Cli, more: &[&str]| {
        let outcome = cli
            .args(["invoke", "--arn", &arn(), "{}", "-vv"])
            .args(more)
            .env("CARGO_AGENTCORE_ENDPOINT_URL", server.url())
            .run()
            .succeeds();
        assert!(!outcome.stderr.contains("bbbb"), "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "ok");
        says(
            &outcome,
            "Account 111122223333 in us-east-1 by a bearer token, runtime `one-AbCdEf1234`",
        );
    };
    // Without any credentials, and with some that are of no use here.
    let cli = || Cli::in_directory(&project.home(), project.root());
    run(cli().env("CARGO_AGENTCORE_BEARER_TOKEN", secret), &[]);
    run(cli().at(&server.url()), &["--bearer-token", secret]);
    for post in posts(&server) {
        assert_eq!(
            header(&post, "authorization"),
            Some("Bearer aaaa.bbbb.cccc")
        );
        assert_eq!(header(&post, "x-amz-date"), None);
        assert_eq!(header(&post, SESSION_HEADER).unwrap().len(), 36);
    }
    assert_eq!(server.requests().len(), 2, "nothing else was asked");
    let help = cli()
        .env("CARGO_AGENTCORE_BEARER_TOKEN", secret)
        .args(["invoke", "--help"])
        .run();
    assert!(!help.stdout.contains("bbbb"));
    let wrong = cli()
        .args(["invoke", "--arn", &arn(), "{}", "--bearer-token", "bb bb"])
        .run()
        .exits(2);
    assert!(!wrong.stderr.contains("bb bb"), "{}", wrong.stderr);
}

#[test]
fn a_token_is_not_sent_in_the_clear() {
    let project = project();
    let outcome = Cli::in_directory(&project.home(), project.root())
        .env("CARGO_AGENTCORE_BEARER_TOKEN", "a.b.c")
        .args([
            "invoke",
            "--arn",
            &arn(),
            "{}",
            "--endpoint-url",
            "http://agents.example.invalid",
        ])
        .run()
        .exits(2);
    says(&outcome, "neither HTTPS nor this machine");
}

#[test]
fn a_refused_token_shows_what_the_service_asks_for() {
    let demand = "Bearer resource_metadata=\"https://example.invalid/x\"";
    let answer =
        refusal(401, "UnauthorizedException", "token expired").header("www-authenticate", demand);
    let server = Script::new().always(&unsigned(), answer).start();
    let outcome = elsewhere(&project(), &server)
        .env("CARGO_AGENTCORE_BEARER_TOKEN", "a.b.c")
        .arg("{}")
        .run()
        .exits(4);
    says(&outcome, "did not accept the bearer token");
    says(&outcome, "UnauthorizedException: token expired");
    says(&outcome, &format!("it asks for `{demand}`"));
}

#[test]
fn a_runtime_with_an_authorizer_demands_a_token() {
    // As the metadata say it: nothing is asked.
    let server = script().start();
    let configured = Project::new().metadata("region = \"us-east-1\"").agent_with(
        "one",
        "authorizer = { discovery-url = \"https://example.com/.well-known/openid-configuration\", allowed-clients = [\"c\"] }",
    );
    let outcome = invoke(&configured, &server).arg("{}").run().exits(4);
    says(
        &outcome,
        "the agent `one` has an authorizer, and there is no token to show to it",
    );
    says(&outcome, "CARGO_AGENTCORE_BEARER_TOKEN");
    assert_eq!(server.requests().len(), 0);
    // As the runtime says it, once it has refused.
    let runtime = json!({
        "agentRuntimeArn": arn(), "agentRuntimeId": "one-AbCdEf1234", "agentRuntimeName": "one", "agentRuntimeVersion": "1",
        "createdAt": "2026-11-01T00:00:00Z", "lastUpdatedAt": "2026-11-01T00:00:00Z", "status": "READY",
        "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/r"), "networkConfiguration": {"networkMode": "PUBLIC"}, "lifecycleConfiguration": {},
        "authorizerConfiguration": {"customJWTAuthorizer": {"discoveryUrl": "https://example.com/.well-known/openid-configuration"}},
    });
    let server = script()
        .always(
            INVOKE,
            refusal(
                403,
                "AccessDeniedException",
                "Authorization method mismatch",
            ),
        )
        .always(
            "bedrock-agentcore:GetAgentRuntime",
            Answer::json(200, &runtime),
        )
        .start();
    let outcome = invoke(&project(), &server).arg("{}").run().exits(4);
    says(
        &outcome,
        "the agent `one` has an authorizer, and there is no token to show to it",
    );
    says(
        &outcome,
        "AccessDeniedException: Authorization method mismatch",
    );
}

#[test]
fn a_denied_caller_is_told_the_permission() {
    let server = script()
        .always(
            INVOKE,
            refusal(403, "AccessDeniedException", "not authorized"),
        )
        .errors(
            "bedrock-agentcore:GetAgentRuntime",
            9,
            403,
            "AccessDenied",
            "no",
        )
        .start();
    let outcome = invoke(&project(), &server).arg("{}").run().exits(4);
    says(
        &outcome,
        "`bedrock-agentcore:InvokeAgentRuntime` on runtime",
    );
    says(&outcome, "cargo agentcore policy --only deployer");
}

#[test]
fn sessions_are_checked_made_and_continued() {
    let server = script()
        .always(INVOKE, Answer::json(200, &json!("ok")))
        .always(STOP, Answer::json(200, &json!({})))
        .start();
    let project = project();
    let run = |words: &[&str]| invoke(&project, &server).arg("{}").args(words).run();
    for wrong in [
        "short",
        "a-session-with-a-space-in-it 0123456789",
        &"x".repeat(101),
    ] {
        let outcome = run(&["--session", wrong]).exits(2);
        says(&outcome, "33 to 100 letters, digits, `-` and `_`");
    }
    let none = run(&["--continue"]).exits(1);
    says(
        &none,
        "there is no session to continue with the agent `one`, endpoint `DEFAULT`",
    );
    run(&[]).succeeds();
    run(&["--continue"]).succeeds();
    run(&["--session", SESSION]).succeeds();
    run(&["--continue"]).succeeds();
    run(&["--continue", "--endpoint", "prod"]).exits(1);
    let sessions: Vec<String> = posts(&server)
        .iter()
        .map(|post| header(post, SESSION_HEADER).unwrap().to_owned())
        .collect();
    assert_eq!(sessions.len(), 4);
    assert_eq!(sessions[0], sessions[1]);
    assert_eq!(sessions[2..], [SESSION, SESSION]);
    // Nothing but the cache has changed, and what is stopped cannot be continued.
    assert!(!project.tree().keys().any(|path| path.contains("session")));
    let stopped = Cli::new(&project)
        .at(&server.url())
        .arg("stop-session")
        .run()
        .succeeds();
    says(&stopped, &format!("Stopped session {SESSION}"));
    let stop = server.requests().pop().unwrap();
    assert_eq!(header(&stop, SESSION_HEADER), Some(SESSION));
    assert_eq!(stop.uri().query(), Some("qualifier=DEFAULT"));
    let token: Value = serde_json::from_slice(stop.body()).unwrap();
    assert_eq!(token["clientToken"].as_str().unwrap().len(), 36);
    run(&["--continue"]).exits(1);
    let again = Cli::new(&project)
        .at(&server.url())
        .arg("stop-session")
        .run()
        .exits(1);
    says(
        &again,
        "no session with the agent `one`, endpoint `DEFAULT`, is known here",
    );
    assert_eq!(server.unexpected(), Vec::<String>::new());
}

#[test]
fn a_session_that_is_gone_is_as_good_as_stopped() {
    let server = Script::new()
        .identity()
        .then(STOP, refusal(429, "ThrottlingException", "slow down"))
        .always(
            STOP,
            refusal(404, "ResourceNotFoundException", "no such session"),
        )
        .start();
    let project = project();
    let outcome = Cli::in_directory(&project.home(), project.root())
        .at(&server.url())
        .args(["stop-session", "--arn", &arn(), "--session", SESSION])
        .run()
        .succeeds();
    says(
        &outcome,
        &format!("note: the session {SESSION} is already gone"),
    );
    assert_eq!(outcome.stdout, "");
}

#[test]
fn headers_users_and_types_arrive_and_wrong_ones_are_refused() {
    let server = script()
        .always(INVOKE, Answer::new(200, "text/plain", "ok"))
        .start();
    let project = project();
    let outcome = invoke(&project, &server)
        .args(["-", "--content-type", "text/plain", "--user", "someone"])
        .args([
            "--header",
            "X-Tenant: a: b",
            "--header",
            "traceparent: 00-1-2-01",
        ])
        .input("not JSON")
        .run()
        .succeeds();
    says(
        &outcome,
        "the header `X-Tenant` does not reach the agent `one`",
    );
    assert!(!outcome.stderr.contains("`traceparent`"));
    let post = &posts(&server)[0];
    assert_eq!(post.body(), "not JSON");
    for (name, value) in [
        ("content-type", "text/plain"),
        ("x-tenant", "a: b"),
        ("traceparent", "00-1-2-01"),
        ("x-amzn-bedrock-agentcore-runtime-user-id", "someone"),
    ] {
        assert_eq!(header(post, name), Some(value));
    }
    let refused = invoke(&project, &server)
        .args(["{}", "--header", "X-Amz-Target: x"])
        .run()
        .exits(2);
    says(&refused, "X-Amzn-Bedrock-AgentCore-Runtime-Custom-*");
    let refused = invoke(&project, &server)
        .args(["{}", "--user", "someone", "--bearer-token", "a.b.c"])
        .run()
        .exits(2);
    says(&refused, "`--user` does not go with a bearer token");
    assert_eq!(posts(&server).len(), 1);
}

#[test]
fn a_wrong_payload_is_refused_before_anything_is_asked() {
    let server = script()
        .always(INVOKE, Answer::json(200, &json!("ok")))
        .start();
    let project = project().file("payload.json", "{\"from\": \"a file\"}");
    let outcome = invoke(&project, &server).arg("{prompt: hi}").run().exits(2);
    says(
        &outcome,
        "error: the payload is not JSON: key must be a string at line 1 column 2",
    );
    says(&outcome, "--prompt 'hi'");
    let outcome = invoke(&project, &server)
        .arg("@no-such-file")
        .run()
        .exits(1);
    says(&outcome, "cannot read `no-such-file`");
    invoke(&project, &server).run().exits(2);
    assert_eq!(server.requests().len(), 0);
    invoke(&project, &server)
        .arg("@payload.json")
        .run()
        .succeeds();
    invoke(&project, &server)
        .args(["{prompt: hi}", "--raw-payload"])
        .run()
        .succeeds();
    let bodies: Vec<_> = posts(&server)
        .iter()
        .map(|post| post.body().clone())
        .collect();
    assert_eq!(bodies, ["{\"from\": \"a file\"}", "{prompt: hi}"]);
}

#[test]
fn an_agent_that_is_not_deployed_or_not_chosen_is_said() {
    let server = Script::new()
        .identity()
        .always(
            "bedrock-agentcore:ListAgentRuntimes",
            Answer::json(200, &json!({"agentRuntimes": []})),
        )
        .start();
    let outcome = invoke(&project(), &server).arg("{}").run().exits(1);
    says(
        &outcome,
        "the agent `one` is not deployed: there is no runtime `one` in account 111122223333, region us-east-1",
    );
    says(&outcome, "help: `cargo agentcore deploy` deploys it");
    let two = project().agent("two");
    let outcome = invoke(&two, &server).arg("{}").run().exits(2);
    says(&outcome, "the agents are `one`, `two`");
    let pinned = Project::new()
        .metadata("region = \"us-east-1\"\naccount = \"999999999999\"")
        .agent("one");
    invoke(&pinned, &server).arg("{}").run().exits(4);
    assert_eq!(posts(&server).len(), 0);
}

#[cfg(unix)]
#[test]
fn ctrl_c_says_how_to_stop_what_goes_on() {
    let server = script()
        .always(INVOKE, events("").after(Duration::from_mins(1)))
        .start();
    let project = project();
    let running = invoke(&project, &server)
        .args(["{}", "--session", SESSION, "--endpoint", "prod"])
        .start();
    let start = Instant::now();
    while posts(&server).is_empty() {
        assert!(start.elapsed() < Duration::from_mins(1), "nothing was sent");
        std::thread::sleep(Duration::from_millis(10));
    }
    let id = rustix::process::Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let outcome = running.wait().exits(130);
    says(
        &outcome,
        &format!("`cargo agentcore stop-session --agent one --endpoint prod --session {SESSION}`"),
    );
}

const RUNTIME: &str = r#"
runtime = client("bedrock-agentcore-control").create_agent_runtime(
    agentRuntimeName="one",
    roleArn=f"arn:aws:iam::{account}:role/r",
    agentRuntimeArtifact={"codeConfiguration": {"code": {"s3": {"bucket": "b", "prefix": "k"}}, "runtime": "PYTHON_3_13", "entryPoint": ["invoke.py"]}},
    networkConfiguration={"networkMode": "PUBLIC"},
)
print(runtime["agentRuntimeArn"], end="")
"#;

#[test]
fn ministack_answers_by_name_and_by_arn() {
    let emulator = Ministack::start();
    let arn = boto3(&emulator, RUNTIME);
    let project = project();
    let payload = "{\"prompt\": \"hé\"}";
    let by_name = Cli::new(&project)
        .on(&emulator)
        .args(["invoke", payload])
        .run()
        .succeeds();
    let echo: Value = by_name.json();
    assert_eq!(echo["agentRuntimeArn"], json!(arn));
    assert!(echo["input"].to_string().contains("hé"), "{echo}");
    let by_arn = Cli::in_directory(&project.home(), project.root())
        .on(&emulator)
        .args(["invoke", "--arn", &arn, payload])
        .run()
        .succeeds();
    assert_eq!(by_arn.json(), echo);
    let unknown = Cli::new(&project)
        .on(&emulator)
        .args(["invoke", payload, "--endpoint", "nowhere"])
        .run()
        .exits(1);
    says(&unknown, "ResourceNotFoundException");
    says(
        &unknown,
        "without `--endpoint`, the endpoint `DEFAULT` is used",
    );
}

#[test]
fn the_local_emulator_is_spoken_to_and_says_what_it_is() {
    let project = project();
    let cache = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    let cli = |words: &[&str]| {
        Cli::new(&project)
            .env("CARGO_AGENTCORE_CACHE_DIR", &cache)
            .args(words)
            .run()
    };
    let started = cli(&["local", "start"]).succeeds();
    let missing = cli(&["invoke", "{}", "--local"]).exits(1);
    says(
        &missing,
        "help: `cargo agentcore deploy --local` deploys it",
    );
    let script = format!("{}\n{RUNTIME}", include_str!("support/prelude.py"));
    let made = Command::new(bed::program(&bed::emulators(), "python"))
        .args(["-c", &script])
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("EMULATOR_URL", started.stdout.trim())
        .env("EMULATOR_ACCOUNT", "000000000000")
        .output()
        .unwrap();
    assert!(made.status.success());
    let answered = cli(&["invoke", "{\"a\": 1}", "--local"]).succeeds();
    says(
        &answered,
        "note: the emulator does not run the agent: it answers with an echo",
    );
    assert_eq!(answered.json()["input"], json!({"a": 1}));
    cli(&["invoke", "{}", "--local", "--continue"]).succeeds();
    let stopped = cli(&["stop-session", "--local"]).succeeds();
    says(&stopped, "the emulator keeps no sessions");
    cli(&["invoke", "{}", "--local", "--continue"]).exits(1);
    cli(&["local", "stop"]).succeeds();
}

/// An agent on the real SDK, behind what stands for the service: the path of a runtime becomes the
/// agent's, and an error of the agent becomes a 424.
struct RealAgent {
    child: Child,
    service: Server,
}

const REAL_AGENT: &str = r#"
import asyncio
from bedrock_agentcore import BedrockAgentCoreApp

app = BedrockAgentCoreApp()

@app.entrypoint
async def invoke(payload, context):
    if payload.get("fail"):
        raise ValueError("asked to fail")
    if payload.get("whole"):
        return f"session {context.session_id}"
    async def stream():
        for chunk in ["Grüße ", "aus ", "東京\n", {"tool": "done"}]:
            await asyncio.sleep(0.01)
            yield chunk
        if payload.get("break"):
            raise RuntimeError("broke in the middle")
    return stream()

app.run(port=PORT, host="127.0.0.1")
"#;

impl RealAgent {
    fn start() -> Self {
        let port = free_port();
        let mut child = Command::new(bed::program(&bed::agents(), "python"))
            .args(["-c", &REAL_AGENT.replace("PORT", &port.to_string())])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if child.try_wait().unwrap().is_some() || start.elapsed() > Duration::from_mins(1) {
                let _ = child.kill();
                let mut said = String::new();
                child
                    .stderr
                    .take()
                    .unwrap()
                    .read_to_string(&mut said)
                    .unwrap();
                panic!("the agent does not start: {said}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        // Read all the time, or the agent stops when the pipe is full.
        let mut log = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let service = Server::start(move |mut request: Request<Bytes>| async move {
            *request.uri_mut() = "/invocations".parse().unwrap();
            match forward(request, port).await {
                Some(answer) if answer.status >= 400 => Reply::Answer(refusal(
                    424,
                    "RuntimeClientError",
                    &String::from_utf8_lossy(&answer.body()),
                )),
                Some(answer) => Reply::Answer(answer),
                None => Reply::Silence,
            }
        });
        Self { child, service }
    }

    fn ask(&self, project: &Project, payload: &Value) -> Outcome {
        Cli::in_directory(&project.home(), project.root())
            .env("CARGO_AGENTCORE_BEARER_TOKEN", "a.b.c")
            .env("CARGO_AGENTCORE_ENDPOINT_URL", self.service.url())
            .args([
                "invoke",
                "--arn",
                &arn(),
                "--session",
                SESSION,
                &payload.to_string(),
            ])
            .run()
    }
}

impl Drop for RealAgent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_agent_on_the_real_sdk_is_understood() {
    let agent = RealAgent::start();
    let project = project();
    let streamed = agent.ask(&project, &json!({})).succeeds();
    assert_eq!(streamed.stdout, "Grüße aus 東京\n{\"tool\": \"done\"}\n");
    let whole = agent.ask(&project, &json!({"whole": true})).succeeds();
    assert_eq!(whole.stdout, format!("session {SESSION}"));
    let broken = agent.ask(&project, &json!({"break": true})).exits(1);
    assert!(
        broken.stdout.starts_with("Grüße aus 東京\n"),
        "{}",
        broken.stdout
    );
    says(&broken, "failed while it answered: broke in the middle");
    says(&broken, "`RuntimeError`");
    let failed = agent.ask(&project, &json!({"fail": true})).exits(1);
    says(&failed, "asked to fail");
    // A token alone cannot read logs.
    says(&failed, "cannot be read: no AWS credentials were found");
}
