//! The keys for members of the service's document, and `runtime-settings` for its other members.

use serde_json::{Value, json};

use super::project_with;
use crate::support::{Cli, Emulator, Fault, Ministack, Moto, Outcome, Project, Proxy, Times};

const CREATE: &str = "bedrock-agentcore:CreateAgentRuntime";
const GET: &str = "bedrock-agentcore:GetAgentRuntime";
const UPDATE: &str = "bedrock-agentcore:UpdateAgentRuntime";

const KEYS: &str = r#"
platform-version = "v2"
server = { port = 9001, path = "/chat" }
warm-up = { path = "/warm-up" }
allowed-ports = [8090, "9100-9110"]
minimum-memory = 4096
file-systems = [
    { session-storage = "/mnt/work" },
    { s3-bucket = "models", mount = "/mnt/models", prefix = "v1/" },
    { efs = "arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-0123456789abcdef0", mount = "/mnt/shared" },
]
network = { subnets = ["subnet-0123456789abcdef0"], security-groups = ["sg-0123456789abcdef0"] }
runtime-settings = { futureConfiguration = { level = 3, tags = ["a"] }, authorizerConfiguration.customJWTAuthorizer.privateEndpoint.selfManagedLatticeResource.resourceConfigurationIdentifier = "rcfg-0123456789abcdefg" }
authorizer = { discovery-url = "https://issuer.example/.well-known/openid-configuration", custom-claims = [
    { claim = "team", equals = "research" },
    { claim = "groups", contains-any = ["a", "b"] },
] }
"#;

/// Returns the same settings as members of the service's document.
fn members() -> Value {
    json!({
        "platformVersion": "V2",
        "protocolConfiguration": { "serverProtocol": "HTTP", "port": 9001, "path": "/chat" },
        "hooksConfiguration": { "build": { "warmup": { "action": { "httpPost": { "path": "/warm-up" } } } } },
        "allowedPorts": [{ "port": 8090 }, { "portRange": { "from": 9100, "to": 9110 } }],
        "resourceConfigurations": [{ "minimumMemoryInMiB": 4096 }],
        "filesystemConfigurations": [
            { "sessionStorage": { "mountPath": "/mnt/work" } },
            { "s3BucketMount": { "bucket": "models", "mountPath": "/mnt/models", "prefix": "v1/" } },
            { "efsAccessPoint": {
                "accessPointArn": "arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-0123456789abcdef0",
                "mountPath": "/mnt/shared" } },
        ],
        "futureConfiguration": { "level": 3, "tags": ["a"] },
        "authorizerConfiguration": { "customJWTAuthorizer": {
            "discoveryUrl": "https://issuer.example/.well-known/openid-configuration",
            "customClaims": [
                { "inboundTokenClaimName": "team", "inboundTokenClaimValueType": "STRING", "authorizingClaimMatchValue": {
                    "claimMatchValue": { "matchValueString": "research" }, "claimMatchOperator": "EQUALS" } },
                { "inboundTokenClaimName": "groups", "inboundTokenClaimValueType": "STRING_ARRAY", "authorizingClaimMatchValue": {
                    "claimMatchValue": { "matchValueStringList": ["a", "b"] }, "claimMatchOperator": "CONTAINS_ANY" } },
            ],
            "privateEndpoint": { "selfManagedLatticeResource": {
                "resourceConfigurationIdentifier": "rcfg-0123456789abcdefg" } },
        } },
    })
}

fn run(project: &Project, proxy: &Proxy, args: &[&str]) -> Outcome {
    Cli::new(project).at(&proxy.url()).args(args).run()
}

/// Shows the runtime like a service that keeps all settings.
fn shows(proxy: &Proxy, members: Value) {
    proxy.mend(GET);
    proxy.fault(GET, Times::Always, Fault::Merged(members));
}

fn the_one(proxy: &Proxy, action: &str) -> Value {
    let documents = proxy.documents(action);
    let [sent] = &documents[..] else {
        panic!("{action} was sent once: {documents:?}")
    };
    sent.clone()
}

#[test]
fn every_setting_is_shown_before_it_is_sent_and_shown_again_by_status() {
    let emulator = Ministack::start();
    let project = project_with(KEYS);
    let proxy = Proxy::to(&emulator);
    let planned = run(&project, &proxy, &["deploy", "--dry-run"]).succeeds();
    let lines = [
        "platform-version: (not set) -> v2",
        "server.port: (not set) -> 9001",
        "server.path: (not set) -> /chat",
        "warm-up.path: (not set) -> /warm-up",
        r#"allowed-ports: (not set) -> [{"port":8090},{"portRange":{"from":9100,"to":9110}}]"#,
        r#"file-systems: (not set) -> [{"sessionStorage":{"mountPath":"/mnt/work"}}"#,
        "authorizer.custom-claims: (not set) -> [",
        "runtime-settings.futureConfiguration.level: (not set) -> 3",
        "runtime-settings.authorizerConfiguration.customJWTAuthorizer.privateEndpoint.selfManagedLatticeResource.resourceConfigurationIdentifier: (not set) -> rcfg-0123456789abcdefg",
    ];
    for line in lines {
        assert!(planned.stderr.contains(line), "{line}: {}", planned.stderr);
    }
    let planned = run(
        &project,
        &proxy,
        &["deploy", "--dry-run", "--output", "json"],
    )
    .json();
    let changes = planned["agents"][0]["changes"].as_array().unwrap();
    let runtime = changes.iter().find(|one| one["kind"] == "runtime").unwrap();
    let changes = runtime["changes"].to_string();
    assert!(changes.contains("minimum-memory"), "{planned}");

    let done = run(&project, &proxy, &["deploy"]).succeeds();
    let note = "note: platform version V2 takes minutes";
    assert_eq!(done.stderr.matches(note).count(), 1, "{}", done.stderr);
    let sent = the_one(&proxy, CREATE);
    for (member, value) in members().as_object().unwrap() {
        assert_eq!(sent[member], *value, "{member}");
    }

    shows(&proxy, members());
    let again = run(&project, &proxy, &["deploy"]).succeeds();
    assert!(again.stderr.contains("Unchanged"), "{}", again.stderr);
    let status = run(&project, &proxy, &["status"]).succeeds().stdout;
    for row in [
        "platform    V2",
        "lifecycle   idle timeout 900 s, at most 28800 s",
        "server.port: 9001",
        "runtime-settings.futureConfiguration.level: 3",
        "authorizer  JWTs of https://issuer.example/.well-known/openid-configuration",
    ] {
        assert!(status.contains(row), "{row}: {status}");
    }
    assert!(!status.contains("set elsewhere"), "{status}");
    let document = run(&project, &proxy, &["status", "--output", "json"]).json();
    let agent = &document["agents"][0];
    assert_eq!(agent["platform"], "V2");
    assert_eq!(
        agent["lifecycle"],
        json!({ "idle_timeout": 900, "max_lifetime": 28800 })
    );
    let settings = agent["settings"].as_array().unwrap();
    assert!(
        settings.contains(&json!({ "member": "futureConfiguration.level", "value": 3 })),
        "{agent}"
    );
}

/// Deploys to a store that keeps tags.
fn deployed(keys: &str, members: Value) -> (Project, Emulator, Proxy) {
    let emulator = Moto::start();
    let project = project_with(keys);
    let proxy = Proxy::to(&emulator);
    shows(&proxy, with_status(members));
    run(&project, &proxy, &["deploy"]).succeeds();
    proxy.forget();
    (project, emulator, proxy)
}

/// moto leaves an updated runtime in UPDATING forever.
fn with_status(mut members: Value) -> Value {
    members["status"] = "READY".into();
    members
}

#[test]
fn a_setting_that_is_taken_out_of_the_metadata_goes_and_what_others_set_stays() {
    let ours = json!({ "resourceConfigurations": [{ "minimumMemoryInMiB": 4096 }], "allowedPorts": [{ "port": 8090 }] });
    let theirs = json!({
        "filesystemConfigurations": [{ "sessionStorage": { "mountPath": "/mnt/theirs" } }],
        "futureSetting": { "deep": 1 },
    });
    let mut all = ours.clone();
    all.as_object_mut()
        .unwrap()
        .extend(theirs.as_object().unwrap().clone());
    let (project, _emulator, proxy) =
        deployed("minimum-memory = 4096\nallowed-ports = [8090]\n", all);
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        manifest.replace("allowed-ports = [8090]\n", ""),
    );

    let status = run(&project, &proxy, &["status"]).succeeds().stdout;
    let line = r#"allowed-ports: [{"port":8090}] -> (not set)"#;
    assert!(status.contains(line), "{status}");
    let checked = run(&project, &proxy, &["deploy", "--check"]).exits(5);
    assert!(checked.stderr.contains(line), "{}", checked.stderr);

    run(&project, &proxy, &["deploy"]).succeeds();
    let sent = the_one(&proxy, UPDATE);
    assert_eq!(sent["allowedPorts"], Value::Null);
    assert_eq!(
        sent["resourceConfigurations"],
        ours["resourceConfigurations"]
    );
    for (member, value) in theirs.as_object().unwrap() {
        assert_eq!(sent[member], *value, "{member}");
    }
    let mut left = theirs.clone();
    left["resourceConfigurations"] = ours["resourceConfigurations"].clone();
    shows(&proxy, with_status(left));
    run(&project, &proxy, &["deploy"]).succeeds();
    assert_eq!(proxy.documents(UPDATE).len(), 1, "nothing is left to do");
}

#[test]
fn a_runtime_keeps_its_platform_without_the_key_and_moves_with_it() {
    let (project, _emulator, proxy) = deployed(
        "platform-version = \"v1\"\n",
        json!({ "platformVersion": "V1" }),
    );
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        manifest.replace("platform-version = \"v1\"\n", ""),
    );
    let unset = run(&project, &proxy, &["deploy"]).succeeds();
    assert!(unset.stderr.contains("Unchanged"), "{}", unset.stderr);

    project.write("Cargo.toml", manifest.replace("\"v1\"", "\"v2\""));
    let checked = run(&project, &proxy, &["deploy", "--check"]).exits(5);
    let line = "platform-version: v1 -> v2";
    assert!(checked.stderr.contains(line), "{}", checked.stderr);
    assert!(
        run(&project, &proxy, &["status"])
            .succeeds()
            .stdout
            .contains(line)
    );
    run(&project, &proxy, &["deploy"]).succeeds();
    assert_eq!(the_one(&proxy, UPDATE)["platformVersion"], "V2");
}
