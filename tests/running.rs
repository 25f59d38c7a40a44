//! What is done with a runtime that is there: `status`, `versions`, `endpoint`, `rollback`. Runtimes are
//! made with boto3; a scripted server shows what no emulator does: slowness, failures, pages.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

mod support;

use serde_json::{Value, json};
use support::{
    Answer, Cli, Emulator, Ministack, Moto, Project, Script, boto3,
    runtimes::{
        ARN, TAGS, account, asked, at, deploy, endpoint, listed, project, run, running, runtime,
        says, tags, update,
    },
};

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
            "is configured as it is deployed",
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

/// Version and description of the endpoint `prod`, where there is one.
fn live(project: &Project, emulator: &Emulator) -> Option<(Value, Value)> {
    let listed = run(project, emulator, &["endpoint", "list", "--output", "json"]).succeeds();
    let document = listed.json();
    let endpoints = document["agents"][0]["endpoints"].as_array().unwrap();
    let prod = endpoints
        .iter()
        .find(|endpoint| endpoint["name"] == "prod")?;
    Some((prod["live_version"].clone(), prod["description"].clone()))
}

fn set(version: &str, further: &[&str]) -> Vec<String> {
    let words = ["endpoint", "set", "prod", "--version", version];
    words
        .iter()
        .chain(further)
        .map(|&word| word.to_owned())
        .collect()
}

#[test]
fn an_endpoint_is_made_moved_and_left_alone_where_it_is_right() {
    let (project, emulator, _) = running();
    let set = |version, further: &[&str]| {
        Cli::new(&project)
            .on(&emulator)
            .args(set(version, further))
            .run()
    };
    says(
        &set("3", &["--dry-run"]).succeeds(),
        &["Would create endpoint `prod` at version 3"],
    );
    assert_eq!(
        set("3", &["--dry-run", "-q"]).succeeds().stderr,
        "       Would create endpoint `prod` at version 3\n",
        "the plan is what was asked for"
    );
    set("3", &["--check"]).exits(5);
    assert_eq!(live(&project, &emulator), None);
    says(
        &set("2", &["--description", "for callers"]).succeeds(),
        &[
            "Creating endpoint `prod` at version 2",
            "Ready endpoint `prod` answers with version 2",
        ],
    );
    let moved = set("3", &["--output", "json"]).succeeds();
    says(
        &moved,
        &["Updating endpoint `prod` from version 2 to version 3"],
    );
    let moved = moved.json();
    assert_eq!(
        (&moved["before"], &moved["after"], &moved["changed"]),
        (&json!("2"), &json!("3"), &json!(true))
    );
    // The description outlives an update that does not name one.
    assert_eq!(
        live(&project, &emulator),
        Some((json!("3"), json!("for callers")))
    );
    says(
        &set("3", &["--check"]).succeeds(),
        &["Unchanged endpoint `prod` is at version 3"],
    );
    says(
        &set("9", &[]).exits(1),
        &["the runtime has no version 9", "it has versions 1 to 3"],
    );
}

#[test]
fn a_rollback_goes_down_version_by_version_or_to_the_one_that_is_named() {
    let (project, emulator, _) = running();
    let set = set("3", &[]);
    Cli::new(&project).on(&emulator).args(set).run().succeeds();
    says(
        &run(&project, &emulator, &["rollback", "--dry-run"]).succeeds(),
        &["Would update endpoint `prod` from version 3 to version 2"],
    );
    assert_eq!(
        run(&project, &emulator, &["rollback", "-n", "-q"])
            .succeeds()
            .stderr,
        "       Would update endpoint `prod` from version 3 to version 2\n"
    );
    run(&project, &emulator, &["rollback"]).succeeds();
    assert_eq!(live(&project, &emulator).unwrap().0, "2");
    run(&project, &emulator, &["rollback", "--endpoint", "prod"]).succeeds();
    assert_eq!(live(&project, &emulator).unwrap().0, "1");
    says(
        &run(&project, &emulator, &["rollback"]).exits(1),
        &["the endpoint `prod` is at version 1, and no older version can be used"],
    );
    run(&project, &emulator, &["rollback", "--to", "3"]).succeeds();
    assert_eq!(live(&project, &emulator).unwrap().0, "3");
    says(
        &run(&project, &emulator, &["rollback", "--endpoint", "test"]).exits(1),
        &["has no endpoint `test`"],
    );
}

#[test]
fn an_endpoint_is_deleted_only_with_a_yes() {
    let (project, emulator, id) = running();
    let set = set("3", &[]);
    Cli::new(&project).on(&emulator).args(set).run().succeeds();
    says(
        &run(&project, &emulator, &["endpoint", "delete", "prod"]).exits(2),
        &["nothing was deleted", "--yes"],
    );
    let quiet = ["endpoint", "delete", "prod", "-n", "-q"];
    assert_eq!(
        run(&project, &emulator, &quiet).succeeds().stderr,
        format!("       Would delete endpoint `prod` (version 3) of runtime `{id}`\n")
    );
    run(
        &project,
        &emulator,
        &["endpoint", "delete", "prod", "--dry-run"],
    )
    .succeeds();
    assert!(live(&project, &emulator).is_some());
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
    assert_eq!(live(&project, &emulator), None);
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
