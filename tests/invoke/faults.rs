//! Messages and retries if there is no complete answer.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{
    INVOKE, SESSION, SESSION_HEADER, STOP, arn, elsewhere, events, header, invoke, posts, project,
    refusal, says, script,
    support::{Answer, Cli, Script, emulator::DEAD_PORT},
};

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
    says(&outcome, "error: the answer of the agent `one` was cut off");
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
    says(
        &outcome,
        &format!(
            "help: `cargo agentcore logs --endpoint-url {} --endpoint prod` shows more",
            server.url()
        ),
    );
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
        (409, "RetryableConflictException", "the session is busy"),
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

/// The control plane's answer for a missing resource.
fn nothing() -> Answer {
    refusal(404, "ResourceNotFoundException", "nothing")
}

fn runtime() -> Answer {
    Answer::json(
        200,
        &json!({
            "agentRuntimeArn": arn(), "agentRuntimeId": "one-AbCdEf1234", "agentRuntimeName": "one", "agentRuntimeVersion": "1",
            "createdAt": "2026-11-25T12:00:00Z", "lastUpdatedAt": "2026-11-25T12:00:00Z", "status": "READY",
            "roleArn": "arn:aws:iam::111122223333:role/r", "networkConfiguration": {"networkMode": "PUBLIC"}, "lifecycleConfiguration": {},
        }),
    )
}

#[test]
fn what_is_not_there_is_named_and_only_what_has_gone_is_asked_for_again() {
    let endpoint = "bedrock-agentcore:GetAgentRuntimeEndpoint";
    let missing = |there: Answer| {
        script()
            .always(INVOKE, nothing())
            .always(STOP, nothing())
            .always(endpoint, nothing())
            .always("bedrock-agentcore:GetAgentRuntime", there)
            .start()
    };
    let project = project();
    let server = missing(runtime());
    let named = ["--endpoint", "nope"];
    let no_endpoint = "error: the runtime `one-AbCdEf1234` has no endpoint `nope`";
    let list = format!(
        "help: `cargo agentcore endpoint list --endpoint-url {}` lists its endpoints",
        server.url()
    );
    let invoked = invoke(&project, &server).arg("{}").args(named);
    let invoked = invoked.run().exits(1);
    says(&invoked, no_endpoint);
    says(&invoked, "note: ResourceNotFoundException: nothing");
    says(&invoked, &list);
    for wrong in ["Session", "moment ago"] {
        assert!(!invoked.stderr.contains(wrong), "{}", invoked.stderr);
    }
    // A session may still run at the intended endpoint.
    let stop = Cli::new(&project)
        .at(&server.url())
        .args(["stop-session", "--session", SESSION])
        .args(named);
    let stopped = stop.run().exits(1);
    says(&stopped, no_endpoint);
    says(&stopped, &list);
    let by_arn = elsewhere(&project, &server).arg("{}").args(named);
    let by_arn = by_arn.run().exits(1);
    says(&by_arn, no_endpoint);
    says(
        &by_arn,
        "help: without `--endpoint`, the endpoint `DEFAULT`",
    );

    let server = missing(nothing());
    let gone = invoke(&project, &server).arg("{}").run().exits(1);
    says(&gone, "the runtime `one-AbCdEf1234` no longer exists");
    says(&gone, "help: it may have been deleted a moment ago");
    let never = elsewhere(&project, &server).arg("{}").run().exits(1);
    says(&never, "error: there is no runtime `one-AbCdEf1234`");
    assert!(!never.stderr.contains("moment ago"), "{}", never.stderr);
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
            .always("bedrock-agentcore:GetAgentRuntimeEndpoint", nothing())
            .always("bedrock-agentcore:GetAgentRuntime", nothing())
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
        "the connection was lost before the runtime `one-AbCdEf1234` answered",
    );
    assert_eq!(posts(&server).len(), 1);
}

#[test]
fn nobody_listening_is_said_after_some_tries() {
    let project = project();
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://127.0.0.1:{DEAD_PORT}");
        let outcome = Cli::in_directory(&project.home(), project.root())
            .at(&url)
            .env("CARGO_AGENTCORE_BEARER_TOKEN", "a.b.c")
            .args(["invoke", "--arn", &arn(), "{}"])
            .run()
            .exits(1);
        says(&outcome, &format!("error: cannot connect to `{url}`"));
        assert_eq!(outcome.stderr.matches("Retrying").count(), 2);
    }
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
        "error: the runtime `one-AbCdEf1234` sent nothing for 700ms",
    );
    let within = run();
    assert_eq!(within.stdout, "some");
    says(&within, "sent nothing more for 700ms");
    assert_eq!(posts(&server).len(), 2);
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
        &format!(
            "`cargo agentcore stop-session --endpoint-url {} --agent one --endpoint prod --session {SESSION}`",
            server.url()
        ),
    );
}
