//! `runtime-settings`: members of the service's document that have no separate key.

use serde_json::{Map, Number, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{KEYS, Place, Settings, is_structure, meet};
use crate::{
    config::read::{Problems, Table, named},
    names::is_hidden,
};

/// Members that are set by keys which are not settings, by key.
const ELSEWHERE: [(&str, Place<'static>); 13] = [
    ("description", &["description"]),
    ("env", &["environmentVariables"]),
    (
        "lifecycle.idle-timeout",
        &["lifecycleConfiguration", "idleRuntimeSessionTimeout"],
    ),
    (
        "lifecycle.max-lifetime",
        &["lifecycleConfiguration", "maxLifetime"],
    ),
    ("network", &["networkConfiguration", "networkMode"]),
    (
        "network.subnets",
        &["networkConfiguration", "networkModeConfig", "subnets"],
    ),
    (
        "network.security-groups",
        &[
            "networkConfiguration",
            "networkModeConfig",
            "securityGroups",
        ],
    ),
    ("protocol", &["protocolConfiguration", "serverProtocol"]),
    (
        "authorizer.discovery-url",
        &[
            "authorizerConfiguration",
            "customJWTAuthorizer",
            "discoveryUrl",
        ],
    ),
    (
        "authorizer.allowed-audience",
        &[
            "authorizerConfiguration",
            "customJWTAuthorizer",
            "allowedAudience",
        ],
    ),
    (
        "authorizer.allowed-clients",
        &[
            "authorizerConfiguration",
            "customJWTAuthorizer",
            "allowedClients",
        ],
    ),
    (
        "authorizer.allowed-scopes",
        &[
            "authorizerConfiguration",
            "customJWTAuthorizer",
            "allowedScopes",
        ],
    ),
    (
        "header-allowlist",
        &["requestHeaderConfiguration", "requestHeaderAllowlist"],
    ),
];

/// Members that this tool or the service itself sets for every runtime.
const OWN: [Place<'static>; 15] = [
    &["agentRuntimeArn"],
    &["agentRuntimeArtifact"],
    &["agentRuntimeId"],
    &["agentRuntimeName"],
    &["agentRuntimeVersion"],
    &["clientToken"],
    &["createdAt"],
    &["failureReason"],
    &["lastUpdatedAt"],
    &["metadataConfiguration", "requireMMDSV2"],
    &["roleArn"],
    &["status"],
    &["statusReasons"],
    &["tags"],
    &["workloadIdentityDetails"],
];

const KEY: &str = "runtime-settings";

pub(in crate::config) fn read(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Settings {
    let Some(members) = table.members(KEY, problems) else {
        return Settings::default();
    };
    let mut settings = Settings::default();
    collect(members, &mut Vec::new(), &mut settings, problems);
    settings
}

fn collect(
    members: &DeTable<'_>,
    above: &mut Vec<String>,
    settings: &mut Settings,
    problems: &mut Problems<'_>,
) {
    for (name, value) in members {
        above.push(name.get_ref().to_string());
        let json = json(KEY, value, problems);
        match (value.get_ref(), &json) {
            (DeValue::Table(inner), Some(Value::Object(members))) if is_structure(members) => {
                collect(inner, above, settings, problems);
            }
            (_, Some(json)) => match refusal(above, json) {
                Some((what, help)) => {
                    let message = problems.message(name.span(), what, "").help(help);
                    problems.push(message);
                }
                None => settings.insert(above.clone(), json.clone()),
            },
            (_, None) => {}
        }
        above.pop();
    }
}

/// Returns why a member cannot be set here, and what to do instead.
fn refusal(place: &[String], value: &Value) -> Option<(String, String)> {
    let shown = place.join(".");
    let named = KEYS
        .iter()
        .chain(&ELSEWHERE)
        .find(|(_, known)| meet(place, known));
    if let Some((key, _)) = named {
        let top = key.split('.').next().unwrap_or(key);
        return Some((
            format!("`{shown}` in `runtime-settings` has a key of its own, `{key}`"),
            format!("set `{top}` instead"),
        ));
    }
    if OWN.iter().any(|own| meet(place, own)) {
        return Some((
            format!("`{shown}` cannot be set in `runtime-settings`"),
            "cargo-agentcore decides this member itself, or the service does".to_owned(),
        ));
    }
    let is_empty = match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    is_empty.then(|| {
        (
            format!("`{shown}` in `runtime-settings` is empty"),
            "remove the key: what is not set is not sent".to_owned(),
        )
    })
}

/// Converts the value to JSON. Values without a JSON form are problems.
fn json(key: &str, value: &Spanned<DeValue<'_>>, problems: &mut Problems<'_>) -> Option<Value> {
    match value.get_ref() {
        DeValue::String(text) => match text.chars().find(|c| is_hidden(*c)) {
            Some(hidden) => {
                problems.at(
                    value.span(),
                    format!("a value in `{key}` contains {}", named(hidden)),
                    "",
                );
                None
            }
            None => Some(Value::String(text.to_string())),
        },
        DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
            .map(Value::from)
            .ok(),
        DeValue::Float(digits) => digits
            .as_str()
            .parse()
            .ok()
            .and_then(Number::from_f64)
            .map(Value::Number),
        DeValue::Boolean(is) => Some(Value::Bool(*is)),
        DeValue::Datetime(_) => {
            problems.at(
                value.span(),
                format!("a date in `{key}` must be written as a string"),
                "",
            );
            None
        }
        DeValue::Array(items) => {
            let items: Vec<Option<Value>> =
                items.iter().map(|item| json(key, item, problems)).collect();
            items
                .into_iter()
                .collect::<Option<Vec<Value>>>()
                .map(Value::Array)
        }
        DeValue::Table(table) => members(key, table, problems).map(Value::Object),
    }
}

/// Converts the table that is the value of `key` to JSON.
pub(in crate::config) fn members(
    key: &str,
    table: &DeTable<'_>,
    problems: &mut Problems<'_>,
) -> Option<Map<String, Value>> {
    let members: Vec<Option<(String, Value)>> = table
        .iter()
        .map(|(name, value)| Some((name.get_ref().to_string(), json(key, value, problems)?)))
        .collect();
    members.into_iter().collect()
}
