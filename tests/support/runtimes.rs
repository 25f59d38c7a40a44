//! A runtime `one` and its account: created with boto3 on an emulator, or scripted.

use serde_json::{Value, json};

use super::{Answer, Cli, Emulator, Ministack, Outcome, Project, Script, Scripted, boto3};

/// Creates a runtime `one`, with additional arguments.
pub fn deploy(emulator: &Emulator, role: &str, further: &str) -> String {
    let script = format!(
        r#"
control = client("bedrock-agentcore-control")
runtime = control.create_agent_runtime(
    agentRuntimeName="one",
    roleArn=f"arn:aws:iam::{{account}}:role/{role}",
    agentRuntimeArtifact={{"codeConfiguration": {{"code": {{"s3": {{"bucket": "b", "prefix": "one/1.zip"}}}}, "runtime": "PYTHON_3_13", "entryPoint": ["invoke.py"]}}}},
    networkConfiguration={{"networkMode": "PUBLIC"}},
    {further}
)
print(runtime["agentRuntimeId"])
"#
    );
    boto3(emulator, &script).trim().to_owned()
}

/// Creates versions 2 to `to`, each with its own archive.
pub fn update(emulator: &Emulator, id: &str, to: u32) {
    let script = format!(
        r#"
control = client("bedrock-agentcore-control")
for version in range(2, {to} + 1):
    control.update_agent_runtime(
        agentRuntimeId="{id}",
        roleArn=f"arn:aws:iam::{{account}}:role/AgentCoreRole-one",
        agentRuntimeArtifact={{"codeConfiguration": {{"code": {{"s3": {{"bucket": "b", "prefix": f"one/{{version}}.zip"}}}}, "runtime": "PYTHON_3_13", "entryPoint": ["invoke.py"]}}}},
        networkConfiguration={{"networkMode": "PUBLIC"}},
    )
"#
    );
    boto3(emulator, &script);
}

pub const TAGS: &str = r#"tags={"cargo-agentcore:managed": "true", "cargo-agentcore:project": "test-project-7k2qpx", "cargo-agentcore:agent": "one", "cargo-agentcore:stage": "-"},"#;

pub fn project() -> Project {
    Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
}

pub fn run(project: &Project, emulator: &Emulator, args: &[&str]) -> Outcome {
    Cli::new(project).on(emulator).args(args).run()
}

/// A deployed agent of this project with three versions.
pub fn running() -> (Project, Emulator, String) {
    let emulator = Ministack::start();
    let project = project();
    run(&project, &emulator, &["prepare"]).succeeds();
    let id = deploy(&emulator, "AgentCoreRole-one", "");
    update(&emulator, &id, 3);
    (project, emulator, id)
}

/// Declares resources for the project's agent `one`, in place of those of the same kind. `kind` is
/// the table's name, `permission` refers to one of them, and `tables` are whole.
pub fn declare(project: &Project, kind: &str, permission: &str, tables: &str) {
    let text = project.read("Cargo.toml");
    let table = format!("\n[workspace.metadata.agentcore.{kind}");
    let text = text.split(&table).next().unwrap().trim_end();
    let source = "source = \"one\"";
    let text = if text.contains("permissions = ") {
        text.to_owned()
    } else {
        text.replace(source, &format!("{source}\npermissions = [{permission}]"))
    };
    project.write("Cargo.toml", format!("{text}\n\n{}", tables.trim_start()));
}

pub fn says(outcome: &Outcome, parts: &[&str]) {
    for part in parts {
        assert!(
            outcome.stdout.contains(part) || outcome.stderr.contains(part),
            "`{part}` is not in stdout:\n{}\nstderr:\n{}",
            outcome.stdout,
            outcome.stderr
        );
    }
}

pub const ARN: &str = "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/one-AbCdEf1234";

pub fn listed(names: &[String], next: Option<&str>) -> Answer {
    let runtimes: Vec<Value> = names
        .iter()
        .map(|name| {
            json!({
                "agentRuntimeArn": ARN.replace("one", name), "agentRuntimeId": format!("{name}-AbCdEf1234"),
                "agentRuntimeVersion": "2", "agentRuntimeName": name, "description": "", "lastUpdatedAt": "2026-11-25T12:00:00Z", "status": "READY",
            })
        })
        .collect();
    Answer::json(
        200,
        &json!({ "agentRuntimes": runtimes, "nextToken": next }),
    )
}

pub fn runtime(status: &str, reason: Option<&str>) -> Answer {
    Answer::json(
        200,
        &json!({
            "agentRuntimeArn": ARN, "agentRuntimeId": "one-AbCdEf1234", "agentRuntimeName": "one", "agentRuntimeVersion": "2",
            "createdAt": "2026-11-25T12:00:00Z", "lastUpdatedAt": "2026-11-25T12:00:00Z", "status": status, "failureReason": reason,
            "roleArn": "arn:aws:iam::111122223333:role/AgentCoreRole-one", "networkConfiguration": {"networkMode": "PUBLIC"},
            "lifecycleConfiguration": {"idleRuntimeSessionTimeout": 900, "maxLifetime": 28800},
            "agentRuntimeArtifact": {"codeConfiguration": {"code": {"s3": {"bucket": "b", "prefix": "k"}}, "runtime": "PYTHON_3_13", "entryPoint": ["opentelemetry-instrument", "invoke.py"]}},
        }),
    )
}

pub fn endpoint(status: &str, live: &str, reason: Option<&str>) -> Answer {
    Answer::json(
        200,
        &json!({
            "name": "prod", "id": "prod", "status": status, "liveVersion": live, "targetVersion": "2", "failureReason": reason,
            "agentRuntimeArn": ARN, "agentRuntimeEndpointArn": format!("{ARN}/runtime-endpoint/prod"),
            "createdAt": "2026-11-25T12:00:00Z", "lastUpdatedAt": "2026-11-25T12:00:00Z",
        }),
    )
}

pub fn tags() -> Answer {
    Answer::json(
        200,
        &json!({"tags": {
            "cargo-agentcore:managed": "true", "cargo-agentcore:project": "test-project-7k2qpx",
            "cargo-agentcore:agent": "one", "cargo-agentcore:stage": "-",
        }}),
    )
}

/// An account with a runtime of this project.
pub fn account() -> Script {
    Script::new()
        .identity()
        .always(
            "bedrock-agentcore:ListAgentRuntimes",
            listed(&["one".to_owned()], None),
        )
        .always("bedrock-agentcore:GetAgentRuntime", runtime("READY", None))
        .always("bedrock-agentcore:ListTagsForResource", tags())
        .always(
            "bedrock-agentcore:ListAgentRuntimeVersions",
            listed_versions(),
        )
}

pub fn listed_versions() -> Answer {
    let version = |number: &str| {
        json!({
            "agentRuntimeArn": ARN, "agentRuntimeId": "one-AbCdEf1234", "agentRuntimeVersion": number, "agentRuntimeName": "one",
            "description": "", "lastUpdatedAt": "2026-11-25T12:00:00Z", "status": "READY",
        })
    };
    Answer::json(
        200,
        &json!({ "agentRuntimes": [version("1"), version("2")] }),
    )
}

pub fn at(project: &Project, server: &Scripted, args: &[&str]) -> Outcome {
    let outcome = Cli::new(project).at(&server.url()).args(args).run();
    assert_eq!(server.unexpected(), Vec::<String>::new(), "{outcome:?}");
    outcome
}

pub fn asked(server: &Scripted, action: &str) -> usize {
    let calls = server.recorded();
    calls
        .iter()
        .filter(|call| call.action == action && !call.implied)
        .count()
}
