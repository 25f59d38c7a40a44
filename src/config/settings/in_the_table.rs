//! Accepted and refused values of the keys.

use serde_json::{Value, json};

use crate::config::{Agent, Config, Manifest, Stage, load};

const HEAD: &str =
    "[workspace.metadata.agentcore]\nproject = \"p-1\"\n[workspace.metadata.agentcore.agents.a]\n";

fn read(keys: &str, stage: &Stage) -> Result<Config, Vec<String>> {
    let manifest = Manifest::new("/real/fake/Cargo.toml", format!("{HEAD}{keys}\n"));
    load(&[manifest], stage).map_err(|failure| {
        let messages = failure.messages.into_iter();
        messages.map(|message| message.what).collect()
    })
}

fn agent(keys: &str) -> Agent {
    read(keys, &Stage::None).unwrap().agents.remove(0)
}

fn member(keys: &str, place: &[&str]) -> Option<Value> {
    agent(keys).settings.get(place).cloned()
}

#[test]
fn keys_become_members_of_the_services_document() {
    for (keys, place, wanted) in [
        ("platform-version = \"V2\"", super::PLATFORM, json!("V2")),
        ("server = { port = 9001 }", super::PORT, json!(9001)),
        (
            "warm-up = { path = \"/w\", port = 8081 }",
            super::WARM_UP_PORT,
            json!(8081),
        ),
        (
            "minimum-memory = 2048",
            super::MEMORY,
            json!([{ "minimumMemoryInMiB": 2048 }]),
        ),
        (
            "allowed-ports = [8090]",
            super::ALLOWED_PORTS,
            json!([{ "port": 8090 }]),
        ),
        (
            "file-systems = [{ volume = \"data\", mount = \"/mnt/data\" }]",
            super::FILE_SYSTEMS,
            json!([{ "capacityProviderVolume": { "volumeName": "data", "mountPath": "/mnt/data" } }]),
        ),
        (
            "runtime-settings.future.level = 0x10",
            &["future", "level"],
            json!(16),
        ),
    ] {
        assert_eq!(member(keys, place), Some(wanted), "{keys}");
    }
    let agent = agent("server = { port = 9001, path = \"/chat\" }");
    assert_eq!(
        (agent.settings.port(), agent.settings.path()),
        (Some(9001), Some("/chat"))
    );
}

#[test]
fn what_a_key_does_not_accept_is_refused_with_what_it_wants() {
    let mut wrong = Vec::new();
    for (keys, wanted) in [
        (
            "platform-version = \"snapshot\"",
            "unknown platform version `snapshot`, expected `v1` or `v2`",
        ),
        (
            "server = { port = 80 }",
            "`port` in `[workspace.metadata.agentcore.agents.a.server]` must be a whole number from 8000 to 12000",
        ),
        (
            "server = { port = 8443 }",
            "the port 8443 is reserved by the service",
        ),
        ("warm-up = {}", "`warm-up` needs `path`"),
        (
            "warm-up = { path = \"warm\" }",
            "invalid path `warm`: expected `/`, then letters, digits and `-._~/`, at most 32 characters in all",
        ),
        (
            "allowed-ports = [8090, \"8080-8100\"]",
            "the items of `allowed-ports` must not overlap",
        ),
        (
            "allowed-ports = [\"8400-8500\"]",
            "an item of `allowed-ports` must be a port from 8000 to 12000, or a range such as \"9000-9010\"",
        ),
        (
            "file-systems = [{ session-storage = \"/data\" }]",
            "invalid mount path `/data`: expected `/mnt/`, then one name of letters, digits and `._-`",
        ),
        (
            "file-systems = [{ s3-bucket = \"models\" }]",
            "a file system is `{ session-storage = \"/mnt/NAME\" }`, or one of `efs`, `s3-files`, `s3-bucket` and `volume` with `mount = \"/mnt/NAME\"`",
        ),
        (
            "file-systems = [{ session-storage = \"/mnt/a\" }, { session-storage = \"/mnt/a/\" }]",
            "`/mnt/a` is the mount path of two file systems",
        ),
        (
            "file-systems = [{ efs = \"arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-0123456789abcdef0\", mount = \"/mnt/a\" }]",
            "agent `a` mounts a file system of a VPC, and its network is public",
        ),
        (
            "platform-version = \"v1\"\nwarm-up = { path = \"/w\" }",
            "agent `a` has a `warm-up`, which only platform version V2 calls",
        ),
        (
            "runtime-settings.roleArn = \"x\"",
            "`roleArn` cannot be set in `runtime-settings`",
        ),
        (
            "runtime-settings.tags = { a = \"b\" }",
            "`tags.a` cannot be set in `runtime-settings`",
        ),
        (
            "runtime-settings.agentRuntimeArtifact.codeConfiguration.runtime = \"x\"",
            "`agentRuntimeArtifact.codeConfiguration.runtime` cannot be set in `runtime-settings`",
        ),
        (
            "runtime-settings.description = \"x\"",
            "`description` in `runtime-settings` has a key of its own, `description`",
        ),
        (
            "runtime-settings.protocolConfiguration = \"x\"",
            "`protocolConfiguration` in `runtime-settings` has a key of its own, `server.port`",
        ),
        (
            "runtime-settings.environmentVariables = { \"A B\" = \"x\" }",
            "`environmentVariables` in `runtime-settings` has a key of its own, `env`",
        ),
        (
            "runtime-settings.future = 2026-01-01",
            "a date in `runtime-settings` must be written as a string",
        ),
        (
            "runtime-settings.future = {}",
            "`future` in `runtime-settings` is empty",
        ),
        (
            "callers = [\"111122223333\"]",
            "invalid caller `111122223333`: for everyone in that account, write `arn:aws:iam::111122223333:root`",
        ),
        (
            "callers = [\"*\"]",
            "invalid caller `*`: expected the ARN of a role, a user or an account, such as `arn:aws:iam::ACCOUNT:role/NAME` or `arn:aws:iam::ACCOUNT:root`",
        ),
        (
            "callers = [\"arn:aws:iam::111122223333:role/*\"]",
            "invalid caller `arn:aws:iam::111122223333:role/*`: expected the ARN of a role, a user or an account, such as `arn:aws:iam::ACCOUNT:role/NAME` or `arn:aws:iam::ACCOUNT:root`",
        ),
        (
            "callers = [\"arn:aws:iam::111122223333:root\"]\nauthorizer = { discovery-url = \"https://i.example/.well-known/openid-configuration\", allowed-clients = [\"c\"] }",
            "agent `a` has `callers` and an `authorizer`, and a runtime accepts either signed calls or JWTs",
        ),
        (
            "authorizer = { discovery-url = \"https://i.example/.well-known/openid-configuration\", custom-claims = [{ claim = \"team\" }] }",
            "a custom claim needs `claim` and one of `equals`, `contains` and `contains-any`",
        ),
    ] {
        let found = read(keys, &Stage::None).err();
        if found.as_deref() != Some(&[wanted.to_owned()]) {
            wrong.push((keys, found));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_authorizer_with_a_claim_is_not_warned_about() {
    let authorizer = |more: &str| {
        let keys = format!(
            "authorizer = {{ discovery-url = \"https://i.example/.well-known/openid-configuration\"{more} }}"
        );
        read(&keys, &Stage::None).unwrap().warnings.len()
    };
    assert_eq!(authorizer(""), 1);
    assert_eq!(
        authorizer(", custom-claims = [{ claim = \"team\", equals = \"x\" }]"),
        0
    );
}

#[test]
fn a_stage_changes_single_settings_and_replaces_the_callers() {
    let keys = "runtime-settings.future = { a = 1, b = 2 }\nplatform-version = \"v1\"\ncallers = [\"arn:aws:iam::111122223333:root\"]\n[workspace.metadata.agentcore.stages.prod]\nruntime-settings.future.b = 3\nplatform-version = \"v2\"\ncallers = []";
    let stage = Stage::Named(crate::names::StageName::parse("prod").unwrap());
    let agent = read(keys, &stage).unwrap().agents.remove(0);
    assert_eq!(agent.settings.get(&["future", "a"]), Some(&json!(1)));
    assert_eq!(agent.settings.get(&["future", "b"]), Some(&json!(3)));
    assert_eq!(agent.settings.get(super::PLATFORM), Some(&json!("V2")));
    assert!(agent.callers.is_empty());
}

#[test]
fn the_platform_decides_how_large_the_variables_may_be() {
    let variables = format!("env = {{ LONG = \"{}\" }}", "x".repeat(2000));
    let with = |platform: &str| read(&format!("{variables}\n{platform}"), &Stage::None);
    assert_eq!(with("").unwrap().warnings.len(), 1);
    assert_eq!(with("platform-version = \"v1\"").unwrap().warnings, []);
    let refused = with("platform-version = \"v2\"").unwrap_err();
    assert!(
        refused[0].ends_with("the service accepts 1536 on platform version V2"),
        "{refused:?}"
    );
}
