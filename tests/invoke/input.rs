//! Sessions, payloads, headers: what is sent, and what is refused before.

use serde_json::{Value, json};

use super::{
    INVOKE, SESSION, SESSION_HEADER, STOP, arn, header, invoke, posts, project, refusal, says,
    script,
    support::{Answer, Cli, Project, Script},
};

#[test]
fn a_payload_from_a_file_loses_its_byte_order_mark_and_must_be_utf_8() {
    let server = script()
        .always(INVOKE, Answer::json(200, &json!("ok")))
        .start();
    let project = project();
    let file = project.path().join("payload.json");
    let run = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        invoke(&project, &server).arg("@payload.json").run()
    };
    run("\u{feff}{\"a\": 1}".as_bytes()).succeeds();
    assert_eq!(posts(&server)[0].body().as_ref(), b"{\"a\": 1}");
    says(
        &run(b"\xff\xfe{\0}\0").exits(2),
        "the payload is not JSON: it is UTF-16, not UTF-8",
    );
    says(
        &run(b"{\"a\":\n\"\xe9\"}").exits(2),
        "it is not UTF-8: byte 0xE9 at offset 7 (line 2, column 2)",
    );
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
    // Only the cache has changed, and a stopped session cannot be continued.
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
        "no session with the agent `one`, endpoint `DEFAULT`, is recorded here",
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
    says(&refused, "`--user` cannot be used with a bearer token");
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
    says(
        &outcome,
        &format!(
            "help: `cargo agentcore deploy --endpoint-url {}` deploys it",
            server.url()
        ),
    );
    let two = project().agent("two");
    let outcome = invoke(&two, &server).arg("{}").run().exits(2);
    says(&outcome, "the agents are `one`, `two`");
    let pinned = Project::new()
        .metadata("region = \"us-east-1\"\naccount = \"999999999999\"")
        .agent("one");
    invoke(&pinned, &server).arg("{}").run().exits(4);
    assert_eq!(posts(&server).len(), 0);
}
