//! `endpoint set`, `endpoint delete` and `rollback`: pinning, rolling back and waiting.

use serde_json::{Value, json};

use crate::support::{
    Answer, Cli, Emulator, Fault, Moto, Project, Proxy, Times,
    runtimes::{ARN, account, asked, at, deploy, endpoint, project, run, running, says, update},
};

const GET: &str = "bedrock-agentcore:GetAgentRuntimeEndpoint";
const UPDATE: &str = "bedrock-agentcore:UpdateAgentRuntimeEndpoint";

/// Returns the version and description of the endpoint `prod`, if it exists.
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
    // An update without a description keeps the old one.
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

/// The emulator stores no tags on endpoints, so the proxy answers with those that were written.
#[test]
fn a_rollback_goes_to_the_version_that_answered_before_and_not_to_one_in_between() {
    const HISTORY: &str = "cargo-agentcore:versions-before";
    let (project, emulator, _) = running();
    let with = |history: &str, words: &[&str]| {
        let proxy = Proxy::to(&emulator);
        let mut tags = json!({
            "cargo-agentcore:managed": "true",
            "cargo-agentcore:project": "test-project-7k2qpx",
            "cargo-agentcore:agent": "one",
            "cargo-agentcore:stage": "-",
        });
        tags[HISTORY] = json!(history);
        for (action, body) in [
            ("ListTagsForResource", json!({ "tags": tags })),
            ("TagResource", json!({})),
        ] {
            let action = format!("bedrock-agentcore:{action}");
            let answer = Fault::Answer(Answer::json(200, &body));
            proxy.fault(&action, Times::Always, answer);
        }
        let outcome = Cli::new(&project).at(&proxy.url()).args(words).run();
        let written = proxy.recorded().into_iter().find_map(|call| {
            let told = call.parameters.get(&format!("tags.{HISTORY}"))?;
            assert!(
                call.resource.ends_with("/runtime-endpoint/prod"),
                "{call:?}"
            );
            assert!(
                call.keys
                    .contains_key("aws:RequestTag/cargo-agentcore:project")
            );
            Some(told.clone())
        });
        (outcome.succeeds(), written)
    };
    run(
        &project,
        &emulator,
        &["endpoint", "set", "prod", "--version", "1"],
    )
    .succeeds();
    let (_, written) = with("", &["endpoint", "set", "prod", "--version", "3"]);
    assert_eq!(written.as_deref(), Some("1"));
    let (back, written) = with("1", &["rollback"]);
    says(
        &back,
        &["Updating endpoint `prod` from version 3 to version 1"],
    );
    assert!(!back.stderr.contains("is not recorded"), "{}", back.stderr);
    assert_eq!(written.as_deref(), Some(""));
    assert_eq!(live(&project, &emulator).unwrap().0, "1");

    // If it is not recorded, a note says so.
    run(&project, &emulator, &["rollback", "--to", "3"]).succeeds();
    let (guessed, _) = with("", &["rollback", "--dry-run"]);
    says(
        &guessed,
        &[
            "the version before 3 is not recorded on `prod`; using version 2, the newest usable one before it",
            "Would update endpoint `prod` from version 3 to version 2",
        ],
    );
}

#[test]
fn an_endpoint_is_deleted_only_with_a_yes() {
    let (project, emulator, id) = running();
    let set = set("3", &[]);
    Cli::new(&project).on(&emulator).args(set).run().succeeds();
    says(
        &run(&project, &emulator, &["endpoint", "delete", "prod"]).exits(2),
        &[
            "cannot ask for confirmation to delete the endpoint `prod` without a terminal",
            "nothing was deleted",
            "--yes",
        ],
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
            &format!(
                "`cargo agentcore endpoint set prod --endpoint-url {} --version N`",
                emulator.url()
            ),
        ],
    );
}

#[test]
fn an_endpoint_that_never_gets_ready_is_given_up_on_and_the_reason_said() {
    // moto leaves an updated endpoint in UPDATING, and loses a runtime's tags with each update.
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
fn a_slow_endpoint_is_waited_for_until_the_version_itself_answers() {
    let server = account()
        // Another user's change is in progress, then ours; READY alone is not enough.
        .then(GET, endpoint("UPDATING", "1", None))
        .then(GET, endpoint("READY", "1", None))
        .then(
            "bedrock-agentcore:TagResource",
            Answer::json(200, &json!({})),
        )
        .then(UPDATE, updated())
        .then(GET, endpoint("READY", "1", None))
        .then(GET, endpoint("UPDATING", "1", None))
        .then(GET, endpoint("READY", "2", None))
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
            "Waiting for the pending change of endpoint `prod` (UPDATING",
            "Waiting for endpoint `prod` to answer with version 2",
            "Ready endpoint `prod` answers with version 2",
        ],
    );
    assert_eq!(asked(&server, GET), 5);
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
        .then(GET, endpoint("READY", "1", None))
        .errors(
            "bedrock-agentcore:TagResource",
            1,
            400,
            "ValidationException",
            "not on endpoints",
        )
        // Once more, because an update must send everything back.
        .then(GET, endpoint("READY", "1", None))
        .then(UPDATE, updated())
        .then(
            GET,
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
        &[
            "warning: could not record on the endpoint `prod` which version it answers with",
            "it is UPDATE_FAILED",
            "note: the image is gone",
        ],
    );
}

#[test]
fn a_deleted_endpoint_is_waited_for_until_it_is_gone() {
    let server = account()
        .then(GET, endpoint("READY", "1", None))
        .always(
            "bedrock-agentcore:DeleteAgentRuntimeEndpoint",
            Answer::json(202, &json!({"status": "DELETING"})),
        )
        .then(GET, endpoint("DELETING", "1", None))
        .errors(GET, 1, 404, "ResourceNotFoundException", "gone")
        .start();
    says(
        &at(
            &project(),
            &server,
            &["endpoint", "delete", "prod", "--yes"],
        )
        .succeeds(),
        &[
            "Waiting for endpoint `prod` to be deleted (DELETING",
            "Deleted endpoint `prod`",
        ],
    );
}
