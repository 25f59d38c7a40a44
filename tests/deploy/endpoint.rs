//! The endpoint `DEFAULT`, which the service creates and moves asynchronously; runtimes that are
//! being deleted; roles that are adopted.

use serde_json::json;

use super::{deploy, deploy_json, project};
use crate::support::{Answer, Cli, Fault, Ministack, Moto, Proxy, Times, boto3, listing};

const ENDPOINT: &str = "bedrock-agentcore:GetAgentRuntimeEndpoint";
const GONE: &str = "one-GoneGone12";

#[test]
fn a_slow_endpoint_is_waited_for_and_said() {
    let emulator = Ministack::start();
    let project = project();
    for (status, change) in [("CREATING", None), ("UPDATING", Some("MORE = 1\n"))] {
        if let Some(text) = change {
            project.write("one/more.py", text);
        }
        let proxy = Proxy::to(&emulator);
        proxy.fault(ENDPOINT, Times::First(3), Fault::Reworded("READY", status));
        let outcome = Cli::new(&project)
            .at(&proxy.url())
            .args(["deploy", "--output", "json"])
            .run()
            .succeeds();
        assert!(
            outcome.stderr.contains("endpoint `DEFAULT` of runtime")
                && outcome.stderr.contains(&format!("to be READY ({status},")),
            "{}",
            outcome.stderr
        );
        let endpoint = &outcome.json()["agents"][0]["endpoint"];
        assert_eq!(endpoint["status"], "READY", "{endpoint}");
        let looks = proxy.actions().into_iter().filter(|a| a == ENDPOINT);
        assert_eq!(looks.count(), 4);
    }
}

#[test]
fn an_endpoint_that_fails_is_said_with_its_reason_and_the_next_run_sees_to_it() {
    let emulator = Ministack::start();
    let project = project();
    let proxy = Proxy::to(&emulator);
    let failed = Answer::json(
        200,
        &json!({
            "name": "DEFAULT",
            "id": "DEFAULT",
            "status": "CREATE_FAILED",
            "failureReason": "no capacity for this endpoint",
            "agentRuntimeArn": "arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/one-AbCdEf1234",
            "agentRuntimeEndpointArn": "arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/one-AbCdEf1234/runtime-endpoint/DEFAULT",
            "createdAt": "2026-11-01T00:00:00Z",
            "lastUpdatedAt": "2026-11-01T00:00:00Z",
        }),
    );
    proxy.fault(ENDPOINT, Times::Always, Fault::Answer(failed));
    let outcome = Cli::new(&project)
        .at(&proxy.url())
        .arg("deploy")
        .run()
        .exits(1);
    outcome.says(&[
        "endpoint `DEFAULT` of runtime",
        "it is CREATE_FAILED",
        "no capacity for this endpoint",
    ]);
    assert_eq!(outcome.stdout, "");
    assert_eq!(deploy_json(&project, &emulator, &[])["did"], "unchanged");
}

/// The list still contains a runtime that is being deleted; then its name is free.
#[test]
fn a_runtime_that_is_being_deleted_is_awaited_and_made_anew() {
    let emulator = Ministack::start();
    let project = project();
    let arn = format!("arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/{GONE}");
    let runtime = json!({
        "agentRuntimeArn": arn,
        "agentRuntimeId": GONE,
        "agentRuntimeName": "one",
        "agentRuntimeVersion": "7",
        "description": "",
        "createdAt": "2026-11-01T00:00:00Z",
        "lastUpdatedAt": "2026-11-01T00:00:00Z",
        "roleArn": "arn:aws:iam::000000000000:role/AgentCoreRole-one",
        "status": "DELETING",
        "networkConfiguration": {"networkMode": "PUBLIC"},
    });
    let tags = json!({"tags": {
        "cargo-agentcore:managed": "true",
        "cargo-agentcore:project": "test-project-7k2qpx",
        "cargo-agentcore:agent": "one",
        "cargo-agentcore:stage": "-",
    }});
    let proxy = Proxy::to(&emulator);
    for (operation, times, body) in [
        ("ListAgentRuntimes", 1, json!({"agentRuntimes": [runtime]})),
        ("ListTagsForResource", 1, tags),
        ("GetAgentRuntime", 3, runtime.clone()),
    ] {
        proxy.fault(
            &format!("bedrock-agentcore:{operation}"),
            Times::First(times),
            Fault::Answer(Answer::json(200, &body)),
        );
    }
    let outcome = Cli::new(&project)
        .at(&proxy.url())
        .args(["deploy", "--output", "json"])
        .run()
        .succeeds();
    assert!(
        outcome
            .stderr
            .contains(&format!("for runtime `{GONE}` to be deleted (DELETING,")),
        "{}",
        outcome.stderr
    );
    let done = &outcome.json()["agents"][0];
    assert_eq!(done["did"], "created");
    assert_ne!(done["runtime"]["id"], GONE);
    let deletions = proxy
        .actions()
        .into_iter()
        .filter(|action| action == "bedrock-agentcore:DeleteAgentRuntime");
    assert_eq!(deletions.count(), 0, "it was going already");
    assert_eq!(deploy_json(&project, &emulator, &[])["did"], "unchanged");
}

#[test]
fn a_role_without_our_tags_is_taken_over_only_when_asked_and_answered() {
    for emulator in [Ministack::start(), Moto::start()] {
        boto3(
            &emulator,
            r#"
trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "bedrock-agentcore.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
client("iam").create_role(RoleName="AgentCoreRole-one", AssumeRolePolicyDocument=json.dumps(trust))
"#,
        );
        let project = project();
        let before = listing(&emulator);
        let refused = deploy(&project, &emulator).exits(1);
        assert!(refused.stderr.contains("--adopt"), "{}", refused.stderr);
        assert_eq!(listing(&emulator), before);
        let tree = project.tree();
        let unanswered = Cli::new(&project)
            .on(&emulator)
            .args(["deploy", "--adopt"])
            .run()
            .exits(2);
        assert!(unanswered.stderr.contains("--yes"), "{}", unanswered.stderr);
        assert_eq!(listing(&emulator), before);
        assert_eq!(project.tree(), tree, "nothing is written before the answer");

        let done = deploy_json(&project, &emulator, &["--adopt", "--yes"]);
        assert_eq!(done["did"], "created");
        let mut changes = done["changes"].as_array().unwrap().iter();
        assert!(changes.any(|one| one["kind"] == "policy"), "{done}");
        let tags = boto3(
            &emulator,
            "print({t['Key'] for t in client('iam').list_role_tags(RoleName='AgentCoreRole-one')['Tags']})",
        );
        for tag in ["cargo-agentcore:project", "cargo-agentcore:adopted"] {
            assert!(tags.contains(tag), "{tag}: {tags}");
        }
        assert_eq!(deploy_json(&project, &emulator, &[])["did"], "unchanged");

        let cleaned = Cli::new(&project)
            .on(&emulator)
            .args(["clean", "--yes"])
            .run()
            .succeeds();
        assert!(
            cleaned.stderr.contains("it was adopted"),
            "{}",
            cleaned.stderr
        );
        // The role stays, and its trust policy with what AgentCore needs.
        let mut after = listing(&emulator);
        let arn = format!("arn:aws:iam::{}:role/AgentCoreRole-one", emulator.account());
        after["roles"][&arn]["trust"] = before["roles"][&arn]["trust"].clone();
        assert_eq!(after, before);
    }
}
