//! Settings made elsewhere that neither the metadata nor the SDK supports.

use serde_json::{Value, json};

use super::{deploy_json, project_with};
use crate::support::{Cli, Emulator, Fault, Ministack, Project, Proxy, Times};

const GET: &str = "bedrock-agentcore:GetAgentRuntime";
const UPDATE: &str = "bedrock-agentcore:UpdateAgentRuntime";

/// Returns the fields that GetAgentRuntime returns in addition to the emulator's.
fn settings() -> Value {
    json!({
        "hooksConfiguration": { "build": { "warmup": { "httpPost": { "path": "/warm", "port": 8080 } } } },
        "resourceConfigurations": [{ "minimumMemoryInMiB": 4096 }],
        "filesystemConfigurations": [{ "s3BucketMount": { "bucket": "theirs", "mountPath": "/mnt/data" } }],
        "authorizerConfiguration": { "customJWTAuthorizer": {
            "certificateConfigurations": [{ "certificate": { "secret": "arn" } }] } },
        "lifecycleConfiguration": { "futureGrace": 30 },
        "futureSetting": { "deep": [1, { "er": true }] },
        // Returned, but never accepted.
        "workloadIdentityDetails": { "workloadIdentityArn": "arn:w", "futureDetail": 1 },
    })
}

const AUTHORIZER: &str = "authorizer = { discovery-url = \"https://issuer.example/.well-known/openid-configuration\", allowed-clients = [\"c\"] }";

/// Deploys an agent whose runtime has such settings, behind the proxy.
fn deployed() -> (Project, Emulator, Proxy) {
    let emulator = Ministack::start();
    let project = project_with(AUTHORIZER);
    deploy_json(&project, &emulator, &[]);
    let proxy = Proxy::to(&emulator);
    proxy.fault(GET, Times::Always, Fault::Merged(settings()));
    (project, emulator, proxy)
}

fn run(project: &Project, proxy: &Proxy, args: &[&str]) -> crate::support::Outcome {
    Cli::new(project)
        .at(&proxy.url())
        .args(args)
        .run()
        .succeeds()
}

/// Checks that each leaf of the first document is in the second one.
fn assert_contains(part: &Value, whole: &Value, path: &str) {
    match part {
        Value::Object(members) => {
            for (name, value) in members {
                assert_contains(value, &whole[name], &format!("{path}.{name}"));
            }
        }
        _ => assert_eq!(part, whole, "{path}"),
    }
}

#[test]
fn an_update_sends_back_what_nobody_here_knows() {
    let (project, _emulator, proxy) = deployed();
    let unchanged = run(&project, &proxy, &["deploy"]);
    assert!(unchanged.stderr.contains("Unchanged"), "{unchanged:?}");
    assert_eq!(proxy.documents(UPDATE), Vec::<Value>::new());

    project.write("one/more.py", "MORE = 1\n");
    run(&project, &proxy, &["deploy"]);
    let sent = proxy.documents(UPDATE);
    let [sent] = &sent[..] else {
        panic!("one update was sent: {sent:?}")
    };
    let mut expected = settings();
    expected
        .as_object_mut()
        .unwrap()
        .remove("workloadIdentityDetails");
    assert_contains(&expected, sent, "");
    let jwt = &sent["authorizerConfiguration"]["customJWTAuthorizer"];
    assert_eq!(jwt["allowedClients"], json!(["c"]));
    assert_eq!(sent["lifecycleConfiguration"]["maxLifetime"], 28800);
    for shown in [
        "agentRuntimeArn",
        "agentRuntimeId",
        "agentRuntimeName",
        "agentRuntimeVersion",
        "createdAt",
        "failureReason",
        "lastUpdatedAt",
        "status",
        "workloadIdentityDetails",
    ] {
        assert_eq!(sent[shown], Value::Null, "{shown} is not taken");
    }
}

#[test]
fn status_lists_what_was_set_elsewhere() {
    let (project, _emulator, proxy) = deployed();
    let text = run(&project, &proxy, &["status"]).stdout;
    let rows: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("set elsewhere"))
        .take(6)
        .map(|line| line.split_whitespace().last().unwrap())
        .collect();
    let expected = [
        "authorizerConfiguration.customJWTAuthorizer.certificateConfigurations",
        "filesystemConfigurations",
        "futureSetting",
        "hooksConfiguration",
        "lifecycleConfiguration.futureGrace",
        "resourceConfigurations",
    ];
    assert_eq!(rows, expected, "{text}");
    assert!(!text.contains("theirs"), "a value may be a secret: {text}");
    let document = run(&project, &proxy, &["status", "--output", "json"]).json();
    let named = &document["agents"][0]["set_elsewhere"];
    let members: Vec<&str> = named
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["member"].as_str().unwrap())
        .collect();
    assert_eq!(members, expected);
    assert_eq!(named[0].get("value"), None);
    let document = run(&project, &proxy, &["status", "-v", "--output", "json"]).json();
    assert_eq!(
        document["agents"][0]["set_elsewhere"][2]["value"],
        settings()["futureSetting"]
    );
}

#[test]
fn what_the_service_refuses_is_left_out_and_said() {
    let (project, _emulator, proxy) = deployed();
    proxy.fault(
        UPDATE,
        Times::Nth(1),
        Fault::error(400, "ValidationException", "Unknown field: futureSetting"),
    );
    project.write("one/more.py", "MORE = 1\n");
    let done = run(&project, &proxy, &["deploy"]);
    assert!(
        done.stderr
            .contains("the service rejected `futureSetting` of the runtime"),
        "{}",
        done.stderr
    );
    let sent = proxy.documents(UPDATE);
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[1]["futureSetting"], Value::Null);
    assert_eq!(
        sent[1]["hooksConfiguration"],
        settings()["hooksConfiguration"]
    );
    assert_ne!(sent[0]["clientToken"], sent[1]["clientToken"]);

    // A refusal of known fields is reported.
    proxy.forget();
    project.write("one/more.py", "MORE = 2\n");
    proxy.fault(
        UPDATE,
        Times::Always,
        Fault::error(
            400,
            "ValidationException",
            "hooksConfiguration is not supported here",
        ),
    );
    let refused = Cli::new(&project)
        .at(&proxy.url())
        .arg("deploy")
        .run()
        .exits(1);
    assert!(
        refused
            .stderr
            .contains("hooksConfiguration is not supported"),
        "{}",
        refused.stderr
    );
    assert_eq!(proxy.documents(UPDATE).len(), 1);
}

#[test]
fn an_endpoint_that_is_moved_keeps_what_nobody_here_knows() {
    let (project, _emulator, proxy) = deployed();
    let routing = json!({ "futureRouting": { "weights": [90, 10] } });
    let set = |version: &str| {
        run(
            &project,
            &proxy,
            &["endpoint", "set", "prod", "--version", version],
        );
    };
    set("1");
    project.write("one/more.py", "MORE = 1\n");
    run(&project, &proxy, &["deploy"]);
    proxy.fault(
        "bedrock-agentcore:GetAgentRuntimeEndpoint",
        Times::Always,
        Fault::Merged(routing.clone()),
    );
    set("2");
    run(
        &project,
        &proxy,
        &["rollback", "--endpoint", "prod", "--to", "1"],
    );
    let sent = proxy.documents("bedrock-agentcore:UpdateAgentRuntimeEndpoint");
    assert_eq!(sent.len(), 2);
    for (sent, version) in sent.iter().zip(["2", "1"]) {
        assert_eq!(sent["agentRuntimeVersion"], version);
        assert_eq!(sent["futureRouting"], routing["futureRouting"]);
        for shown in ["status", "liveVersion", "targetVersion", "name", "id"] {
            assert_eq!(sent[shown], Value::Null, "{shown} is not taken");
        }
    }
}
