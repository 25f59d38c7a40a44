//! A runtime as the service's own JSON: the members that the configuration determines, and all
//! others.
//!
//! An update replaces the whole runtime and resets every member that it does not contain. Members
//! outside the configuration, including unknown ones, are therefore copied from the current runtime
//! unchanged.

mod artifact;
mod members;
mod path;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

pub(crate) use self::path::Document;
use self::{
    artifact::{artifact, artifact_document},
    members::{MANAGED, READ_ONLY, READ_ONLY_OF_ENDPOINT, TAKEN},
    path::{at, is_nothing, only_variant, overlay, put, text, without},
};
use super::fields::{RuntimeFields, effective_lifecycle};
use crate::config::{Authorizer, Lifecycle, Network, Settings, settings::PLATFORM};

/// Returns the fields that the configuration determines, as this runtime has them.
pub(crate) fn fields(document: &Document) -> RuntimeFields {
    let strings = |path: &[&str]| -> Vec<String> {
        let listed = at(document, path).and_then(Value::as_array);
        let listed = listed.into_iter().flatten().filter_map(Value::as_str);
        listed.map(str::to_owned).collect()
    };
    let env = at(document, &["environmentVariables"]).and_then(Value::as_object);
    let env = env.into_iter().flatten();
    let jwt = |name| ["authorizerConfiguration", "customJWTAuthorizer", name];
    let vpc = |name| ["networkConfiguration", "networkModeConfig", name];
    RuntimeFields {
        role_arn: text(document, &["roleArn"]).unwrap_or_default(),
        description: text(document, &["description"]),
        artifact: artifact(document),
        env: env
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
        lifecycle: Lifecycle {
            idle_timeout: seconds(document, "idleRuntimeSessionTimeout"),
            max_lifetime: seconds(document, "maxLifetime"),
        },
        network: if network_mode(document) == Some("VPC") {
            Network::Vpc {
                subnets: strings(&vpc("subnets")),
                security_groups: strings(&vpc("securityGroups")),
            }
        } else {
            Network::Public
        },
        protocol: protocol(document),
        authorizer: text(document, &jwt("discoveryUrl")).map(|discovery_url| Authorizer {
            discovery_url,
            allowed_audience: strings(&jwt("allowedAudience")),
            allowed_clients: strings(&jwt("allowedClients")),
            allowed_scopes: strings(&jwt("allowedScopes")),
        }),
        header_allowlist: strings(&["requestHeaderConfiguration", "requestHeaderAllowlist"]),
        settings: Settings::of(&unmanaged(document)),
    }
}

/// Returns a runtime's platform in the service's spelling, or `None` if the store does not report
/// it.
pub(crate) fn platform(document: &Document) -> Option<String> {
    text(document, PLATFORM)
}

/// Returns the settings outside the configuration, by their path in the document, such as
/// `networkConfiguration.networkModeConfig.requireServiceS3Endpoint`.
pub(crate) fn set_elsewhere(document: &Document) -> BTreeMap<String, Value> {
    let mut rest = unmanaged(document);
    // The service sets one on every runtime.
    rest.remove("platformVersion");
    let mut found = BTreeMap::new();
    collect(&rest, &mut Vec::new(), &mut found);
    found
}

/// Returns the document that creates a runtime.
pub(crate) fn create(
    name: &str,
    fields: &RuntimeFields,
    tags: &BTreeMap<String, String>,
    token: &str,
) -> Document {
    let mut document = update(&Document::new(), fields, &BTreeSet::new(), token);
    // Only an update accepts it; new runtimes have it anyway.
    document.remove("metadataConfiguration");
    document.insert("agentRuntimeName".to_owned(), json!(name));
    document.insert("tags".to_owned(), json!(tags));
    document
}

/// Returns the document that replaces the runtime `there` by one with these fields, without the
/// withdrawn members, and otherwise unchanged.
pub(crate) fn update(
    there: &Document,
    wanted: &RuntimeFields,
    withdrawn: &BTreeSet<String>,
    token: &str,
) -> Document {
    let RuntimeFields {
        role_arn,
        description,
        artifact,
        env,
        lifecycle,
        network,
        protocol: server_protocol,
        authorizer,
        header_allowlist,
        settings,
    } = wanted;
    let mut rest = unmanaged(there);
    for place in withdrawn {
        without(&mut rest, &place.split('.').collect::<Vec<_>>());
    }
    let (idle, lifetime) = effective_lifecycle(*lifecycle);
    let mut own = json!({
        "clientToken": token,
        "roleArn": role_arn,
        "environmentVariables": env,
        // Set explicitly, because an emulator may keep values that an update omits.
        "lifecycleConfiguration": { "idleRuntimeSessionTimeout": idle, "maxLifetime": lifetime },
        "protocolConfiguration": { "serverProtocol": server_protocol },
        // Runtimes without it can no longer be invoked.
        "metadataConfiguration": { "requireMMDSV2": true },
    });
    if let Some(description) = description {
        own["description"] = json!(description);
    }
    // Port and path belong to the protocol.
    if protocol(there) != *server_protocol {
        rest.remove("protocolConfiguration");
    }
    if let Some(artifact) = artifact_document(artifact) {
        only_variant(&mut rest, "agentRuntimeArtifact", &artifact);
        own["agentRuntimeArtifact"] = artifact;
    }
    if let Some(network) = network_document(network, &mut rest) {
        own["networkConfiguration"] = network;
    }
    match authorizer {
        // Other members of the authorizer stay even with another issuer, because they can only
        // refuse more.
        Some(authorizer) => {
            let authorizer = Authorizer::document(authorizer);
            only_variant(&mut rest, "authorizerConfiguration", &authorizer);
            own["authorizerConfiguration"] = authorizer;
        }
        None => without(
            &mut rest,
            &["authorizerConfiguration", "customJWTAuthorizer"],
        ),
    }
    if !header_allowlist.is_empty() {
        let allowlist = json!({ "requestHeaderAllowlist": header_allowlist });
        only_variant(&mut rest, "requestHeaderConfiguration", &allowlist);
        own["requestHeaderConfiguration"] = allowlist;
    }
    let mut document = Value::Object(rest);
    overlay(&mut document, own);
    for (place, value) in settings.iter() {
        put(&mut document, place, value);
    }
    match document {
        Value::Object(document) => document,
        _ => unreachable!("two objects make an object"),
    }
}

/// Returns the document that points an endpoint at a version. Unknown members of the endpoint
/// `there` stay.
pub(crate) fn update_endpoint(
    there: &Document,
    version: u32,
    description: Option<&str>,
    token: &str,
) -> Document {
    let mut document = there.clone();
    document.retain(|name, value| {
        !READ_ONLY_OF_ENDPOINT.contains(&name.as_str()) && !is_nothing(value)
    });
    document.insert("clientToken".to_owned(), json!(token));
    document.insert("agentRuntimeVersion".to_owned(), json!(version.to_string()));
    if let Some(description) = description {
        document.insert("description".to_owned(), json!(description));
    }
    document
}

/// Returns the members that the service refused: those that an update is not known to accept and
/// that the message names.
pub(crate) fn refused(document: &Document, message: &str) -> Vec<String> {
    let names = document.keys().map(String::as_str);
    let unknown = names.filter(|name| !TAKEN.contains(name) && !READ_ONLY.contains(name));
    let refused = unknown.filter(|name| names_member(message, name));
    refused.map(str::to_owned).collect()
}

fn names_member(message: &str, member: &str) -> bool {
    let words = message.split(|c: char| !c.is_alphanumeric() && c != '_');
    words
        .into_iter()
        .any(|word| word.eq_ignore_ascii_case(member))
}

/// Returns the document without read-only members and those that the configuration determines.
fn unmanaged(document: &Document) -> Document {
    let mut rest = document.clone();
    rest.retain(|name, value| !READ_ONLY.contains(&name.as_str()) && !is_nothing(value));
    for path in MANAGED {
        without(&mut rest, path);
    }
    // An unknown network mode is kept.
    if matches!(network_mode(document), Some("PUBLIC" | "VPC")) {
        without(&mut rest, &["networkConfiguration", "networkMode"]);
    }
    rest
}

/// Collects members recursively. Descends only into objects that the configuration determines in
/// part.
fn collect(rest: &Document, path: &mut Vec<String>, found: &mut BTreeMap<String, Value>) {
    for (name, value) in rest {
        path.push(name.clone());
        let is_shared = MANAGED
            .iter()
            .any(|managed| managed.len() > path.len() && path.iter().eq(&managed[..path.len()]));
        match value {
            Value::Object(inner) if is_shared => collect(inner, path, found),
            _ => {
                found.insert(path.join("."), value.clone());
            }
        }
        path.pop();
    }
}

fn seconds(document: &Document, name: &str) -> Option<u32> {
    let value = at(document, &["lifecycleConfiguration", name])?.as_u64()?;
    u32::try_from(value).ok()
}

fn protocol(document: &Document) -> String {
    let protocol = text(document, &["protocolConfiguration", "serverProtocol"]);
    protocol.unwrap_or_else(|| "HTTP".to_owned())
}

fn network_mode(document: &Document) -> Option<&str> {
    at(document, &["networkConfiguration", "networkMode"])?.as_str()
}

/// Returns `None` if the runtime's own mode stays.
fn network_document(network: &Network, rest: &mut Document) -> Option<Value> {
    match network {
        Network::Public if network_mode(rest).is_some() => None,
        Network::Public => {
            without(rest, &["networkConfiguration", "networkModeConfig"]);
            Some(json!({ "networkMode": "PUBLIC" }))
        }
        Network::Vpc {
            subnets,
            security_groups,
        } => Some(json!({
            "networkMode": "VPC",
            "networkModeConfig": { "subnets": subnets, "securityGroups": security_groups },
        })),
    }
}

#[cfg(test)]
mod tests;
