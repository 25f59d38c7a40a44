//! `gateways.<name>`: the members of CreateGateway that a table sets, and the gateway's targets.
//!
//! Source: the model of `bedrock-agentcore-control` in botocore 1.44.8.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Component, Path, PathBuf},
};

use serde_json::{Map, Value, json};

use super::{Content, Part, PartAgent, PartFile, ServiceRole, given_role, kms_key};
use crate::{
    config::{
        Allowed, Permission, authorizer,
        permission::Wrong,
        read::{Problems, Table, one_of},
        settings::Settings,
    },
    names::{AgentName, RuntimeName},
};

/// Who may call a gateway.
const AUTHORIZATION: [(&str, &str); 2] = [("iam", "AWS_IAM"), ("none", "NONE")];

/// The keys that say what a target is.
const TARGETS: [&str; 4] = ["agent", "lambda", "mcp-server", "openapi"];

/// The members of a target's document that file contents belong into, as JSON pointers.
const OPENAPI: &str = "/targetConfiguration/mcp/openApiSchema/inlinePayload";
const TOOLS: &str = "/targetConfiguration/mcp/lambda/toolSchema/inlinePayload";

pub(super) fn read(
    table: &mut Table<'_>,
    directory: &Path,
    problems: &mut Problems<'_>,
) -> Content {
    let mut settings = Map::new();
    let mut set = |member: &str, value: Option<Value>| {
        settings.extend(value.map(|value| (member.to_owned(), value)));
    };
    set("protocolType", Some("MCP".into()));
    set(
        "description",
        table
            .parsed("description", problems, description)
            .map(Value::from),
    );
    set("protocolConfiguration", protocol(table, problems));
    let kind = table.parsed("authorization", problems, |text| {
        one_of("authorization", text, &AUTHORIZATION)
    });
    let span = table.key_span("authorization");
    let mut claims = Settings::default();
    let tokens = authorizer::read(table, &mut claims, problems);
    if kind.is_some() && table.is_meant("authorizer") {
        problems.at(
            span,
            "a gateway has either `authorization` or an `authorizer`",
            "remove one of them",
        );
    }
    match tokens {
        Some(tokens) => {
            set("authorizerType", Some("CUSTOM_JWT".into()));
            let mut tokens = tokens.document();
            if let Some((_, claims)) = claims.iter().next() {
                tokens["customJWTAuthorizer"]["customClaims"] = claims.clone();
            }
            set("authorizerConfiguration", Some(tokens));
        }
        None => set("authorizerType", Some(kind.unwrap_or("AWS_IAM").into())),
    }
    set("kmsKeyArn", kms_key(table, problems).map(Value::from));
    let role = given_role(table, problems);
    set("roleArn", role.as_deref().map(Value::from));
    let (mut parts, mut needs) = (BTreeMap::new(), Vec::new());
    for (name, mut inner) in table.named("targets", problems) {
        if !is_target_name(&name) {
            problems.at(
                inner.span.clone(),
                format!("`{name}` cannot name a target: expected letters, digits and single hyphens between them, at most 100 characters"),
                "",
            );
        }
        let part = target(&mut inner, directory, &mut needs, problems);
        inner.finish(problems);
        parts.extend(part.map(|part| (name, part)));
    }
    Content {
        settings,
        parts,
        role: role.map_or(ServiceRole::Own(needs), ServiceRole::Given),
    }
}

fn protocol(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Option<Value> {
    let instructions = table.parsed("instructions", problems, |text| {
        if (1..=2048).contains(&text.chars().count()) {
            Ok(text.to_owned())
        } else {
            Err("instructions have 1 to 2048 characters")
        }
    });
    let search = table.parsed("search", problems, |text| {
        one_of("search", text, &[("semantic", "SEMANTIC")])
    });
    let mut mcp = Map::new();
    mcp.extend(instructions.map(|text| ("instructions".to_owned(), text.into())));
    mcp.extend(search.map(|kind| ("searchType".to_owned(), kind.into())));
    (!mcp.is_empty()).then(|| json!({ "mcp": mcp }))
}

fn target(
    table: &mut Table<'_>,
    directory: &Path,
    needs: &mut Vec<Permission>,
    problems: &mut Problems<'_>,
) -> Option<Part> {
    let description = table.parsed("description", problems, description);
    let span = table.key_span("agent");
    let agent = table.parsed("agent", problems, |text| called(text, span.clone()));
    let lambda = table.parsed("lambda", problems, function);
    let tools = table.parsed("tools", problems, file);
    let server = table.parsed("mcp-server", problems, address);
    let openapi = table.parsed("openapi", problems, file);
    let credentials = credentials(table, needs, problems);
    let given = TARGETS.iter().filter(|key| table.is_meant(key)).count();
    let name = table.name().to_owned();
    let span = table.span.clone();
    let mut refuse = |what: String, label: &str| {
        problems.at(span.clone(), what, label);
    };
    if given != 1 {
        let what =
            format!("`{name}` needs exactly one of `agent`, `lambda`, `mcp-server` and `openapi`");
        refuse(what, "");
        return None;
    }
    if table.is_meant("tools") != table.is_meant("lambda") {
        let what = format!("`{name}`: `lambda` and `tools` belong together");
        refuse(what, "`tools` names a JSON file with the function's tools");
        return None;
    }
    let by_role = json!([{ "credentialProviderType": "GATEWAY_IAM_ROLE" }]);
    let (mut content, mut leads_to) = (None, None);
    let mut inline = |path: PathBuf, place, is_json| {
        content = Some(PartFile {
            directory: directory.to_owned(),
            path,
            key: if is_json { "tools" } else { "openapi" },
            place,
            is_json,
        });
        json!({ "inlinePayload": Value::Null })
    };
    let (configuration, credentials) = if let Some(agent) = agent {
        let arn = match agent {
            Called::Runtime(arn) => {
                needs.push(Permission::Allow(Allowed {
                    actions: vec!["bedrock-agentcore:InvokeAgentRuntime".to_owned()],
                    on: vec![arn.clone(), format!("{arn}/runtime-endpoint/*")],
                    reason: None,
                }));
                Value::from(arn)
            }
            // The stage names its runtime, which also adds the permission.
            Called::Agent(agent) => {
                leads_to = Some(agent);
                Value::Null
            }
        };
        let target = json!({ "http": { "agentcoreRuntime": { "arn": arn } } });
        (target, credentials.or(Some(by_role)))
    } else if let (Some(arn), Some(tools)) = (lambda, tools) {
        needs.push(Permission::LambdaFunction(arn.clone()));
        let tools = inline(tools, TOOLS, true);
        let target = json!({ "mcp": { "lambda": { "lambdaArn": arn, "toolSchema": tools } } });
        (target, credentials.or(Some(by_role)))
    } else if let Some(address) = server {
        let target = json!({ "mcp": { "mcpServer": { "endpoint": address } } });
        (target, credentials)
    } else if let Some(path) = openapi {
        if credentials.is_none() {
            let what = format!("`{name}` needs `api-key` or `oauth`");
            refuse(
                what,
                "AgentCore calls an API only with credentials of a provider",
            );
            return None;
        }
        let target = json!({ "mcp": { "openApiSchema": inline(path, OPENAPI, false) } });
        (target, credentials)
    } else {
        return None;
    };
    let mut settings = Map::new();
    settings.insert("targetConfiguration".to_owned(), configuration);
    settings.extend(description.map(|text| ("description".to_owned(), text.into())));
    settings.extend(credentials.map(|one| ("credentialProviderConfigurations".to_owned(), one)));
    Some(Part {
        settings,
        file: content,
        agent: leads_to,
    })
}

/// Reads `api-key` or `oauth`, the name of a credential provider in the account.
fn credentials(
    table: &mut Table<'_>,
    needs: &mut Vec<Permission>,
    problems: &mut Problems<'_>,
) -> Option<Value> {
    let named = |key: &'static str| {
        move |text: &str| {
            let permission = Permission::valued(key, text, None).map_err(|wrong| match wrong {
                Wrong::Value(why) | Wrong::Access(why) => why,
            })?;
            Ok::<_, String>((text.to_owned(), permission))
        }
    };
    let key = table.parsed("api-key", problems, named("api-key"));
    let oauth = table.parsed("oauth", problems, named("oauth"));
    let scopes = super::texts(table.strings("scopes", problems));
    let span = table.span.clone();
    if key.is_some() && oauth.is_some() {
        problems.at(span.clone(), "a target has either `api-key` or `oauth`", "");
    }
    if scopes.is_some() && !table.is_meant("oauth") {
        problems.at(span, "only `oauth` has `scopes`", "");
    }
    let vault = "arn:{partition}:bedrock-agentcore:{region}:{account}:token-vault/default";
    let (kind, provider) = match (key, oauth) {
        (Some((name, need)), _) => {
            needs.push(need);
            let arn = format!("{vault}/apikeycredentialprovider/{name}");
            let provider = json!({ "apiKeyCredentialProvider": { "providerArn": arn } });
            ("API_KEY", provider)
        }
        (None, Some((name, need))) => {
            needs.push(need);
            let arn = format!("{vault}/oauth2credentialprovider/{name}");
            let scopes = scopes.unwrap_or_else(|| json!([]));
            let provider = json!({
                "oauthCredentialProvider": { "providerArn": arn, "scopes": scopes },
            });
            ("OAUTH", provider)
        }
        (None, None) => return None,
    };
    Some(json!([{ "credentialProviderType": kind, "credentialProvider": provider }]))
}

/// Accepts only what lies below the manifest's directory, because the content leaves the machine.
fn file(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    let mut steps = path.components();
    let is_inside = |step| matches!(step, Component::Normal(_) | Component::CurDir);
    if path.file_name().is_some() && steps.all(is_inside) {
        Ok(path.to_owned())
    } else {
        Err(format!(
            "invalid file `{text}`: expected a path below the directory of this Cargo.toml"
        ))
    }
}

/// Unlike a permission, a target needs the function's whole ARN.
fn function(text: &str) -> Result<String, String> {
    let is_function = text.split(':').nth(5) == Some("function");
    match Permission::valued("lambda", text, None) {
        Ok(Permission::LambdaFunction(arn)) if is_function => Ok(arn),
        _ => Err(format!(
            "invalid function `{text}`: expected `arn:aws:lambda:REGION:ACCOUNT:function:NAME`"
        )),
    }
}

/// What a target with `agent` calls.
enum Called {
    /// The ARN of a runtime.
    Runtime(String),
    Agent(PartAgent),
}

/// `span` is the value's place in the manifest.
fn called(text: &str, span: Range<usize>) -> Result<Called, String> {
    if text.starts_with("arn:") {
        return runtime(text).map(Called::Runtime);
    }
    let agent = AgentName::parse(text).and_then(|name| {
        let runtime = RuntimeName::of(&name, None)?;
        Ok(PartAgent {
            name,
            runtime,
            span: span.clone(),
        })
    });
    agent.map(Called::Agent).map_err(|_| {
        format!("invalid agent `{text}`: expected the name of an agent of this project, or the ARN of a runtime")
    })
}

fn runtime(text: &str) -> Result<String, String> {
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    match fields[..] {
        ["arn", _, "bedrock-agentcore", _, _, resource]
            if resource
                .strip_prefix("runtime/")
                .is_some_and(|id| id.contains('-') && !id.contains('/')) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(format!(
            "invalid agent `{text}`: expected the ARN of its runtime, `arn:aws:bedrock-agentcore:REGION:ACCOUNT:runtime/ID`"
        )),
    }
}

fn address(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").unwrap_or_default();
    let is_plain = !text.contains(char::is_whitespace);
    if is_plain && !host.is_empty() && !host.starts_with('/') {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "invalid MCP server `{text}`: expected an address that begins with `https://`"
        ))
    }
}

fn description(text: &str) -> Result<String, &'static str> {
    if (1..=200).contains(&text.chars().count()) {
        Ok(text.to_owned())
    } else {
        Err("the description of a gateway or a target has 1 to 200 characters")
    }
}

/// Returns whether the name follows the service's pattern, `([0-9a-zA-Z][-]?){1,100}`, and ends with
/// a letter or digit.
fn is_target_name(name: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_alphanumeric());
    name.len() <= 100 && name.split('-').all(is_part)
}
