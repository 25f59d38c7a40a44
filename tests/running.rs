//! What is done with a runtime that is there: `status`, `logs`, `versions`, `endpoint`, `rollback`.
//! Runtimes are made with boto3; a scripted server shows what no emulator does: slowness, failures,
//! pages, events that come late or twice.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use support::{Answer, Cli, Emulator, Ministack, Moto, Outcome, Project, Script, Scripted, boto3};

/// A runtime `one`, with the given further arguments of the call.
fn deploy(emulator: &Emulator, role: &str, further: &str) -> String {
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

/// Makes versions 2 up to `to`, each with an archive of its own.
fn update(emulator: &Emulator, id: &str, to: u32) {
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

const TAGS: &str = r#"tags={"cargo-agentcore:managed": "true", "cargo-agentcore:project": "test-project-7k2qpx", "cargo-agentcore:agent": "one", "cargo-agentcore:stage": "-"},"#;

fn project() -> Project {
    Project::new()
        .metadata("region = \"us-east-1\"")
        .agent("one")
}

fn run(project: &Project, emulator: &Emulator, args: &[&str]) -> Outcome {
    Cli::new(project).on(emulator).args(args).run()
}

/// A deployed agent of ours with three versions.
fn running() -> (Project, Emulator, String) {
    let emulator = Ministack::start();
    let project = project();
    run(&project, &emulator, &["prepare"]).succeeds();
    let id = deploy(&emulator, "AgentCoreRole-one", "");
    update(&emulator, &id, 3);
    (project, emulator, id)
}

fn says(outcome: &Outcome, parts: &[&str]) {
    for part in parts {
        assert!(
            outcome.stdout.contains(part) || outcome.stderr.contains(part),
            "`{part}` is not in stdout:\n{}\nstderr:\n{}",
            outcome.stdout,
            outcome.stderr
        );
    }
}

#[test]
fn status_knows_what_is_not_prepared_not_deployed_and_deployed() {
    let emulator = Ministack::start();
    let project = project();
    let state = |emulator: &Emulator| {
        let status = run(&project, emulator, &["status", "--output", "json"]).succeeds();
        let document = status.json();
        assert_eq!(
            (&document["version"], &document["command"]),
            (&json!(1), &json!("status"))
        );
        document["agents"][0].clone()
    };
    assert_eq!(state(&emulator)["state"], "not-prepared");
    says(
        &run(&project, &emulator, &["status"]).succeeds(),
        &["one\n  state  not deployed, and no execution role is prepared"],
    );
    run(&project, &emulator, &["prepare"]).succeeds();
    assert_eq!(state(&emulator)["state"], "not-deployed");

    let id = deploy(&emulator, "AgentCoreRole-one", "");
    let agent = state(&emulator);
    assert_eq!(agent["state"], "deployed");
    assert_eq!(agent["runtime"]["id"], id);
    assert_eq!(agent["runtime"]["status"], "READY");
    assert_eq!(agent["ours"], true);
    assert_eq!(agent["equal"], true, "{agent}");
    assert_eq!(agent["endpoints"][0]["name"], "DEFAULT");
    assert_eq!(agent["endpoints"][0]["live_version"], "1");
    assert_eq!(agent["artifact"]["key"], "one/1.zip");
    let url = agent["url"].as_str().unwrap();
    assert!(url.starts_with(&emulator.url()) && url.ends_with("/invocations?qualifier=DEFAULT"));
    let text = run(&project, &emulator, &["status"]).succeeds();
    says(
        &text,
        &[
            "one\n  state",
            "READY",
            "s3://b/one/1.zip",
            "invoke.py on PYTHON_3_13",
            "#gen-ai-observability/agent-core",
            &format!("/aws/bedrock-agentcore/runtimes/{id}-DEFAULT"),
            "the configuration here is what is deployed",
        ],
    );
}

#[test]
fn status_names_each_difference_and_hides_the_values_of_variables() {
    let emulator = Ministack::start();
    let project = Project::new().metadata("region = \"us-east-1\"").agent_with(
        "one",
        "runtime = \"python3.12\"\ndescription = \"new\"\nlifecycle = { idle-timeout = 600 }\nenv = { TOKEN = \"secret-here\" }",
    );
    run(&project, &emulator, &["prepare"]).succeeds();
    deploy(
        &emulator,
        "AgentCoreRole-one",
        r#"description="old", environmentVariables={"TOKEN": "secret-there", "AWS_REGION": "us-east-1"},"#,
    );
    let status = run(&project, &emulator, &["status"]).succeeds();
    says(
        &status,
        &[
            "here differs",
            "runtime: PYTHON_3_13 -> PYTHON_3_12",
            "description: old -> new",
            "env.TOKEN: changed",
            "lifecycle.idle-timeout: 900 -> 600",
        ],
    );
    assert!(!status.stdout.contains("secret"), "{}", status.stdout);
    assert!(
        !status.stdout.contains("env.AWS_REGION"),
        "{}",
        status.stdout
    );
    let document = run(&project, &emulator, &["status", "--output", "json"]).succeeds();
    assert!(!document.stdout.contains("secret"), "{}", document.stdout);
    assert_eq!(document.json()["agents"][0]["equal"], false);
    says(
        &run(&project, &emulator, &["status", "-v"]).succeeds(),
        &["env.TOKEN: secret-there -> secret-here"],
    );
}

#[test]
fn versions_endpoints_and_rollback_go_together() {
    let (project, emulator, id) = running();
    let versions = run(&project, &emulator, &["versions"]).succeeds();
    let lines: Vec<&str> = versions.stdout.lines().collect();
    assert!(
        lines[0].starts_with("VERSION  STATUS  CREATED"),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("3        READY") && lines[1].contains("DEFAULT"),
        "{lines:?}"
    );
    assert!(
        lines[3].starts_with("1        READY") && lines[3].ends_with("s3://b/one/1.zip"),
        "{lines:?}"
    );
    let limited = run(
        &project,
        &emulator,
        &["versions", "--limit", "1", "--output", "json"],
    )
    .succeeds();
    assert_eq!(
        limited.json()["agents"][0]["versions"][0]["artifact"]["key"],
        "one/3.zip"
    );
    says(&limited, &["2 older versions are not shown"]);

    let live = || {
        let listed = run(
            &project,
            &emulator,
            &["endpoint", "list", "--output", "json"],
        )
        .succeeds();
        let document = listed.json();
        let endpoints = document["agents"][0]["endpoints"]
            .as_array()
            .unwrap()
            .clone();
        endpoints
            .iter()
            .find(|endpoint| endpoint["name"] == "prod")
            .map(|endpoint| {
                (
                    endpoint["live_version"].clone(),
                    endpoint["description"].clone(),
                )
            })
    };
    let set = ["endpoint", "set", "prod", "--version"];
    let dry = run(
        &project,
        &emulator,
        &[&set[..], &["3", "--dry-run"]].concat(),
    )
    .succeeds();
    says(&dry, &["Would create endpoint `prod` at version 3"]);
    run(&project, &emulator, &[&set[..], &["3", "--check"]].concat()).exits(5);
    assert_eq!(live(), None);

    let described = [&set[..], &["2", "--description", "for callers"]].concat();
    says(
        &run(&project, &emulator, &described).succeeds(),
        &[
            "Creating endpoint `prod` at version 2",
            "Ready endpoint `prod` answers with version 2",
        ],
    );
    let moved = run(
        &project,
        &emulator,
        &[&set[..], &["3", "--output", "json"]].concat(),
    )
    .succeeds();
    says(
        &moved,
        &["Updating endpoint `prod` from version 2 to version 3"],
    );
    let moved = moved.json();
    assert_eq!(
        (&moved["before"], &moved["after"], &moved["changed"]),
        (&json!(2), &json!(3), &json!(true))
    );
    // The description outlives an update that does not name one.
    assert_eq!(live(), Some((json!("3"), json!("for callers"))));
    says(
        &run(&project, &emulator, &[&set[..], &["3", "--check"]].concat()).succeeds(),
        &["Unchanged endpoint `prod` is at version 3"],
    );
    says(
        &run(&project, &emulator, &[&set[..], &["9"]].concat()).exits(1),
        &["the runtime has no version 9", "it has versions 1 to 3"],
    );

    says(
        &run(&project, &emulator, &["rollback", "--dry-run"]).succeeds(),
        &["Would update endpoint `prod` from version 3 to version 2"],
    );
    run(&project, &emulator, &["rollback"]).succeeds();
    assert_eq!(live().unwrap().0, "2");
    run(&project, &emulator, &["rollback", "--endpoint", "prod"]).succeeds();
    assert_eq!(live().unwrap().0, "1");
    says(
        &run(&project, &emulator, &["rollback"]).exits(1),
        &["the endpoint `prod` is at version 1, and no older version can be used"],
    );
    run(&project, &emulator, &["rollback", "--to", "3"]).succeeds();
    assert_eq!(live().unwrap().0, "3");

    says(
        &run(&project, &emulator, &["endpoint", "delete", "prod"]).exits(2),
        &["nothing was deleted", "--yes"],
    );
    run(
        &project,
        &emulator,
        &["endpoint", "delete", "prod", "--dry-run"],
    )
    .succeeds();
    assert!(live().is_some());
    says(
        &run(
            &project,
            &emulator,
            &["endpoint", "delete", "prod", "--yes"],
        )
        .succeeds(),
        &[&format!(
            "Deleted endpoint `prod` (version 3) of runtime `{id}`"
        )],
    );
    assert_eq!(live(), None);
    says(
        &run(
            &project,
            &emulator,
            &["endpoint", "delete", "prod", "--yes"],
        )
        .succeeds(),
        &["Nothing to delete: there is no endpoint `prod`"],
    );
}

#[test]
fn the_default_endpoint_is_left_to_the_service_and_the_way_out_is_named() {
    let (project, emulator, _) = running();
    for (args, what) in [
        (
            &["endpoint", "set", "DEFAULT", "--version", "1"][..],
            "cannot be pinned to a version",
        ),
        (
            &["endpoint", "delete", "DEFAULT", "--yes"],
            "cannot be deleted",
        ),
        (
            &["rollback", "--endpoint", "DEFAULT"],
            "cannot be taken back",
        ),
    ] {
        says(&run(&project, &emulator, args).exits(2), &[what, "help:"]);
    }
    says(
        &run(&project, &emulator, &["rollback"]).exits(1),
        &[
            "always follows the newest version",
            "endpoint set prod --version N",
        ],
    );
}

#[test]
fn what_is_not_provably_ours_is_shown_and_never_written() {
    let emulator = Ministack::start();
    let project = project();
    run(&project, &emulator, &["prepare"]).succeeds();
    deploy(&emulator, "SomebodyElses", "");
    let status = run(&project, &emulator, &["status", "--output", "json"]).succeeds();
    assert_eq!(status.json()["agents"][0]["ours"], false);
    says(&status, &["is not provably this project's"]);
    for args in [
        &["endpoint", "set", "prod", "--version", "1"][..],
        &["endpoint", "delete", "prod", "--yes"],
        &["rollback", "--endpoint", "prod"],
    ] {
        says(
            &run(&project, &emulator, args).exits(1),
            &[
                "is not provably this project's",
                "does not use our role",
                "nothing was changed",
            ],
        );
    }
    let endpoints = run(&project, &emulator, &["endpoint", "list"]).succeeds();
    assert_eq!(endpoints.stdout.lines().count(), 1, "{}", endpoints.stdout);
}

#[test]
fn tags_prove_a_runtime_and_another_projects_tags_refute_it() {
    let emulator = Moto::start();
    let project = project();
    let id = deploy(&emulator, "AnyRole", TAGS);
    let set = ["endpoint", "set", "prod", "--version", "1"];
    run(&project, &emulator, &set).succeeds();
    let tags = boto3(
        &emulator,
        &format!(
            "control = client(\"bedrock-agentcore-control\")\narn = control.list_agent_runtime_endpoints(agentRuntimeId=\"{id}\")[\"runtimeEndpoints\"][0][\"agentRuntimeEndpointArn\"]\nprint(control.list_tags_for_resource(resourceArn=arn)[\"tags\"][\"cargo-agentcore:project\"])"
        ),
    );
    assert_eq!(tags.trim(), "test-project-7k2qpx");

    let other = Moto::start();
    deploy(
        &other,
        "AgentCoreRole-one",
        &TAGS.replace("test-project-7k2qpx", "another"),
    );
    says(
        &run(&project, &other, &set).exits(1),
        &["its tags say project `another`"],
    );
    deploy(&other, "AgentCoreRole-one", "");
    says(
        &run(&project, &other, &["status"]).exits(1),
        &["several runtimes are called `one`"],
    );
}

#[test]
fn an_endpoint_that_never_gets_ready_is_given_up_on_and_the_reason_said() {
    // moto leaves an updated endpoint UPDATING, and loses a runtime's tags with each update.
    let emulator = Moto::start();
    let project = project();
    run(&project, &emulator, &["prepare"]).succeeds();
    let id = deploy(&emulator, "AgentCoreRole-one", "");
    run(
        &project,
        &emulator,
        &["endpoint", "set", "prod", "--version", "1"],
    )
    .succeeds();
    update(&emulator, &id, 2);
    let set = [
        "endpoint",
        "set",
        "prod",
        "--version",
        "2",
        "--timeout",
        "2s",
    ];
    says(
        &run(&project, &emulator, &set).exits(1),
        &[
            "Waiting for endpoint `prod` to answer with version 2 (UPDATING",
            "at most until",
            "it is still UPDATING",
        ],
    );
}

#[test]
fn commands_about_one_agent_ask_which() {
    let project = project().agent("two");
    let emulator = Ministack::start();
    for args in [
        &["endpoint", "set", "prod", "--version", "1"][..],
        &["rollback"],
        &["logs"],
    ] {
        says(
            &run(&project, &emulator, args).exits(2),
            &["`one`, `two`", "--agent"],
        );
    }
    says(
        &run(&project, &emulator, &["logs", "--agent", "two"]).exits(1),
        &[
            "the agent `two` is not deployed in us-east-1",
            "cargo agentcore deploy",
        ],
    );
}

/// Lines of an endpoint: seconds before now, stream, message.
fn print_lines(emulator: &Emulator, id: &str, lines: &[(i64, &str, String)]) {
    let mut script = format!(
        "import time\nlogs = client(\"logs\")\ngroup = \"/aws/bedrock-agentcore/runtimes/{id}-DEFAULT\"\nnow = int(time.time() * 1000)\ndef put(ago, stream, message):\n    for call, named in ((logs.create_log_group, {{}}), (logs.create_log_stream, {{\"logStreamName\": stream}})):\n        try:\n            call(logGroupName=group, **named)\n        except logs.exceptions.ResourceAlreadyExistsException:\n            pass\n    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[{{\"timestamp\": now - ago * 1000, \"message\": message}}])\n"
    );
    for (ago, stream, message) in lines {
        script.push_str(&format!("put({ago}, {stream:?}, {message:?})\n"));
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
        &["nothing was printed since", "--since 1d"],
    );
    run(&project, &emulator, &["logs", "--since", "yesterday"]).exits(2);
    run(&project, &emulator, &["logs", "--session", "short"]).exits(2);
}

#[cfg(unix)]
fn interrupt(running: &support::Running) {
    let id = rustix::process::Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
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
    // Earlier than what was shown, and twice the same.
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

// What follows is answered by a script.

const ARN: &str = "arn:aws:bedrock-agentcore:us-east-1:111122223333:runtime/one-AbCdEf1234";

fn listed(names: &[String], next: Option<&str>) -> Answer {
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

fn runtime(status: &str, reason: Option<&str>) -> Answer {
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

fn endpoint(status: &str, live: &str, reason: Option<&str>) -> Answer {
    Answer::json(
        200,
        &json!({
            "name": "prod", "id": "prod", "status": status, "liveVersion": live, "targetVersion": "2", "failureReason": reason,
            "agentRuntimeArn": ARN, "agentRuntimeEndpointArn": format!("{ARN}/runtime-endpoint/prod"),
            "createdAt": "2026-11-25T12:00:00Z", "lastUpdatedAt": "2026-11-25T12:00:00Z",
        }),
    )
}

fn tags() -> Answer {
    Answer::json(
        200,
        &json!({"tags": {
            "cargo-agentcore:managed": "true", "cargo-agentcore:project": "test-project-7k2qpx",
            "cargo-agentcore:agent": "one", "cargo-agentcore:stage": "-",
        }}),
    )
}

/// An account with a runtime of ours.
fn account() -> Script {
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

fn listed_versions() -> Answer {
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

fn at(project: &Project, server: &Scripted, args: &[&str]) -> Outcome {
    let outcome = Cli::new(project).at(&server.url()).args(args).run();
    assert_eq!(server.unexpected(), Vec::<String>::new(), "{outcome:?}");
    outcome
}

fn asked(server: &Scripted, action: &str) -> usize {
    let calls = server.recorded();
    calls.iter().filter(|call| call.action == action).count()
}

#[test]
fn a_runtime_on_the_last_of_many_pages_is_found_with_one_reading_for_all_agents() {
    let names: Vec<String> = (0..299).map(|n| format!("other_{n}")).collect();
    let mut last = names[200..].to_vec();
    last.push("one".to_owned());
    let server = Script::new()
        .identity()
        .then(
            "bedrock-agentcore:ListAgentRuntimes",
            listed(&names[..100], Some("a")),
        )
        .then(
            "bedrock-agentcore:ListAgentRuntimes",
            listed(&names[100..200], Some("b")),
        )
        .then("bedrock-agentcore:ListAgentRuntimes", listed(&last, None))
        .always("bedrock-agentcore:GetAgentRuntime", runtime("READY", None))
        .always("bedrock-agentcore:ListTagsForResource", tags())
        .always(
            "bedrock-agentcore:ListAgentRuntimeEndpoints",
            Answer::json(200, &json!({"runtimeEndpoints": []})),
        )
        .errors("iam:GetRole", 1, 404, "NoSuchEntity", "none")
        .start();
    let project = project().agent("two");
    let status = at(&project, &server, &["status", "--output", "json"]).succeeds();
    let agents = status.json()["agents"].clone();
    assert_eq!(
        (&agents[0]["state"], &agents[0]["equal"]),
        (&json!("deployed"), &json!(true))
    );
    assert_eq!(agents[1]["state"], "not-prepared");
    assert_eq!(asked(&server, "bedrock-agentcore:ListAgentRuntimes"), 3);
}

#[test]
fn a_failed_runtime_and_a_failed_endpoint_show_their_reasons() {
    let failed = json!({"runtimeEndpoints": [{
        "name": "prod", "id": "prod", "status": "UPDATE_FAILED", "liveVersion": "1", "targetVersion": "2",
        "agentRuntimeArn": ARN, "agentRuntimeEndpointArn": format!("{ARN}/runtime-endpoint/prod"),
        "createdAt": "2026-11-25T12:00:00Z", "lastUpdatedAt": "2026-11-25T12:00:00Z",
    }]});
    let server = Script::new()
        .identity()
        .always(
            "bedrock-agentcore:ListAgentRuntimes",
            listed(&["one".to_owned()], None),
        )
        .always(
            "bedrock-agentcore:GetAgentRuntime",
            runtime(
                "UPDATE_FAILED",
                Some("The specified entrypoint could not be found"),
            ),
        )
        .always("bedrock-agentcore:ListTagsForResource", tags())
        .always(
            "bedrock-agentcore:ListAgentRuntimeEndpoints",
            Answer::json(200, &failed),
        )
        .always(
            "bedrock-agentcore:GetAgentRuntimeEndpoint",
            endpoint("UPDATE_FAILED", "1", Some("no capacity")),
        )
        .start();
    says(
        &at(&project(), &server, &["status"]).succeeds(),
        &[
            "UPDATE_FAILED: The specified entrypoint could not be found",
            "version 1 -> 2  UPDATE_FAILED  no capacity",
        ],
    );
}

#[test]
fn a_slow_endpoint_is_waited_for_until_the_version_itself_answers() {
    let server = account()
        // Somebody else's change is under way, then ours; READY alone is not enough.
        .then(
            "bedrock-agentcore:GetAgentRuntimeEndpoint",
            endpoint("UPDATING", "1", None),
        )
        .then(
            "bedrock-agentcore:GetAgentRuntimeEndpoint",
            endpoint("READY", "1", None),
        )
        .then("bedrock-agentcore:UpdateAgentRuntimeEndpoint", updated())
        .then(
            "bedrock-agentcore:GetAgentRuntimeEndpoint",
            endpoint("READY", "1", None),
        )
        .then(
            "bedrock-agentcore:GetAgentRuntimeEndpoint",
            endpoint("UPDATING", "1", None),
        )
        .then(
            "bedrock-agentcore:GetAgentRuntimeEndpoint",
            endpoint("READY", "2", None),
        )
        .start();
    let set = at(
        &project(),
        &server,
        &["endpoint", "set", "prod", "--version", "2"],
    )
    .succeeds();
    says(
        &set,
        &[
            "Waiting for the change of endpoint `prod` that is under way (UPDATING",
            "Waiting for endpoint `prod` to answer with version 2",
            "Ready endpoint `prod` answers with version 2",
        ],
    );
    assert_eq!(
        asked(&server, "bedrock-agentcore:GetAgentRuntimeEndpoint"),
        5
    );
}

fn updated() -> Answer {
    Answer::json(
        202,
        &json!({
            "liveVersion": "1", "targetVersion": "2", "agentRuntimeEndpointArn": format!("{ARN}/runtime-endpoint/prod"), "agentRuntimeArn": ARN,
            "status": "UPDATING", "createdAt": "2026-11-25T12:00:00Z", "lastUpdatedAt": "2026-11-25T12:00:00Z",
        }),
    )
}

#[test]
fn an_endpoint_whose_update_fails_ends_with_the_services_reason() {
    let server = account()
        .then(
            "bedrock-agentcore:GetAgentRuntimeEndpoint",
            endpoint("READY", "1", None),
        )
        .then("bedrock-agentcore:UpdateAgentRuntimeEndpoint", updated())
        .then(
            "bedrock-agentcore:GetAgentRuntimeEndpoint",
            endpoint("UPDATE_FAILED", "1", Some("the image is gone")),
        )
        .start();
    says(
        &at(
            &project(),
            &server,
            &["endpoint", "set", "prod", "--version", "2"],
        )
        .exits(1),
        &["it is UPDATE_FAILED", "note: the image is gone"],
    );
}

#[test]
fn a_deleted_endpoint_is_waited_for_until_it_is_gone() {
    let server = account()
        .then(
            "bedrock-agentcore:GetAgentRuntimeEndpoint",
            endpoint("READY", "1", None),
        )
        .always(
            "bedrock-agentcore:DeleteAgentRuntimeEndpoint",
            Answer::json(202, &json!({"status": "DELETING"})),
        )
        .then(
            "bedrock-agentcore:GetAgentRuntimeEndpoint",
            endpoint("DELETING", "1", None),
        )
        .errors(
            "bedrock-agentcore:GetAgentRuntimeEndpoint",
            1,
            404,
            "ResourceNotFoundException",
            "gone",
        )
        .start();
    says(
        &at(
            &project(),
            &server,
            &["endpoint", "delete", "prod", "--yes"],
        )
        .succeeds(),
        &[
            "Waiting for endpoint `prod` to go (DELETING",
            "Deleted endpoint `prod`",
        ],
    );
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
        // The overlap again, with one that came late, and one of the same time.
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
    // Three more readings after the one that brings the last line.
    while asked(&server, filter) < 14 && begun.elapsed() < Duration::from_secs(60) {
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
