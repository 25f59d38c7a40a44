//! Unexpected answers of the service, over real sockets: each case has its message and exit code,
//! and the next run succeeds.

use std::time::Duration;

use serde_json::{Value, json};

use super::{deploy, deploy_json, project, project_with, writes};
use crate::support::{
    Answer, Cli, Emulator, Fault, Ministack, Outcome, Proxy, Times, boto3, listing,
};

const CREATE: &str = "bedrock-agentcore:CreateAgentRuntime";
const UPDATE: &str = "bedrock-agentcore:UpdateAgentRuntime";
const GET: &str = "bedrock-agentcore:GetAgentRuntime";

fn run(proxy: &Proxy) -> Outcome {
    run_with(proxy, &project(), &[])
}

fn run_with(proxy: &Proxy, project: &crate::support::Project, args: &[&str]) -> Outcome {
    Cli::new(project)
        .at(&proxy.url())
        .arg("deploy")
        .args(args)
        .run()
}

/// Returns a runtime with only these fields.
fn state(status: &str, reason: Option<&str>) -> Answer {
    let mut body = json!({
        "agentRuntimeArn": "arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/one-AbCdEf1234",
        "agentRuntimeId": "one-AbCdEf1234",
        "agentRuntimeName": "one",
        "agentRuntimeVersion": "1",
        "createdAt": "2026-11-01T00:00:00Z",
        "lastUpdatedAt": "2026-11-01T00:00:00Z",
        "roleArn": "arn:aws:iam::000000000000:role/AgentCoreRole-one",
        "status": status,
        "networkConfiguration": {"networkMode": "PUBLIC"},
    });
    if let Some(reason) = reason {
        body["failureReason"] = json!(reason);
    }
    Answer::json(200, &body)
}

fn fails(outcome: Outcome, code: i32, words: &[&str]) {
    let outcome = outcome.exits(code);
    for word in words {
        assert!(outcome.stderr.contains(word), "{word}:\n{}", outcome.stderr);
    }
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_slow_runtime_is_waited_for_and_said() {
    let emulator = Ministack::start();
    let proxy = Proxy::to(&emulator);
    proxy.fault(GET, Times::First(3), Fault::Answer(state("CREATING", None)));
    let outcome = run(&proxy).succeeds();
    assert!(
        outcome.stderr.contains("to be READY (CREATING,"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn what_fails_in_the_service_is_explained_with_its_reason_and_the_agents_log() {
    let emulator = Ministack::start();
    boto3(
        &emulator,
        r"
import time
logs = client('logs')
group, stream = '/aws/bedrock-agentcore/runtimes/one-AbCdEf1234-DEFAULT', '2026/11/25/[runtime-logs]x'
logs.create_log_group(logGroupName=group)
logs.create_log_stream(logGroupName=group, logStreamName=stream)
logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[{'timestamp': int(time.time() * 1000), 'message': 'ModuleNotFoundError: strands'}])
",
    );
    let proxy = Proxy::to(&emulator);
    let reason = "The specified entrypoint could not be found or accessed in your artifact.";
    proxy.fault(
        GET,
        Times::Always,
        Fault::Answer(state("CREATE_FAILED", Some(reason))),
    );
    fails(
        run(&proxy),
        1,
        &["is CREATE_FAILED", reason, "ModuleNotFoundError: strands"],
    );
}

/// The service may still answer with the state before a write.
#[test]
fn the_failure_of_an_earlier_update_does_not_fail_the_next_one() {
    let emulator = Ministack::start();
    let project = project();
    deploy(&project, &emulator).succeeds();
    let proxy = Proxy::to(&emulator);
    let before = json!({
        "status": "UPDATE_FAILED", "failureReason": "no", "agentRuntimeVersion": "1",
        "lastUpdatedAt": "2026-11-01T00:00:00Z",
    });
    // The look, the read before the write, and the first look afterwards.
    proxy.fault(GET, Times::First(3), Fault::Merged(before));
    let outcome = run_with(&proxy, &project, &[]).succeeds();
    let said = "to be READY (still UPDATE_FAILED from the previous update,";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
}

#[test]
fn what_failed_at_its_birth_is_replaced() {
    let emulator = Ministack::start();
    let project = project();
    deploy(&project, &emulator).succeeds();
    let proxy = Proxy::to(&emulator);
    proxy.fault(
        GET,
        Times::Nth(1),
        Fault::Answer(state("CREATE_FAILED", Some("no"))),
    );
    let outcome = run_with(&proxy, &project, &[]);
    // The answer names a runtime that this emulator does not have, so deleting it succeeds.
    assert!(outcome.stderr.contains("Deleting"), "{}", outcome.stderr);
    assert!(
        proxy
            .actions()
            .contains(&"bedrock-agentcore:DeleteAgentRuntime".to_owned())
    );
}

#[test]
fn a_role_that_the_service_does_not_know_yet_is_waited_for_and_said_once() {
    let emulator = Ministack::start();
    let proxy = Proxy::to(&emulator);
    let refusal = Fault::error(
        400,
        "ValidationException",
        "Role validation failed for 'arn:aws:iam::000000000000:role/AgentCoreRole-one'. Please verify that the role exists",
    );
    proxy.fault(CREATE, Times::First(3), refusal.clone());
    let outcome = run(&proxy).succeeds();
    assert_eq!(
        outcome
            .stderr
            .matches("for AgentCore to recognize the role")
            .count(),
        1,
        "{}",
        outcome.stderr
    );
    let creates: Vec<String> = proxy
        .recorded()
        .into_iter()
        .filter(|call| call.action == CREATE)
        .map(|call| call.parameters["clientToken"].clone())
        .collect();
    assert_eq!(creates.len(), 4);
    assert!(
        creates.iter().all(|token| *token == creates[0]),
        "{creates:?}"
    );
}

/// A refusal of an old role cannot be due to propagation.
#[test]
fn a_role_that_was_not_just_written_is_not_waited_for() {
    let emulator = Ministack::start();
    let project = project();
    deploy(&project, &emulator).succeeds();
    project.write("one/more.py", "MORE = 1\n");
    let proxy = Proxy::to(&emulator);
    let refusal = Fault::error(400, "ValidationException", "Role validation failed for 'R'");
    proxy.fault(UPDATE, Times::Always, refusal);
    let role = "<GetRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetRoleResult><Role><Path>/</Path><RoleName>AgentCoreRole-one</RoleName><RoleId>AROAEXAMPLE</RoleId><Arn>arn:aws:iam::000000000000:role/AgentCoreRole-one</Arn><CreateDate>2020-01-01T00:00:00Z</CreateDate></Role></GetRoleResult></GetRoleResponse>";
    proxy.fault(
        "iam:GetRole",
        Times::Nth(2),
        Fault::Answer(Answer::new(200, "text/xml", role)),
    );
    fails(
        run_with(&proxy, &project, &[]),
        1,
        &["Role validation failed", "policy --only trust"],
    );
    assert_eq!(
        proxy
            .actions()
            .iter()
            .filter(|action| *action == UPDATE)
            .count(),
        1
    );
}

#[test]
fn refusals_that_waiting_does_not_help_are_not_repeated() {
    for (exit, status, code, message, help) in [
        (
            4,
            400,
            "ValidationException",
            "Failed creating service linked role. Please verify that the calling role has sufficient permissions to create a service linked role.",
            "iam:CreateServiceLinkedRole",
        ),
        (
            1,
            402,
            "ServiceQuotaExceededException",
            "1000 agents",
            "Service Quotas",
        ),
        (
            1,
            400,
            "ValidationException",
            "the subnet is not supported",
            "the subnet is not supported",
        ),
    ] {
        let emulator = Ministack::start();
        let proxy = Proxy::to(&emulator);
        proxy.fault(CREATE, Times::Always, Fault::error(status, code, message));
        fails(run(&proxy), exit, &[message, help]);
        let creates = proxy
            .actions()
            .into_iter()
            .filter(|action| action == CREATE);
        assert_eq!(creates.count(), 1, "{message}");
    }
}

#[test]
fn another_change_of_the_same_runtime_is_waited_for() {
    let emulator = Ministack::start();
    let project = project();
    deploy(&project, &emulator).succeeds();
    project.write("one/more.py", "MORE = 1\n");
    let proxy = Proxy::to(&emulator);
    proxy.fault(
        UPDATE,
        Times::Nth(1),
        Fault::error(
            409,
            "ConflictException",
            "The agent is currently being updated",
        ),
    );
    proxy.fault(
        UPDATE,
        Times::Nth(2),
        Fault::error(409, "RetryableConflictException", "please retry"),
    );
    let outcome = run_with(&proxy, &project, &[]).succeeds();
    assert!(
        outcome.stderr.contains("for another change"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("version 2"), "{}", outcome.stderr);
}

/// The service shows only the newest version.
#[test]
fn an_update_that_somebody_elses_followed_at_once_is_done_and_said() {
    let emulator = Ministack::start();
    let project = project();
    deploy(&project, &emulator).succeeds();
    project.write("one/more.py", "MORE = 1\n");
    let proxy = Proxy::to(&emulator);
    for (action, key) in [
        (GET, "agentRuntimeVersion"),
        ("bedrock-agentcore:GetAgentRuntimeEndpoint", "liveVersion"),
    ] {
        let [ours, theirs] = ["2", "10"].map(|n| format!("\"{key}\": \"{n}\""));
        let fault = Fault::Reworded(ours.leak(), theirs.leak());
        proxy.fault(action, Times::Always, fault);
    }
    let outcome = run_with(&proxy, &project, &[]).succeeds();
    outcome.says(&[
        "is already at version 10: someone else changed it after version 2 was created here",
        "version 10, READY",
    ]);
}

#[test]
fn credentials_that_expire_in_the_middle_are_said_and_the_next_run_goes_on() {
    let emulator = Ministack::start();
    for action in ["s3:PutObject", CREATE] {
        let project = project();
        let proxy = Proxy::to(&emulator);
        proxy.fault(action, Times::Always, Fault::expired());
        fails(
            run_with(&proxy, &project, &[]),
            4,
            &["the AWS credentials have expired"],
        );
        deploy(&project, &emulator).succeeds();
        emulator.reset();
    }
}

#[test]
fn a_connection_cut_in_an_upload_or_an_answer_is_no_obstacle() {
    for fault in [Fault::CutBefore, Fault::CutAfter] {
        for action in ["s3:PutObject", CREATE, GET] {
            let emulator = Ministack::start();
            let proxy = Proxy::to(&emulator);
            let project = project();
            proxy.fault(action, Times::Nth(1), fault.clone());
            run_with(&proxy, &project, &[]).succeeds();
            let again = deploy(&project, &emulator).succeeds();
            assert!(
                again.stderr.contains("Unchanged"),
                "{action} {fault:?}: {}",
                again.stderr
            );
        }
    }
}

#[test]
fn a_runtime_on_the_fourth_page_of_the_list_is_found() {
    let emulator = Ministack::start();
    boto3(
        &emulator,
        "c = client('bedrock-agentcore-control')\nfor n in range(300):\n    c.create_agent_runtime(agentRuntimeName=f'other_{n}', roleArn='arn:aws:iam::000000000000:role/x', agentRuntimeArtifact={'containerConfiguration': {'containerUri': '000000000000.dkr.ecr.us-east-1.amazonaws.com/x:1'}}, networkConfiguration={'networkMode': 'PUBLIC'})",
    );
    let project = project();
    assert_eq!(deploy_json(&project, &emulator, &[])["did"], "created");
    let proxy = Proxy::to(&emulator);
    let again = run_with(&proxy, &project, &[]).succeeds();
    assert!(again.stderr.contains("Unchanged"), "{}", again.stderr);
    let pages = proxy
        .actions()
        .into_iter()
        .filter(|action| action == "bedrock-agentcore:ListAgentRuntimes");
    assert_eq!(pages.count(), 4);
}

#[test]
fn a_runtime_that_is_not_ours_is_left_alone() {
    let emulator = Ministack::start();
    let before = foreign(&emulator);
    let project = project();
    let outcome = deploy(&project, &emulator).exits(1);
    assert!(
        outcome.stderr.contains("is not provably this project's"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("another agent name"),
        "{}",
        outcome.stderr
    );
    assert_eq!(listing(&emulator), before, "nothing was made");
}

fn foreign(emulator: &Emulator) -> Value {
    boto3(
        emulator,
        "client('bedrock-agentcore-control').create_agent_runtime(agentRuntimeName='one', roleArn='arn:aws:iam::000000000000:role/theirs', agentRuntimeArtifact={'codeConfiguration': {'code': {'s3': {'bucket': 'theirs', 'prefix': 'one/x.zip'}}, 'runtime': 'PYTHON_3_13', 'entryPoint': ['invoke.py']}}, networkConfiguration={'networkMode': 'PUBLIC'})",
    );
    listing(emulator)
}

#[test]
fn the_smoke_call_shows_the_answer_or_why_there_is_none() {
    let emulator = Ministack::start();
    let project = project();
    project.write("smoke.json", "{\"prompt\": \"from a file\"}");
    let fine = run_with(&Proxy::to(&emulator), &project, &["--smoke", "@smoke.json"]).succeeds();
    fine.says(&["Answered agent `one`", "from a file"]);
    assert!(fine.stdout.starts_with("arn:"), "{}", fine.stdout);

    let proxy = Proxy::to(&emulator);
    proxy.fault(
        "bedrock-agentcore:InvokeAgentRuntime",
        Times::Always,
        Fault::error(
            424,
            "RuntimeClientError",
            "Received error (500) from runtime",
        ),
    );
    let failed = run_with(&proxy, &project, &["--smoke", "{}"]).exits(1);
    failed.says(&[
        "is deployed and did not answer the smoke call",
        "RuntimeClientError: Received error (500) from runtime",
        &format!(
            "`cargo agentcore logs --endpoint-url {} --agent one` shows more",
            proxy.url()
        ),
    ]);
    // What was deployed is reported, and nothing suggests to invoke it.
    assert_eq!(failed.stdout, fine.stdout);
    assert!(!failed.stderr.contains("Next"), "{}", failed.stderr);
    let document = run_with(&proxy, &project, &["--smoke", "{}", "--output", "json"]).exits(1);
    let agent = &document.json()["agents"][0];
    assert_eq!(
        (&agent["did"], &agent["smoke"]),
        (&json!("unchanged"), &json!("failed"))
    );
    fails(
        run_with(&proxy, &project, &["--smoke", "{not json"]),
        2,
        &["not JSON", "`--smoke '{"],
    );
    let wrong = run_with(&proxy, &project, &["--smoke", "hi"]).exits(2);
    for option in ["--prompt", "--content-type", "--raw-payload"] {
        assert!(!wrong.stderr.contains(option), "{}", wrong.stderr);
    }
    let jwt = project_with(
        "authorizer = { discovery-url = \"https://issuer.example/.well-known/openid-configuration\" }",
    );
    fails(
        run_with(&proxy, &jwt, &["--smoke", "{}"]),
        4,
        &["has an authorizer", "CARGO_AGENTCORE_BEARER_TOKEN"],
    );
}

#[test]
fn tracing_is_switched_on_only_when_asked_for_and_says_what_it_changes() {
    let emulator = Ministack::start();
    let project = project();
    let proxy = Proxy::to(&emulator);
    run_with(&proxy, &project, &[]).succeeds();
    assert!(
        !proxy
            .actions()
            .iter()
            .any(|action| action.contains("ResourcePolic"))
    );
    // The emulators do not support X-Ray's settings: the account's destination, and the change of
    // it.
    let destination = Answer::json(200, &json!({"Destination": "XRay", "Status": "ACTIVE"}));
    proxy.fault("xray:*", Times::Always, Fault::Answer(destination));
    proxy.forget();
    let dry = run_with(&proxy, &project, &["--enable-tracing", "--check"]).exits(5);
    assert!(
        dry.stderr.contains("Would send all traces of the account"),
        "{}",
        dry.stderr
    );
    assert_eq!(writes(&proxy.actions()), Vec::<&String>::new());
    let outcome = run_with(&proxy, &project, &["--enable-tracing"]).succeeds();
    outcome.says(&[
        "Allowing X-Ray to write",
        "Sending all traces of the account in this region to CloudWatch Logs instead of XRay",
        "Indexing 1%",
    ]);
    let policy = boto3(
        &emulator,
        "print([p['policyName'] for p in client('logs').describe_resource_policies()['resourcePolicies']])",
    );
    assert!(policy.contains("TransactionSearchXRayAccess"), "{policy}");

    let refusing = Proxy::to(&emulator);
    refusing.fault("xray:*", Times::Always, Fault::denied());
    let outcome = run_with(&refusing, &project, &["--enable-tracing"]).succeeds();
    assert!(
        outcome.stderr.contains("warning: tracing was not enabled"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome
            .stderr
            .contains("xray:UpdateTraceSegmentDestination"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_late_answer_is_waited_for() {
    let emulator = Ministack::start();
    let proxy = Proxy::to(&emulator);
    proxy.fault(CREATE, Times::Nth(1), Fault::Late(Duration::from_secs(2)));
    run(&proxy).succeeds();
}

#[test]
fn an_upload_that_takes_its_time_says_how_far_it_is() {
    let emulator = Ministack::start();
    let proxy = Proxy::to(&emulator);
    let late = Fault::Late(Duration::from_secs(12));
    proxy.fault("s3:PutObject", Times::First(1), late);
    let outcome = run(&proxy).succeeds();
    let words = "Uploading agent `one`: 0 bytes of ";
    let line = outcome.stderr.lines().find(|line| line.contains(words));
    assert!(
        line.is_some_and(|line| line.ends_with(", 10s so far")),
        "{}",
        outcome.stderr
    );
}
