//! Compares an agent's configuration with its runtime, field by field.
//!
//! [`RuntimeFields`] is built from both sides; [`changes`] lists the differences. Values of
//! environment variables may be secret, so they are compared but printed only on request.

use std::collections::BTreeMap;

use serde_json::json;

use super::managed_settings;
use crate::config::{Agent, Authorizer, Lifecycle, Network, Settings};
use crate::resources::change::{FieldChange, Secrecy};

/// The service's defaults.
const IDLE_TIMEOUT: u32 = 900;
const MAX_LIFETIME: u32 = 28_800;

/// All fields of a runtime that the configuration determines.
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
    /// For an existing runtime, everything that is not in the other fields.
    pub(crate) settings: Settings,
}

/// What the runtime runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Artifact {
    Code {
        /// The location of the archive; `None` if unknown, and then not compared.
        object: Option<CodeObject>,
        /// The service's name, such as `PYTHON_3_13`.
        runtime: String,
        entry_point: Vec<String>,
    },
    Container {
        uri: String,
    },
    /// Something that this version does not know.
    Unknown,
}

/// The archive of a direct code deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodeObject {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version: Option<String>,
}

/// The inputs that are not in the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Circumstances {
    pub(crate) role_arn: String,
    pub(crate) artifact: Artifact,
    /// Additional variables; the agent's own override them.
    pub(crate) env: BTreeMap<String, String>,
}

impl RuntimeFields {
    /// Returns the fields that the configuration wants.
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
            settings: agent.settings.clone(),
        }
    }
}

/// Returns what an update would change, in the order of the manifest's reference.
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
        settings,
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
        // Header names are case-insensitive.
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
    found
        .0
        .extend(managed_settings::changes(settings, &observed.settings));
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

/// Returns idle timeout and maximum lifetime in seconds, with the service's defaults.
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

/// Joins a list without an order; returns `None` if it is empty.
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

/// The program that sends traces for agents that do not do it themselves.
pub(crate) const INSTRUMENTATION: &str = "opentelemetry-instrument";

impl Artifact {
    /// Returns whether the artifact can send traces. The content of images is unknown.
    pub(crate) fn can_trace(&self) -> bool {
        match self {
            Self::Code { entry_point, .. } => entry_point
                .first()
                .is_some_and(|first| first == INSTRUMENTATION),
            Self::Container { .. } | Self::Unknown => true,
        }
    }

    /// Returns the JSON value.
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

#[cfg(test)]
mod tests;
