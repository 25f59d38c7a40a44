//! `cargo agentcore invoke` and `stop-session`: against a scripted server for behavior that no
//! emulator has, against ministack, and against an agent on the real bedrock-agentcore SDK.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

mod against;
mod answers;
mod authorization;
mod faults;
mod input;
#[cfg(target_os = "linux")]
mod limits;
mod real;
#[cfg(target_os = "linux")]
mod terminal;
mod unanswered;

use std::process::{Child, Stdio};

use crate::support::{self, Answer, Cli, Outcome, Project, Script, Scripted, scripted::ACCOUNT};
use hyper::{Request, body::Bytes};
use serde_json::json;

const INVOKE: &str = "bedrock-agentcore:InvokeAgentRuntime";
const STOP: &str = "bedrock-agentcore:StopRuntimeSession";
const SESSION: &str = "a-session-of-the-tests-0123456789ab";
const SESSION_HEADER: &str = "x-amzn-bedrock-agentcore-runtime-session-id";

fn arn() -> String {
    format!("arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT}:runtime/one-AbCdEf1234")
}

/// An unsigned request has no action; its request line identifies it.
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

/// By ARN, in a directory without a project.
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

/// Returns the requests that reach an agent.
fn posts(server: &Scripted) -> Vec<Request<Bytes>> {
    let mut requests = server.requests();
    requests.retain(|request| request.uri().path().ends_with("/invocations"));
    requests
}

fn header<'a>(request: &'a Request<Bytes>, name: &str) -> Option<&'a str> {
    request.headers().get(name).map(|v| v.to_str().unwrap())
}

/// Starts a command whose output is read while it runs.
fn begin(cli: &Cli) -> Child {
    cli.prepared()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[track_caller]
fn says(outcome: &Outcome, what: &str) {
    assert!(
        outcome.stderr.contains(what),
        "`{what}` is missing in:\n{}",
        outcome.stderr
    );
}
