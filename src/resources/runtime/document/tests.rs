use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::resources::runtime::fields::{Artifact, CodeObject};

fn document(value: Value) -> Document {
    match value {
        Value::Object(document) => document,
        other => panic!("{other} is no object"),
    }
}

/// Returns the answer of GetAgentRuntime for a runtime with all possible settings by others.
fn there() -> Document {
    document(json!({
        "agentRuntimeArn": "arn:r", "agentRuntimeId": "r-1", "agentRuntimeName": "r", "agentRuntimeVersion": "7",
        "createdAt": "2026-11-01T00:00:00Z", "lastUpdatedAt": "2026-11-01T00:00:00Z", "status": "READY",
        "failureReason": "", "workloadIdentityDetails": { "workloadIdentityArn": "arn:w" },
        "roleArn": "arn:role", "description": "old",
        "agentRuntimeArtifact": { "codeConfiguration": {
            "code": { "s3": { "bucket": "b", "prefix": "k", "versionId": "v", "checksum": "c" } },
            "runtime": "PYTHON_3_13", "entryPoint": ["invoke.py"], "layers": ["l"] } },
        "environmentVariables": { "A": "1" },
        "lifecycleConfiguration": { "idleRuntimeSessionTimeout": 60, "maxLifetime": 120, "grace": 5 },
        "networkConfiguration": { "networkMode": "VPC", "networkModeConfig": {
            "subnets": ["s"], "securityGroups": ["g"], "requireServiceS3Endpoint": true } },
        "protocolConfiguration": { "serverProtocol": "MCP", "port": 9001 },
        "authorizerConfiguration": { "customJWTAuthorizer": {
            "discoveryUrl": "https://i/.well-known/openid-configuration", "allowedClients": ["c"],
            "certificateConfigurations": [{ "x": 1 }] } },
        "requestHeaderConfiguration": { "requestHeaderAllowlist": ["X-A"] },
        "metadataConfiguration": { "requireMMDSV2": false, "hopLimit": 2 },
        "hooksConfiguration": { "build": { "warmup": { "httpPost": { "path": "/w" } } } },
        "resourceConfigurations": [{ "minimumMemoryInMiB": 4096 }],
        "filesystemConfigurations": [{ "s3BucketMount": { "mountPath": "/mnt/x" } }],
        "platformVersion": "V2", "futureMember": { "deep": [null, 1.50, "é"] }, "unset": null,
    }))
}

#[test]
fn an_update_with_the_same_fields_sends_back_everything_but_what_is_read_only() {
    let sent = update(&there(), &fields(&there()), &BTreeSet::new(), "t");
    let mut expected = there();
    for name in READ_ONLY.iter().chain(&["unset"]) {
        expected.remove(*name);
    }
    expected["metadataConfiguration"]["requireMMDSV2"] = json!(true);
    expected.insert("clientToken".to_owned(), json!("t"));
    assert_eq!(sent, expected);
}

#[test]
fn what_the_configuration_takes_away_goes_and_the_rest_stays() {
    let wanted = RuntimeFields {
        role_arn: "arn:other".into(),
        description: None,
        artifact: Artifact::Code {
            object: Some(CodeObject {
                bucket: "b2".into(),
                key: "k2".into(),
                version: None,
            }),
            runtime: "PYTHON_3_14".into(),
            entry_point: vec!["main.py".into()],
        },
        env: BTreeMap::new(),
        lifecycle: Lifecycle::default(),
        network: Network::Public,
        protocol: "HTTP".into(),
        authorizer: None,
        header_allowlist: Vec::new(),
        settings: Settings::default(),
    };
    let sent = update(&there(), &wanted, &BTreeSet::new(), "t");
    assert_eq!(
        fields(&sent),
        RuntimeFields {
            lifecycle: Lifecycle {
                idle_timeout: Some(900),
                max_lifetime: Some(28_800)
            },
            settings: fields(&sent).settings,
            ..wanted
        }
    );
    assert_eq!(
        sent["agentRuntimeArtifact"]["codeConfiguration"],
        json!({ "code": { "s3": { "bucket": "b2", "prefix": "k2", "checksum": "c" } },
            "runtime": "PYTHON_3_14", "entryPoint": ["main.py"], "layers": ["l"] })
    );
    assert_eq!(sent["lifecycleConfiguration"]["grace"], 5);
    assert_eq!(
        sent["networkConfiguration"],
        json!({ "networkMode": "PUBLIC" })
    );
    assert_eq!(
        sent["protocolConfiguration"],
        json!({ "serverProtocol": "HTTP" })
    );
    for gone in [
        "description",
        "authorizerConfiguration",
        "requestHeaderConfiguration",
    ] {
        assert!(!sent.contains_key(gone), "{gone}");
    }
}

#[test]
fn a_variant_that_nobody_here_knows_stays_until_the_configuration_wants_another() {
    let mut there = there();
    there["authorizerConfiguration"] = json!({ "newKind": { "a": 1 } });
    there["requestHeaderConfiguration"] = json!({ "denylist": ["X"] });
    there["networkConfiguration"] = json!({ "networkMode": "MESH", "mesh": "m" });
    let mut wanted = RuntimeFields {
        settings: Settings::default(),
        ..fields(&there)
    };
    assert_eq!(
        (&wanted.authorizer, &wanted.network),
        (&None, &Network::Public)
    );
    let sent = update(&there, &wanted, &BTreeSet::new(), "t");
    for same in [
        "authorizerConfiguration",
        "requestHeaderConfiguration",
        "networkConfiguration",
    ] {
        assert_eq!(sent[same], there[same], "{same}");
    }
    let authorizer = Authorizer {
        discovery_url: "https://j".into(),
        allowed_audience: vec!["a".into()],
        allowed_clients: Vec::new(),
        allowed_scopes: Vec::new(),
    };
    wanted.authorizer = Some(authorizer);
    wanted.header_allowlist = vec!["X-B".into()];
    let sent = update(&there, &wanted, &BTreeSet::new(), "t");
    assert_eq!(
        sent["authorizerConfiguration"],
        json!({ "customJWTAuthorizer": { "discoveryUrl": "https://j", "allowedAudience": ["a"] } })
    );
    assert_eq!(
        sent["requestHeaderConfiguration"],
        json!({ "requestHeaderAllowlist": ["X-B"] })
    );
}

#[test]
fn what_was_set_elsewhere_is_named_by_its_place() {
    let named = set_elsewhere(&there());
    let names: Vec<&str> = named.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "agentRuntimeArtifact.codeConfiguration.code.s3.checksum",
            "agentRuntimeArtifact.codeConfiguration.layers",
            "authorizerConfiguration.customJWTAuthorizer.certificateConfigurations",
            "filesystemConfigurations",
            "futureMember",
            "hooksConfiguration",
            "lifecycleConfiguration.grace",
            "metadataConfiguration.hopLimit",
            "networkConfiguration.networkModeConfig.requireServiceS3Endpoint",
            "protocolConfiguration.port",
            "resourceConfigurations",
        ]
    );
    assert_eq!(named["protocolConfiguration.port"], 9001);
}

#[test]
fn a_refusal_is_read_only_where_it_names_an_unknown_member() {
    let sent = update(&there(), &fields(&there()), &BTreeSet::new(), "t");
    let of = |message| refused(&sent, message);
    assert_eq!(of("Unknown field: futureMember"), ["futureMember"]);
    assert_eq!(
        of("#/futureMember: extraneous key [futuremember] is not permitted").len(),
        1
    );
    assert_eq!(
        of("hooksConfiguration is not supported for V1"),
        Vec::<String>::new()
    );
    assert_eq!(of("Role validation failed"), Vec::<String>::new());
    assert_eq!(of("myfutureMembers"), Vec::<String>::new());
}

#[test]
fn a_new_runtime_has_what_the_configuration_decides_and_nothing_else() {
    let wanted = RuntimeFields {
        settings: Settings::default(),
        ..fields(&there())
    };
    let sent = create(
        "r",
        &wanted,
        &BTreeMap::from([("k".into(), "v".into())]),
        "t",
    );
    assert_eq!(sent["agentRuntimeName"], "r");
    assert_eq!(sent["tags"], json!({ "k": "v" }));
    assert_eq!(
        set_elsewhere(&sent).keys().collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
    assert!(!sent.contains_key("metadataConfiguration"));
}

#[test]
fn a_setting_is_laid_over_what_is_there_and_a_withdrawn_one_is_left_out() {
    let mut wanted = RuntimeFields {
        settings: Settings::default(),
        ..fields(&there())
    };
    wanted.settings.set(&["futureMember", "deep"], json!([1]));
    wanted.settings.set(&["newMember", "part"], json!("x"));
    let withdrawn = BTreeSet::from(
        [
            "hooksConfiguration.build.warmup.httpPost.path",
            "platformVersion.of.nothing",
        ]
        .map(str::to_owned),
    );
    let sent = update(&there(), &wanted, &withdrawn, "t");
    assert_eq!(sent["futureMember"], json!({ "deep": [1] }));
    assert_eq!(sent["newMember"], json!({ "part": "x" }));
    assert!(
        !sent.contains_key("hooksConfiguration"),
        "nothing is left of it"
    );
    assert_eq!(sent["platformVersion"], "V2");
}

#[test]
fn an_endpoint_keeps_what_nobody_here_knows() {
    let there = document(json!({
        "id": "e", "name": "prod", "agentRuntimeEndpointArn": "a", "agentRuntimeArn": "r", "liveVersion": "1",
        "targetVersion": "2", "status": "READY", "createdAt": "x", "lastUpdatedAt": "y", "failureReason": "",
        "description": "old", "routing": { "weight": 5 }, "nothing": null,
    }));
    assert_eq!(
        Value::Object(update_endpoint(&there, 3, Some("new"), "t")),
        json!({ "routing": { "weight": 5 }, "clientToken": "t", "agentRuntimeVersion": "3", "description": "new" })
    );
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z]{1,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,5}", inner, 1..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The objects that the configuration determines in part, and the document itself.
const PLACES: [&[&str]; 9] = [
    &[],
    &["lifecycleConfiguration"],
    &["networkConfiguration"],
    &["networkConfiguration", "networkModeConfig"],
    &["protocolConfiguration"],
    &["metadataConfiguration"],
    &["agentRuntimeArtifact", "codeConfiguration"],
    &["agentRuntimeArtifact", "codeConfiguration", "code", "s3"],
    &["authorizerConfiguration", "customJWTAuthorizer"],
];

proptest! {
    #[test]
    fn unknown_members_survive_wherever_they_are(
        place in prop::sample::select(&PLACES),
        name in "zz[a-z]{1,6}",
        value in any_value(),
    ) {
        let mut there = Value::Object(there());
        let pointer = place.iter().fold(String::new(), |pointer, name| pointer + "/" + name);
        there.pointer_mut(&pointer).unwrap()[&name] = value.clone();
        let there = document(there);
        let mut wanted = fields(&there);
        wanted.env.insert("B".into(), "2".into());
        let sent = Value::Object(update(&there, &wanted, &BTreeSet::new(), "t"));
        prop_assert_eq!(&sent.pointer(&pointer).unwrap()[&name], &value);
        let named: Vec<&str> = place.iter().copied().chain([name.as_str()]).collect();
        prop_assert_eq!(&set_elsewhere(&there)[&named.join(".")], &value);
    }
}
