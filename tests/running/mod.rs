//! Commands for existing runtimes: `status`, `versions`, `endpoint`, `rollback`. The runtimes are
//! created with boto3; a scripted server supplies what no emulator has: slowness, failures, pages.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

mod account;
mod declared;
mod endpoint_commands;
mod gateways;
mod memories;
mod status_of_code;
mod status_of_role;

use crate::support::{
    self, Answer, Cli, Emulator, Ministack, Moto, Project, Script, boto3,
    runtimes::{
        ARN, TAGS, asked, at, deploy, endpoint, listed, project, run, running, runtime, says, tags,
    },
};
use serde_json::json;

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

    let id = deploy(
        &emulator,
        "AgentCoreRole-one",
        r#"environmentVariables={"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "DOCKER_CONTAINER": "1"},"#,
    );
    let agent = state(&emulator);
    assert_eq!(agent["state"], "deployed");
    assert_eq!(agent["runtime"]["id"], id);
    assert_eq!(agent["runtime"]["status"], "READY");
    assert_eq!(agent["ours"], true);
    // Nothing was built here, so the code cannot be compared.
    assert_eq!(agent["equal"], json!(null), "{agent}");
    assert_eq!(agent["code"], "unknown");
    assert_eq!(agent["artifact"]["stored"], json!(null), "another's bucket");
    assert_eq!(agent["endpoints"][0]["name"], "DEFAULT");
    assert_eq!(agent["endpoints"][0]["live_version"], "1");
    assert_eq!(agent["artifact"]["key"], "one/1.zip");
    let url = agent["url"].as_str().unwrap();
    assert!(url.starts_with(&emulator.url()) && url.ends_with("/invocations?qualifier=DEFAULT"));
    let by_variable = Cli::new(&project)
        .on(&emulator)
        .without_env("CARGO_AGENTCORE_ENDPOINT_URL")
        .env("AWS_ENDPOINT_URL", emulator.url())
        .args(["status", "--output", "json"])
        .run()
        .succeeds();
    assert_eq!(by_variable.json()["agents"][0]["url"], url);
    let text = run(&project, &emulator, &["status"]).succeeds();
    says(
        &text,
        &[
            "one\n  state",
            "READY",
            "s3://b/one/1.zip",
            "invoke.py on PYTHON_3_13",
            "none: the agent does not run under `opentelemetry-instrument`",
            &format!("/aws/bedrock-agentcore/runtimes/{id}-DEFAULT"),
            "matches the deployed configuration",
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
    assert!(!status.stdout.contains("secret-"), "{}", status.stdout);
    assert!(
        !status.stdout.contains("env.AWS_REGION"),
        "{}",
        status.stdout
    );
    let document = run(&project, &emulator, &["status", "--output", "json"]).succeeds();
    assert!(!document.stdout.contains("secret-"), "{}", document.stdout);
    assert_eq!(document.json()["agents"][0]["equal"], false);
    says(
        &run(&project, &emulator, &["status", "-v"]).succeeds(),
        &["env.TOKEN: secret-there -> secret-here"],
    );
}

#[test]
fn versions_are_listed_newest_first_with_who_answers_with_them() {
    let (project, emulator, _) = running();
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
    let limited = ["versions", "--limit", "1", "--output", "json"];
    let limited = run(&project, &emulator, &limited).succeeds();
    assert_eq!(
        limited.json()["agents"][0]["versions"][0]["artifact"]["key"],
        "one/3.zip"
    );
    assert_eq!(limited.json()["agents"][0]["not_shown"], 2);
    says(&limited, &["2 older versions are not shown"]);
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
                "does not use its role",
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
            &format!(
                "`cargo agentcore deploy --agent two --endpoint-url {}` deploys it",
                emulator.url()
            ),
        ],
    );
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
        .errors("iam:GetRole", 2, 404, "NoSuchEntity", "none")
        .errors("iam:ListRolePolicies", 2, 404, "NoSuchEntity", "none")
        .errors("iam:GetRolePolicy", 2, 404, "NoSuchEntity", "none")
        // To find the project's other runtimes.
        .errors("s3:ListBucketVersions", 1, 404, "NoSuchBucket", "none")
        .start();
    let project = project().agent("two");
    let status = at(&project, &server, &["status", "--output", "json"]).succeeds();
    let agents = status.json()["agents"].clone();
    assert_eq!(
        (&agents[0]["state"], &agents[0]["equal"]),
        (&json!("deployed"), &json!(false))
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
        .errors("iam:GetRole", 1, 404, "NoSuchEntity", "none")
        .errors("iam:ListRolePolicies", 1, 404, "NoSuchEntity", "none")
        .errors("iam:GetRolePolicy", 1, 404, "NoSuchEntity", "none")
        .start();
    says(
        &at(&project(), &server, &["status"]).succeeds(),
        &[
            "UPDATE_FAILED: The specified entrypoint could not be found",
            "version 1 -> 2  UPDATE_FAILED  no capacity",
            "#gen-ai-observability/agent-core",
        ],
    );
}
