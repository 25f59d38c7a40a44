use super::*;
use crate::resources::change::Reveal;

fn fields() -> RuntimeFields {
    RuntimeFields {
        role_arn: "arn:aws:iam::123456789012:role/R".into(),
        description: None,
        artifact: Artifact::Code {
            object: None,
            runtime: "PYTHON_3_13".into(),
            entry_point: vec!["invoke.py".into()],
        },
        env: [("A".to_owned(), "1".to_owned())].into(),
        lifecycle: Lifecycle::default(),
        network: Network::Public,
        protocol: "HTTP".into(),
        authorizer: None,
        header_allowlist: Vec::new(),
        settings: Settings::default(),
    }
}

fn object(key: &str) -> CodeObject {
    CodeObject {
        bucket: "b".into(),
        key: key.into(),
        version: None,
    }
}

fn code(object: Option<CodeObject>, runtime: &str, entry: &str) -> Artifact {
    Artifact::Code {
        object,
        runtime: runtime.into(),
        entry_point: vec![entry.into()],
    }
}

fn authorizer(clients: &[&str]) -> Authorizer {
    Authorizer {
        discovery_url: "https://i/.well-known/openid-configuration".into(),
        allowed_audience: Vec::new(),
        allowed_clients: clients.iter().map(|&client| client.into()).collect(),
        allowed_scopes: Vec::new(),
    }
}

fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

fn vpc_of(subnets: &[&str], groups: &[&str]) -> Network {
    Network::Vpc {
        subnets: strings(subnets),
        security_groups: strings(groups),
    }
}

/// Changes one field and checks the lines in both directions.
fn one_field(set: impl Fn(&mut RuntimeFields), there: &[&str], back: &[&str]) {
    let plain = fields();
    let mut other = fields();
    set(&mut other);
    let words = |wanted: &RuntimeFields, observed: &RuntimeFields| -> Vec<String> {
        changes(wanted, observed)
            .iter()
            .map(|change| change.words(Reveal::Values))
            .collect()
    };
    assert_eq!(words(&other, &plain), there);
    assert_eq!(words(&plain, &other), back);
    assert!(changes(&other, &other).is_empty());
}

#[test]
fn every_field_that_differs_is_named_when_it_is_set_and_when_it_is_unset() {
    one_field(
        |f| f.role_arn = "r2".into(),
        &["role: arn:aws:iam::123456789012:role/R -> r2"],
        &["role: r2 -> arn:aws:iam::123456789012:role/R"],
    );
    one_field(
        |f| f.description = Some("d".into()),
        &["description: (not set) -> d"],
        &["description: d -> (not set)"],
    );
    one_field(
        |f| f.artifact = code(None, "PYTHON_3_12", "invoke.py"),
        &["runtime: PYTHON_3_13 -> PYTHON_3_12"],
        &["runtime: PYTHON_3_12 -> PYTHON_3_13"],
    );
    one_field(
        |f| f.artifact = code(None, "PYTHON_3_13", "other.py"),
        &["entrypoint: invoke.py -> other.py"],
        &["entrypoint: other.py -> invoke.py"],
    );
    one_field(
        |f| f.artifact = Artifact::Container { uri: "u".into() },
        &["artifact: a code archive -> u"],
        &["artifact: u -> a code archive"],
    );
    one_field(
        |f| {
            f.env.insert("B".into(), "2".into());
        },
        &["env.B: (not set) -> 2"],
        &["env.B: 2 -> (not set)"],
    );
    one_field(
        |f| f.lifecycle.idle_timeout = Some(600),
        &["lifecycle.idle-timeout: 900 -> 600"],
        &["lifecycle.idle-timeout: 600 -> 900"],
    );
    one_field(
        |f| f.lifecycle.max_lifetime = Some(3600),
        &["lifecycle.max-lifetime: 28800 -> 3600"],
        &["lifecycle.max-lifetime: 3600 -> 28800"],
    );
    one_field(
        |f| f.network = vpc_of(&["s-2", "s-1"], &["g"]),
        &[
            "network.subnets: (not set) -> s-1, s-2",
            "network.security-groups: (not set) -> g",
        ],
        &[
            "network.subnets: s-1, s-2 -> (not set)",
            "network.security-groups: g -> (not set)",
        ],
    );
    one_field(
        |f| f.protocol = "MCP".into(),
        &["protocol: HTTP -> MCP"],
        &["protocol: MCP -> HTTP"],
    );
    one_field(
        |f| f.header_allowlist = strings(&["X-A"]),
        &["header-allowlist: (not set) -> X-A"],
        &["header-allowlist: X-A -> (not set)"],
    );
    one_field(
        |f| f.authorizer = Some(authorizer(&["c"])),
        &[
            "authorizer.discovery-url: (not set) -> https://i/.well-known/openid-configuration",
            "authorizer.allowed-clients: (not set) -> c",
        ],
        &[
            "authorizer.discovery-url: https://i/.well-known/openid-configuration -> (not set)",
            "authorizer.allowed-clients: c -> (not set)",
        ],
    );
}

#[test]
fn what_means_the_same_is_no_change() {
    let mut spelled = fields();
    spelled.lifecycle = Lifecycle {
        idle_timeout: Some(IDLE_TIMEOUT),
        max_lifetime: Some(MAX_LIFETIME),
    };
    assert!(changes(&spelled, &fields()).is_empty());
    let (mut one, mut two) = (fields(), fields());
    one.header_allowlist = strings(&["X-A", "x-b"]);
    two.header_allowlist = strings(&["X-B", "x-a"]);
    one.network = vpc_of(&["s-1", "s-2"], &["g"]);
    two.network = vpc_of(&["s-2", "s-1"], &["g"]);
    one.authorizer = Some(authorizer(&["a", "b"]));
    two.authorizer = Some(authorizer(&["b", "a"]));
    assert!(changes(&one, &two).is_empty());
}

#[test]
fn the_archive_is_compared_only_where_both_sides_know_it() {
    let with = |object| RuntimeFields {
        artifact: code(object, "PYTHON_3_13", "invoke.py"),
        ..fields()
    };
    assert!(changes(&with(None), &with(Some(object("k")))).is_empty());
    let found = changes(&with(Some(object("new"))), &with(Some(object("old"))));
    assert_eq!(
        found[0].words(Reveal::Keys),
        "code: s3://b/old -> s3://b/new"
    );
}

#[test]
fn values_of_variables_are_hidden_unless_they_are_asked_for() {
    let with = |pairs: &[(&str, &str)]| RuntimeFields {
        env: pairs
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        ..fields()
    };
    let found = changes(
        &with(&[("ADDED", "secret-1"), ("OTHER", "secret-2")]),
        &with(&[("GONE", "secret-3"), ("OTHER", "secret-4")]),
    );
    let words =
        |reveal| -> Vec<String> { found.iter().map(|change| change.words(reveal)).collect() };
    assert_eq!(
        words(Reveal::Keys),
        [
            "env.ADDED: added",
            "env.GONE: removed",
            "env.OTHER: changed"
        ]
    );
    assert_eq!(words(Reveal::Values)[2], "env.OTHER: secret-4 -> secret-2");
}
