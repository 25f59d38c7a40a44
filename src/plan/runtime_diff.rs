//! What an agent's configuration says of its runtime, beside what the runtime has: field by field.
//!
//! [`RuntimeFields`] is made from both sides; [`changes`] names what differs. The values of environment
//! variables are secrets as likely as not: they are compared, and shown only where that is asked for.

use std::collections::BTreeMap;

use serde_json::json;

use crate::config::{Agent, Authorizer, Lifecycle, Network};

/// The service's own values where nothing is said.
const IDLE_TIMEOUT: u32 = 900;
const MAX_LIFETIME: u32 = 28_800;

/// Everything of a runtime that the configuration decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuntimeFields {
    pub(crate) role_arn: String,
    pub(crate) description: Option<String>,
    pub(crate) artifact: Artifact,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) network: Network,
    /// The service's name, such as `HTTP`.
    pub(crate) protocol: String,
    pub(crate) authorizer: Option<Authorizer>,
    pub(crate) header_allowlist: Vec<String>,
}

/// What the runtime runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Artifact {
    Code {
        /// Where the archive is; `None` where that is not known, and then it is not compared.
        object: Option<CodeObject>,
        /// The service's name, such as `PYTHON_3_13`.
        runtime: String,
        entry_point: Vec<String>,
    },
    Container {
        uri: String,
    },
    /// Something that this version knows no name for.
    Unknown,
}

/// The archive of a direct code deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodeObject {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version: Option<String>,
}

/// What the configuration alone does not say.
#[derive(Debug, Clone)]
pub(crate) struct Circumstances {
    pub(crate) role_arn: String,
    pub(crate) artifact: Artifact,
    /// Variables that are set beside the agent's own, which win.
    pub(crate) env: BTreeMap<String, String>,
}

/// One difference. `None`: not set on that side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldChange {
    /// As it stands in the manifest, such as `lifecycle.idle-timeout` or `env.LOG_LEVEL`.
    pub(crate) field: String,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) secrecy: Secrecy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrecy {
    Open,
    /// A value that may be a secret.
    Sensitive,
}

/// Whether sensitive values are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reveal {
    Keys,
    Values,
}

impl RuntimeFields {
    /// What the configuration wants.
    pub(crate) fn wanted(agent: &Agent, circumstances: Circumstances) -> Self {
        let Circumstances {
            role_arn,
            artifact,
            mut env,
        } = circumstances;
        env.extend(agent.env.clone());
        Self {
            role_arn,
            description: agent.description.clone(),
            artifact,
            env,
            lifecycle: agent.lifecycle,
            network: agent.network.clone(),
            protocol: agent.protocol.service_name().to_owned(),
            authorizer: agent.authorizer.clone(),
            header_allowlist: agent.header_allowlist.clone(),
        }
    }
}

/// What an update would change, in the order of the manifest's reference.
pub(crate) fn changes(wanted: &RuntimeFields, observed: &RuntimeFields) -> Vec<FieldChange> {
    let RuntimeFields {
        role_arn,
        description,
        artifact,
        env,
        lifecycle,
        network,
        protocol,
        authorizer,
        header_allowlist,
    } = wanted;
    let mut found = Changes::default();
    found.compare("role", Some(&observed.role_arn), Some(role_arn));
    found.artifact(&observed.artifact, artifact);
    found.compare(
        "description",
        observed.description.as_deref(),
        description.as_deref(),
    );
    found.env(&observed.env, env);
    found.lifecycle(observed.lifecycle, *lifecycle);
    found.network(&observed.network, network);
    found.compare("protocol", Some(&observed.protocol), Some(protocol));
    found.authorizer(observed.authorizer.as_ref(), authorizer.as_ref());
    let headers = |names: &[String]| {
        // Names of headers are the same in any case.
        let lower: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        set(&lower)
    };
    if headers(&observed.header_allowlist) != headers(header_allowlist) {
        found.add(
            "header-allowlist",
            set(&observed.header_allowlist),
            set(header_allowlist),
        );
    }
    found.0
}

#[derive(Default)]
struct Changes(Vec<FieldChange>);

impl Changes {
    fn add(&mut self, field: &str, before: Option<String>, after: Option<String>) {
        self.0.push(FieldChange {
            field: field.to_owned(),
            before,
            after,
            secrecy: Secrecy::Open,
        });
    }

    fn compare<T: ToString + PartialEq + ?Sized>(
        &mut self,
        field: &str,
        before: Option<&T>,
        after: Option<&T>,
    ) {
        if before != after {
            self.add(
                field,
                before.map(ToString::to_string),
                after.map(ToString::to_string),
            );
        }
    }

    fn sets(&mut self, field: &str, before: &[String], after: &[String]) {
        self.compare(field, set(before).as_ref(), set(after).as_ref());
    }

    fn artifact(&mut self, before: &Artifact, after: &Artifact) {
        match (before, after) {
            (
                Artifact::Code {
                    object: old_object,
                    runtime: old_runtime,
                    entry_point: old_entry,
                },
                Artifact::Code {
                    object,
                    runtime,
                    entry_point,
                },
            ) => {
                self.compare("runtime", Some(old_runtime), Some(runtime));
                self.compare(
                    "entrypoint",
                    Some(&old_entry.join(" ")),
                    Some(&entry_point.join(" ")),
                );
                if let (Some(old), Some(new)) = (old_object, object) {
                    self.compare("code", Some(&old.to_string()), Some(&new.to_string()));
                }
            }
            (Artifact::Code { .. } | Artifact::Container { .. } | Artifact::Unknown, _) => {
                self.compare(
                    "artifact",
                    Some(&before.to_string()),
                    Some(&after.to_string()),
                );
            }
        }
    }

    fn env(&mut self, before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) {
        let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let (before, after) = (before.get(key), after.get(key));
            if before != after {
                self.0.push(FieldChange {
                    field: format!("env.{key}"),
                    before: before.cloned(),
                    after: after.cloned(),
                    secrecy: Secrecy::Sensitive,
                });
            }
        }
    }

    fn lifecycle(&mut self, before: Lifecycle, after: Lifecycle) {
        let (old_idle, old_max) = effective_lifecycle(before);
        let (new_idle, new_max) = effective_lifecycle(after);
        self.compare("lifecycle.idle-timeout", Some(&old_idle), Some(&new_idle));
        self.compare("lifecycle.max-lifetime", Some(&old_max), Some(&new_max));
    }

    fn network(&mut self, before: &Network, after: &Network) {
        let (old_subnets, old_groups) = vpc(before);
        let (new_subnets, new_groups) = vpc(after);
        self.sets("network.subnets", old_subnets, new_subnets);
        self.sets("network.security-groups", old_groups, new_groups);
    }

    fn authorizer(&mut self, before: Option<&Authorizer>, after: Option<&Authorizer>) {
        let url = |authorizer: &Authorizer| authorizer.discovery_url.clone();
        self.compare(
            "authorizer.discovery-url",
            before.map(url).as_ref(),
            after.map(url).as_ref(),
        );
        let lists = |authorizer: Option<&Authorizer>| match authorizer {
            None => [Vec::new(), Vec::new(), Vec::new()],
            Some(Authorizer {
                discovery_url: _,
                allowed_audience,
                allowed_clients,
                allowed_scopes,
            }) => [
                allowed_audience.clone(),
                allowed_clients.clone(),
                allowed_scopes.clone(),
            ],
        };
        let names = [
            "authorizer.allowed-audience",
            "authorizer.allowed-clients",
            "authorizer.allowed-scopes",
        ];
        for ((name, before), after) in names.iter().zip(lists(before)).zip(lists(after)) {
            self.sets(name, &before, &after);
        }
    }
}

/// Idle timeout and maximal lifetime in seconds, with the service's own values where nothing is said.
pub(crate) fn effective_lifecycle(lifecycle: Lifecycle) -> (u32, u32) {
    let Lifecycle {
        idle_timeout,
        max_lifetime,
    } = lifecycle;
    (
        idle_timeout.unwrap_or(IDLE_TIMEOUT),
        max_lifetime.unwrap_or(MAX_LIFETIME),
    )
}

fn vpc(network: &Network) -> (&[String], &[String]) {
    match network {
        Network::Public => (&[], &[]),
        Network::Vpc {
            subnets,
            security_groups,
        } => (subnets, security_groups),
    }
}

/// A list whose order says nothing; `None` where it is empty.
fn set(items: &[String]) -> Option<String> {
    let mut items: Vec<&str> = items.iter().map(String::as_str).collect();
    items.sort_unstable();
    items.dedup();
    (!items.is_empty()).then(|| items.join(", "))
}

impl std::fmt::Display for CodeObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)?;
        match &self.version {
            Some(version) => write!(f, " (version {version})"),
            None => Ok(()),
        }
    }
}

impl std::fmt::Display for Artifact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code {
                object: Some(object),
                ..
            } => object.fmt(f),
            Self::Code { object: None, .. } => f.write_str("a code archive"),
            Self::Container { uri } => f.write_str(uri),
            Self::Unknown => f.write_str("an artifact of another kind"),
        }
    }
}

impl Artifact {
    /// For a JSON document.
    pub(crate) fn value(&self) -> serde_json::Value {
        match self {
            Self::Code {
                object,
                runtime,
                entry_point,
            } => json!({
                "kind": "code",
                "bucket": object.as_ref().map(|object| &object.bucket),
                "key": object.as_ref().map(|object| &object.key),
                "object_version": object.as_ref().and_then(|object| object.version.as_ref()),
                "runtime": runtime,
                "entry_point": entry_point,
            }),
            Self::Container { uri } => json!({ "kind": "container", "uri": uri }),
            Self::Unknown => json!({ "kind": "unknown" }),
        }
    }
}

impl FieldChange {
    /// One line: `lifecycle.idle-timeout: 900 -> 600`.
    pub(crate) fn words(&self, reveal: Reveal) -> String {
        let field = &self.field;
        let hidden = self.secrecy == Secrecy::Sensitive && reveal == Reveal::Keys;
        if hidden {
            return format!("{field}: {}", self.kind());
        }
        let shown = |side: &Option<String>| side.clone().unwrap_or("(not set)".into());
        format!("{field}: {} -> {}", shown(&self.before), shown(&self.after))
    }

    /// `added`, `removed` or `changed`.
    pub(crate) fn kind(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "added",
            (Some(_), None) => "removed",
            (Some(_), Some(_)) => "changed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// Sets one field; what is expected of the line; both ways.
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
}
