//! All fields of a runtime, set and unset, and those that the metadata does not have.

use serde_json::{Value, json};

use super::{RAW, deploy, deploy_json, project, project_with, runtime};
use crate::support::{Cli, Emulator, Ministack, Moto, Project, Proxy, boto3};

/// Keys of an agent's table, the field's path, and its value with and without them.
const FIELDS: [(&str, &str, &str, &str); 5] = [
    (
        "env = { LEVEL = \"debug\" }",
        "/environmentVariables/LEVEL",
        "\"debug\"",
        "null",
    ),
    (
        "lifecycle = { idle-timeout = 600, max-lifetime = 3600 }",
        "/lifecycleConfiguration",
        r#"{"idleRuntimeSessionTimeout": 600, "maxLifetime": 3600}"#,
        r#"{"idleRuntimeSessionTimeout": 900, "maxLifetime": 28800}"#,
    ),
    (
        "network = { subnets = [\"subnet-0123456789abcdef0\"], security-groups = [\"sg-0123456789abcdef0\"] }",
        "/networkConfiguration",
        r#"{"networkMode": "VPC", "networkModeConfig": {"subnets": ["subnet-0123456789abcdef0"], "securityGroups": ["sg-0123456789abcdef0"]}}"#,
        r#"{"networkMode": "PUBLIC"}"#,
    ),
    (
        "protocol = \"mcp\"",
        "/protocolConfiguration/serverProtocol",
        "\"MCP\"",
        "\"HTTP\"",
    ),
    (
        "runtime = \"python3.12\"",
        "/agentRuntimeArtifact/codeConfiguration/runtime",
        "\"PYTHON_3_12\"",
        "\"PYTHON_3_13\"",
    ),
];

/// Fields without a value that means "none": an update omits them. The emulators then keep the old
/// value, so the test checks the request.
const LEFT_OUT: [(&str, &str); 3] = [
    ("description = \"An agent\"", "description"),
    (
        "header-allowlist = [\"X-Tenant\"]",
        "requestHeaderConfiguration.requestHeaderAllowlist.0",
    ),
    (
        "authorizer = { discovery-url = \"https://issuer.example/.well-known/openid-configuration\", allowed-clients = [\"c\"] }",
        "authorizerConfiguration.customJWTAuthorizer.discoveryUrl",
    ),
];

/// Replaces the agent's table by one with these keys.
fn set(project: &Project, keys: &str) {
    let table = "[workspace.metadata.agentcore.agents.one]\nsource = \"one\"\ndeployment = \"deployment\"\n";
    let manifest = project.read("Cargo.toml");
    let (head, _) = manifest.split_once(table).unwrap();
    project.write("Cargo.toml", format!("{head}{table}{keys}\n"));
}

#[test]
fn every_field_round_trips_when_it_is_set_and_when_it_is_unset() {
    let emulator = Ministack::start();
    let project = project();
    let id = deploy_json(&project, &emulator, &[])["runtime"]["id"].clone();
    let id = id.as_str().unwrap();
    for (keys, pointer, with, without) in FIELDS {
        for (keys, wanted) in [(keys, with), ("", without)] {
            set(&project, keys);
            let done = deploy_json(&project, &emulator, &[]);
            assert_eq!(done["did"], "updated", "{pointer}: {done}");
            let there = runtime(&emulator, id);
            let wanted: Value = serde_json::from_str(wanted).unwrap();
            let found = there.pointer(pointer).cloned().unwrap_or_default();
            assert_eq!(found, wanted, "{pointer}");
            let again = deploy_json(&project, &emulator, &[]);
            assert_eq!(again["did"], "unchanged", "{pointer}: {again}");
        }
    }
}

#[test]
fn what_has_no_value_for_none_is_left_out_of_the_update() {
    for (keys, parameter) in LEFT_OUT {
        let emulator = Ministack::start();
        let project = project_with(keys);
        let proxy = Proxy::to(&emulator);
        let run = || {
            proxy.forget();
            Cli::new(&project)
                .at(&proxy.url())
                .arg("deploy")
                .run()
                .succeeds()
        };
        let sent = |action: &str| {
            let calls = proxy.recorded();
            let call = calls.iter().find(|call| call.action.ends_with(action));
            call.unwrap_or_else(|| panic!("{action} was called: {calls:?}"))
                .parameters
                .clone()
        };
        run();
        assert!(sent(":CreateAgentRuntime").contains_key(parameter));
        let again = run();
        assert!(again.stderr.contains("Unchanged"), "{}", again.stderr);
        set(&project, "");
        let unset = run();
        let update = sent(":UpdateAgentRuntime");
        assert!(
            !update.keys().any(|key| key.starts_with(parameter)),
            "{update:?}"
        );
        // This emulator keeps the value, which is reported.
        let field = keys.split(' ').next().unwrap();
        assert!(
            unset.stderr.contains("did not apply") && unset.stderr.contains(field),
            "{}",
            unset.stderr
        );
    }
}

#[test]
fn what_the_metadata_does_not_know_is_sent_back_as_it_was() {
    let emulator = Ministack::start();
    let project = project_with(
        "protocol = \"mcp\"\nauthorizer = { discovery-url = \"https://issuer.example/.well-known/openid-configuration\", allowed-clients = [\"c\"] }",
    );
    let id = deploy_json(&project, &emulator, &[])["runtime"]["id"].clone();
    let id = id.as_str().unwrap();
    // Manual settings that this tool has no keys for.
    boto3(
        &emulator,
        &format!(
            r"{RAW}
control = client('bedrock-agentcore-control')
r = control.get_agent_runtime(agentRuntimeId='{id}')
jwt = r['authorizerConfiguration']['customJWTAuthorizer'] | {{'customClaims': [{{'inboundTokenClaimName': 'team', 'inboundTokenClaimValueType': 'STRING', 'authorizingClaimMatchValue': {{'claimMatchValue': {{'matchValueString': 'x'}}, 'claimMatchOperator': 'EQUALS'}}}}]}}
body = {{key: r[key] for key in ('roleArn', 'agentRuntimeArtifact', 'networkConfiguration', 'environmentVariables', 'lifecycleConfiguration')}} | {{
    'authorizerConfiguration': {{'customJWTAuthorizer': jwt}},
    # Newer than this boto3.
    'protocolConfiguration': {{'serverProtocol': 'MCP', 'port': 9001, 'path': '/mine'}},
    'filesystemConfigurations': [{{'sessionStorage': {{'mountPath': '/mnt/data'}}}}],
}}
raw('PUT', '/runtimes/{id}/', body)
"
        ),
    );
    let theirs = runtime(&emulator, id);
    assert_eq!(
        deploy_json(&project, &emulator, &[])["did"],
        "unchanged",
        "what the metadata does not know is no difference"
    );
    project.write("one/more.py", "MORE = 1\n");
    assert_eq!(deploy_json(&project, &emulator, &[])["did"], "updated");
    let there = runtime(&emulator, id);
    for field in [
        "protocolConfiguration",
        "filesystemConfigurations",
        "authorizerConfiguration",
    ] {
        assert_eq!(there[field], theirs[field], "{field}");
    }
    assert_eq!(
        there["metadataConfiguration"],
        json!({"requireMMDSV2": true})
    );
}

#[test]
fn variables_of_the_command_line_are_part_of_the_comparison() {
    let emulator = Ministack::start();
    let project = project_with("env = { LEVEL = \"info\", AWS_REGION = \"eu-central-1\" }");
    let env = ["--env", "LEVEL=debug", "--env", "SECRET=sesame=open"];
    let done = deploy_json(&project, &emulator, &env);
    let id = done["runtime"]["id"].as_str().unwrap();
    let variables = |emulator: &Emulator| runtime(emulator, id)["environmentVariables"].clone();
    assert_eq!(
        variables(&emulator),
        json!({"LEVEL": "debug", "SECRET": "sesame=open", "AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "us-east-1", "DOCKER_CONTAINER": "1"})
    );
    assert_eq!(deploy_json(&project, &emulator, &env)["did"], "unchanged");
    let dry = Cli::new(&project)
        .on(&emulator)
        .args(["deploy", "--dry-run"])
        .run()
        .succeeds();
    assert!(dry.stderr.contains("env.SECRET: removed"), "{}", dry.stderr);
    assert!(!dry.stderr.contains("sesame"), "{}", dry.stderr);
    deploy(&project, &emulator).succeeds();
    assert_eq!(variables(&emulator)["LEVEL"], "info");
    assert_eq!(variables(&emulator)["SECRET"], Value::Null);
    Cli::new(&project)
        .on(&emulator)
        .env("SECRET", "from = outside")
        .env("EMPTY", "")
        .args(["deploy", "--env", "SECRET", "--env", "EMPTY"])
        .run()
        .succeeds();
    assert_eq!(variables(&emulator)["SECRET"], "from = outside");
    assert_eq!(variables(&emulator)["EMPTY"], "");
}

#[test]
fn variables_that_the_service_would_refuse_are_refused_before_anything_is_done() {
    let emulator = Ministack::start();
    let proxy = Proxy::to(&emulator);
    let project = project();
    let run = |env: &str| {
        Cli::new(&project)
            .at(&proxy.url())
            .args(["deploy", "--env", env])
            .run()
    };
    let long = run(&format!("{}=x", "K".repeat(101))).exits(3);
    assert!(long.stderr.contains("is too long"), "{}", long.stderr);
    let much = run(&format!("MUCH={}", "x".repeat(4096))).exits(3);
    let said = "bytes in all, but the service accepts 4096";
    assert!(much.stderr.contains(said), "{}", much.stderr);
    for (env, said) in [
        ("NOVALUE", "the environment has no variable `NOVALUE`"),
        ("=sesame", "`--env` needs the name of a variable"),
        (
            "AWS_SECRET_ACCESS_KEY=sesame",
            "`--env AWS_SECRET_ACCESS_KEY` would replace the credentials of the agent's role",
        ),
    ] {
        let refused = run(env).exits(2);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
        assert!(!refused.stderr.contains("sesame"), "{}", refused.stderr);
    }
    let actions = proxy.actions();
    let looks = [
        "sts:GetCallerIdentity",
        "bedrock-agentcore:ListAgentRuntimes",
    ];
    assert!(
        actions
            .iter()
            .all(|action| looks.contains(&action.as_str())),
        "{actions:?}"
    );
}

#[test]
fn tags_are_set_changed_and_taken_off() {
    let emulator = Moto::start();
    let project = Project::new()
        .metadata("region = \"us-east-1\"\ntags = { team = \"x\", cost = \"1\" }")
        .agent("one");
    project.write("deployment/requirements.txt", "");
    let arn = deploy(&project, &emulator)
        .succeeds()
        .stdout
        .trim()
        .to_owned();
    let tags = || -> Value {
        let script = format!(
            "print(json.dumps(client('bedrock-agentcore-control').list_tags_for_resource(resourceArn='{arn}')['tags']))"
        );
        serde_json::from_str(&boto3(&emulator, &script)).unwrap()
    };
    let first = tags();
    assert_eq!(first["team"], "x");
    assert_eq!(first["cargo-agentcore:project"], "test-project-7k2qpx");
    boto3(
        &emulator,
        &format!(
            "client('bedrock-agentcore-control').tag_resource(resourceArn='{arn}', tags={{'theirs': '1'}})"
        ),
    );
    let manifest = project.read("Cargo.toml");
    project.write(
        "Cargo.toml",
        manifest.replace("team = \"x\", cost = \"1\"", "team = \"y\""),
    );
    let changed = deploy(&project, &emulator).succeeds();
    assert!(changed.stderr.contains("Tagged"), "{}", changed.stderr);
    assert!(
        changed.stderr.contains("nothing was uploaded"),
        "{}",
        changed.stderr
    );
    let second = tags();
    assert_eq!(second["team"], "y");
    assert_eq!(second["cost"], Value::Null);
    assert_eq!(second["theirs"], "1");
    let again = deploy(&project, &emulator).succeeds();
    assert!(again.stderr.contains("Unchanged"), "{}", again.stderr);
}
