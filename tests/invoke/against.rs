//! `check --against`: a few valid requests to a deployed agent.

use super::*;

const GET: &str = "bedrock-agentcore:GetAgentRuntime";

fn runtime(protocol: &str) -> Answer {
    Answer::json(
        200,
        &json!({
            "agentRuntimeArn": arn(), "agentRuntimeId": "one-AbCdEf1234", "agentRuntimeName": "one",
            "agentRuntimeVersion": "1", "createdAt": "2026-11-01T00:00:00Z", "lastUpdatedAt": "2026-11-01T00:00:00Z",
            "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/one"), "status": "READY",
            "networkConfiguration": {"networkMode": "PUBLIC"}, "lifecycleConfiguration": {},
            "protocolConfiguration": {"serverProtocol": protocol},
        }),
    )
}

fn check(project: &Project, server: &Scripted) -> Cli {
    Cli::in_directory(&project.home(), project.root())
        .at(&server.url())
        .args(["check", "--against", &arn()])
}

/// Returns the sessions of the requests whose path ends like this.
fn sessions(server: &Scripted, path: &str) -> Vec<String> {
    let mut requests = server.requests();
    requests.retain(|request| request.uri().path().ends_with(path));
    let sessions = requests
        .iter()
        .map(|request| header(request, SESSION_HEADER).unwrap().to_owned());
    sessions.collect()
}

#[test]
fn an_agent_on_aws_gets_two_requests_and_its_sessions_are_stopped() {
    let server = Script::new()
        .identity()
        .always(GET, runtime("HTTP"))
        .always(INVOKE, Answer::json(200, &json!({ "answer": "hi" })))
        .always(STOP, Answer::json(200, &json!({})))
        .start();
    let project = project();
    let outcome = check(&project, &server).args(["--output", "json"]).run();
    let outcome = outcome.succeeds();
    says(
        &outcome,
        "Checking runtime `one-AbCdEf1234` with 2 requests; its sessions are stopped afterwards",
    );
    let asked = sessions(&server, "/invocations");
    assert_eq!(asked.len(), 2);
    assert_ne!(asked[0], asked[1]);
    assert_eq!(sessions(&server, "/stopruntimesession"), asked);
    // The account, the protocol, and nothing else.
    assert_eq!(server.requests().len(), 6);
    for request in posts(&server) {
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        assert!(body["prompt"].is_string(), "{body}");
    }
    let document = outcome.json();
    let report = &document["agents"][0];
    assert_eq!(report["agent"], "one-AbCdEf1234");
    assert_eq!(report["findings"], json!([]));
    let kept = ["invoke-failed", "invoke-type", "invoke-not-json", "unicode"];
    assert_eq!(
        report["kept"],
        json!([kept.as_slice(), &["stream-cut", "session-leak"]].concat())
    );
    let untested = report["untested"].as_array().unwrap();
    let why = |code: &str| {
        let mut untested = untested.iter();
        untested.find(|rule| rule["code"] == code).unwrap()["why"].clone()
    };
    assert!(why("bad-json").as_str().unwrap().contains("are not sent"));
    assert!(why("ping-status").as_str().unwrap().contains("`/ping`"));
}

#[test]
fn an_mcp_agent_is_asked_for_its_tools() {
    let tools = json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": [{ "name": "add" }] } });
    let server = Script::new()
        .identity()
        .always(GET, runtime("MCP"))
        .always(INVOKE, Answer::json(200, &tools))
        .always(STOP, Answer::json(200, &json!({})))
        .start();
    let outcome = check(&project(), &server).run().exits(5);
    says(&outcome, "with 3 requests");
    assert!(
        outcome.stdout.starts_with(
            "error[mcp-tools]: the tool `add` has no `inputSchema` of type `object`\n  help: "
        ),
        "{}",
        outcome.stdout
    );
    let asked = sessions(&server, "/invocations");
    assert_eq!(asked.len(), 3);
    assert_eq!(sessions(&server, "/stopruntimesession"), asked[..1]);
}

#[test]
fn an_a2a_agent_is_asked_for_its_card_and_gets_a_message() {
    let card = json!({ "name": "one", "url": "http://localhost:9000/" });
    let server = Script::new()
        .identity()
        .always(GET, runtime("A2A"))
        .always("bedrock-agentcore:GetAgentCard", Answer::json(200, &card))
        .always(
            INVOKE,
            Answer::json(200, &json!({ "jsonrpc": "2.0", "id": 1, "result": {} })),
        )
        .always(STOP, Answer::json(200, &json!({})))
        .start();
    let outcome = check(&project(), &server).run().exits(5);
    for finding in [
        "error[a2a-card-fields]: the agent card lacks description, version",
        "warning[a2a-card-address]: the agent card leads clients to `http://localhost:9000/`",
    ] {
        assert!(outcome.stdout.contains(finding), "{}", outcome.stdout);
    }
    assert_eq!(posts(&server).len(), 1);
    assert_eq!(sessions(&server, "/agent-card.json").len(), 1);
}

#[test]
fn a_failure_of_the_agent_is_a_finding_and_one_of_the_service_is_not() {
    let failing = Script::new()
        .identity()
        .always(GET, runtime("HTTP"))
        .always(INVOKE, refusal(424, "RuntimeClientError", "it failed"))
        .always(STOP, Answer::json(200, &json!({})))
        .start();
    let outcome = check(&project(), &failing)
        .args(["--prompt", "go"])
        .run()
        .exits(5);
    assert!(
        outcome.stdout.starts_with(
            "error[invoke-failed]: {\"prompt\":\"go\"} is answered with 424: it failed"
        ),
        "{}",
        outcome.stdout
    );
    assert_eq!(posts(&failing).len(), 1);

    let denying = Script::new()
        .identity()
        .always(GET, runtime("HTTP"))
        .always(INVOKE, refusal(403, "AccessDeniedException", "not you"))
        .always(STOP, Answer::json(200, &json!({})))
        .start();
    let outcome = check(&project(), &denying).run().exits(4);
    says(&outcome, "not you");
    assert_eq!(outcome.stdout, "");

    let absent = Script::new()
        .identity()
        .errors(GET, 9, 404, "ResourceNotFoundException", "gone")
        .start();
    let outcome = check(&project(), &absent).run().exits(1);
    says(&outcome, "there is no runtime `one-AbCdEf1234`");
}

#[test]
fn where_the_agent_runs_is_read_with_care() {
    let project = project();
    for (words, said) in [
        (
            &["--against", "lokal"][..],
            "expected `dev`, `local`, `aws`, or the ARN of a runtime",
        ),
        (
            &["--against", "aws", "--local"],
            "`--local` can only be used with",
        ),
        (&["--against", "dev", "--env", "A=b"], "cannot be used with"),
        (&["--endpoint", "prod"], "--against <WHERE>"),
    ] {
        let outcome = Cli::new(&project).arg("check").args(words).run().exits(2);
        says(&outcome, said);
    }
}
