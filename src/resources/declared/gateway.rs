//! How gateways and their targets are compared and updated. UpdateGateway and UpdateGatewayTarget
//! replace the whole document.

use serde_json::{Map, Value};

use sha2::{Digest as _, Sha256};

use super::{UNKNOWN, Update, field, shown};
use crate::{
    config::{Part, Settings},
    resources::change::FieldChange,
    text::{counted, hex, suggestion},
};

/// The settings with a key of their own in the metadata; others are shown with the service's names.
const KEYS: [(&str, &str); 16] = [
    (
        "authorizerConfiguration.customJWTAuthorizer.allowedAudience",
        "authorizer.allowed-audience",
    ),
    (
        "authorizerConfiguration.customJWTAuthorizer.allowedClients",
        "authorizer.allowed-clients",
    ),
    (
        "authorizerConfiguration.customJWTAuthorizer.allowedScopes",
        "authorizer.allowed-scopes",
    ),
    (
        "authorizerConfiguration.customJWTAuthorizer.customClaims",
        "authorizer.custom-claims",
    ),
    (
        "authorizerConfiguration.customJWTAuthorizer.discoveryUrl",
        "authorizer.discovery-url",
    ),
    ("authorizerType", "authorization"),
    ("credentialProviderConfigurations", "credentials"),
    ("kmsKeyArn", "kms-key"),
    ("protocolConfiguration.mcp.instructions", "instructions"),
    ("protocolConfiguration.mcp.searchType", "search"),
    ("roleArn", "role"),
    ("targetConfiguration.http.agentcoreRuntime.arn", "agent"),
    ("targetConfiguration.mcp.lambda.lambdaArn", "lambda"),
    (
        "targetConfiguration.mcp.lambda.toolSchema.inlinePayload",
        "tools",
    ),
    ("targetConfiguration.mcp.mcpServer.endpoint", "mcp-server"),
    (
        "targetConfiguration.mcp.openApiSchema.inlinePayload",
        "openapi",
    ),
];

/// The length of the longest value that is shown whole.
const LONGEST: usize = 120;

/// The members of a target that the metadata sets.
const OF_TARGET: [&str; 3] = [
    "credentialProviderConfigurations",
    "description",
    "targetConfiguration",
];

/// The members of a gateway that the metadata sets. All gateways have the same protocol.
const OF_GATEWAY: [&str; 6] = [
    "authorizerConfiguration",
    "authorizerType",
    "description",
    "kmsKeyArn",
    "protocolConfiguration",
    "roleArn",
];

/// The place of a runtime's ARN in the document of a target that calls it.
const RUNTIME: &str = "/targetConfiguration/http/agentcoreRuntime/arn";

/// Returns whether a target calls a runtime.
pub(crate) fn calls_a_runtime(target: &Map<String, Value>) -> bool {
    Value::Object(target.clone()).pointer(RUNTIME).is_some()
}

/// Returns whether a target calls a runtime that does not exist yet.
pub(super) fn awaits_a_runtime(target: &Map<String, Value>) -> bool {
    let target = Value::Object(target.clone());
    target.pointer(RUNTIME).is_some_and(|arn| arn == UNKNOWN)
}

/// Makes a target call this runtime.
pub(super) fn lead_to(target: &mut Map<String, Value>, arn: &str) {
    let mut document = Value::Object(std::mem::take(target));
    if let Some(place) = document.pointer_mut(RUNTIME) {
        *place = arn.into();
    }
    if let Value::Object(members) = document {
        *target = members;
    }
}

/// Compares the settings with the service's document. `hidden` means that the metadata changed since
/// the gateway was written.
pub(super) fn update(
    settings: &Map<String, Value>,
    there: &Map<String, Value>,
    name: &str,
    hidden: bool,
) -> Update {
    let mut update = Update {
        fields: differences(settings, there, &OF_GATEWAY, hidden),
        ..Update::default()
    };
    if !update.fields.is_empty() {
        update.body = named(settings, name);
    }
    update
}

/// Returns what differs in a target.
pub(super) fn part_differences(
    part: &Part,
    there: &Map<String, Value>,
    hidden: bool,
) -> Vec<FieldChange> {
    differences(&part.settings, there, &OF_TARGET, hidden)
}

/// Returns a whole document for a write.
pub(super) fn named(settings: &Map<String, Value>, name: &str) -> Map<String, Value> {
    let mut body = settings.clone();
    body.insert("name".to_owned(), name.into());
    body
}

/// Returns the differences. The service adds defaults, and does not return everything that it was
/// sent, so a member that only one side has is a difference only if the metadata changed.
fn differences(
    wanted: &Map<String, Value>,
    there: &Map<String, Value>,
    members: &[&str],
    hidden: bool,
) -> Vec<FieldChange> {
    let ours = |document: &Map<String, Value>| {
        let mut document = document.clone();
        document.retain(|member, value| members.contains(&member.as_str()) && !value.is_null());
        Settings::of(&document)
    };
    let is_new = there.is_empty();
    let (wanted, there) = (ours(wanted), ours(there));
    let mut found = Vec::new();
    for (place, value) in wanted.iter() {
        match there.at(place) {
            Some(before) if before != value => {
                found.extend(field(&key(place), Some(brief(before)), Some(brief(value))));
            }
            None if is_new || hidden => {
                found.extend(field(&key(place), None, Some(brief(value))));
            }
            Some(_) | None => {}
        }
    }
    for (place, before) in there.iter() {
        let is_set = wanted
            .iter()
            .any(|(set, _)| set.starts_with(place) || place.starts_with(set));
        if hidden && !is_set && !is_default(before) {
            found.extend(field(&key(place), Some(brief(before)), None));
        }
    }
    found
}

/// Returns whether a value is the same as none.
fn is_default(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// Checks a list of tools for a Lambda function, as the service's `ToolDefinition` describes it.
pub(crate) fn tools(document: Value) -> Result<Value, String> {
    let all = document.as_array().filter(|all| !all.is_empty());
    let all = all.ok_or("is not a list of tools")?;
    for (number, tool) in (1..).zip(all) {
        let tool = tool
            .as_object()
            .ok_or_else(|| format!("has a tool that is not an object, number {number}"))?;
        for member in ["name", "description"] {
            if !tool.get(member).is_some_and(Value::is_string) {
                return Err(format!("has a tool without a `{member}`, number {number}"));
            }
        }
        if !tool.get("inputSchema").is_some_and(Value::is_object) {
            return Err(format!(
                "has a tool without an `inputSchema`, number {number}"
            ));
        }
        let known = ["name", "description", "inputSchema", "outputSchema"];
        let unknown = tool.keys().find(|member| !known.contains(&member.as_str()));
        if let Some(member) = unknown {
            let near = suggestion(member, known);
            return Err(format!(
                "has a tool with an unknown member `{member}`, number {number}{near}"
            ));
        }
    }
    Ok(document)
}

/// Checks that a text looks like an OpenAPI document, in JSON or YAML.
pub(crate) fn openapi(text: String) -> Result<Value, String> {
    let is_version = |line: &str| {
        let key = line.trim_start().trim_start_matches(['{', '"', '\'']);
        key.starts_with("openapi") || key.starts_with("swagger")
    };
    if text.lines().any(is_version) || text.contains("\"openapi\"") {
        Ok(text.into())
    } else {
        Err("is not an OpenAPI document: it has no `openapi`".to_owned())
    }
}

/// Returns a value in one line. Documents are shown by their hash and size.
fn brief(value: &Value) -> String {
    let text = shown(value);
    if text.len() <= LONGEST && !text.contains('\n') {
        return text;
    }
    let hash = hex(&Sha256::digest(text.as_bytes())[..4]);
    format!("{hash} ({})", counted(text.len(), "byte"))
}

fn key(place: &[String]) -> String {
    let path = place.join(".");
    KEYS.iter()
        .find(|(member, _)| *member == path)
        .map_or(path, |(_, key)| (*key).to_owned())
}
