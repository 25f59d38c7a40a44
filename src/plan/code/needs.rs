//! The permissions that the code needs.

use std::{collections::BTreeMap, ops::Range};

use super::{At, Code};
use crate::{
    config::{Access, Agent, Allowed, Permission, QueueAccess},
    python::Call,
};

/// A capability that the code uses, in the table's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    /// Its key in the table.
    pub(crate) key: &'static str,
    /// The resource, if the code names it.
    pub(crate) value: Option<String>,
    pub(crate) access: Option<&'static str>,
    /// The environment variables that name the resource.
    pub(crate) variables: Vec<String>,
}

impl Need {
    fn new(key: &'static str, access: Option<&'static str>) -> Self {
        Self {
            key,
            value: None,
            access,
            variables: Vec::new(),
        }
    }

    /// Returns the permission if the code reveals enough.
    pub(crate) fn permission(&self) -> Option<Permission> {
        match &self.value {
            None if self.variables.is_empty() => Permission::bare(self.key),
            None => None,
            Some(value) => Permission::valued(self.key, &self.written(value), self.access).ok(),
        }
    }

    /// Returns the same need for a given resource.
    pub(crate) fn on(&self, value: &str) -> Self {
        Self {
            value: Some(value.to_owned()),
            variables: Vec::new(),
            ..self.clone()
        }
    }

    /// Returns a placeholder for a resource that the code does not name.
    pub(crate) fn placeholder(&self) -> &'static str {
        match self.key {
            "s3" => "BUCKET",
            "secret" => "ARN",
            "ssm" | "dynamodb" | "sqs" | "sns" | "lambda" | "api-key" | "oauth" | "agent" => "NAME",
            _ => "ID",
        }
    }

    /// Returns the entry for `permissions`, with a placeholder in capitals for an unknown resource.
    pub(crate) fn entry(&self) -> String {
        if let Some(permission) = self.permission() {
            return permission.to_toml().to_string().trim().to_owned();
        }
        let value = match self.key {
            "s3" => self.written(self.placeholder()),
            _ => self.placeholder().to_owned(),
        };
        let access = self.access.map(|access| format!(", access = \"{access}\""));
        format!(
            "{{ {} = \"{value}\"{} }}",
            self.key,
            access.unwrap_or_default()
        )
    }

    fn written(&self, value: &str) -> String {
        match self.key {
            "s3" if !value.starts_with("arn:") => format!("arn:aws:s3:::{value}/*"),
            "sqs" if value.starts_with("https://") => name_of(value).to_owned(),
            // Its ID is the first part of the host name.
            "gateway" if value.starts_with("https://") => {
                let host = value.trim_start_matches("https://");
                host.split('.').next().unwrap_or(host).to_owned()
            }
            // A runtime's ID is its name, a hyphen, and ten characters.
            "agent" if value.starts_with("arn:") => {
                let id = name_of(value);
                let name = id.rsplit_once('-').map_or(id, |(name, _)| name);
                name.to_owned()
            }
            _ => value.to_owned(),
        }
    }

    /// Returns a description, such as ``the DynamoDB table `orders` ``.
    pub(crate) fn what(&self) -> String {
        let kind = match self.key {
            "code-interpreter" => "code interpreter",
            "browser" => "browser",
            "pricing" => "AWS price list",
            "memory" => "memory",
            "gateway" => "gateway",
            "guardrail" => "guardrail",
            "s3" => "S3 bucket",
            "secret" => "secret",
            "api-key" => "API key",
            "oauth" => "OAuth client",
            "agent" => "agent",
            "inference-profile" => "inference profile",
            "knowledge-base" => "knowledge base",
            "dynamodb" => "DynamoDB table",
            "ssm" => "SSM parameter",
            "sqs" => "SQS queue",
            "sns" => "SNS topic",
            "lambda" => "Lambda function",
            other => other,
        };
        match &self.value {
            Some(value) => format!("the {kind} `{}`", name_of(value)),
            None if ["code-interpreter", "browser", "pricing"].contains(&self.key) => {
                format!("the {kind}")
            }
            None if kind.starts_with(['A', 'O', 'S', 'a']) => format!("an {kind}"),
            None => format!("a {kind}"),
        }
    }
}

/// Returns what the code needs, each capability and resource once, at its first position.
pub(super) fn needed(code: &Code<'_>, env: &BTreeMap<String, String>) -> Vec<At<Need>> {
    let mut found: Vec<At<Need>> = Vec::new();
    let mut add = |need: Need, file: &str, span: &Range<usize>| {
        let same = found.iter_mut().find(|at| {
            (at.it.key, &at.it.value) == (need.key, &need.value)
                && at.it.variables == need.variables
        });
        match same {
            Some(same) => same.it.access = wider(same.it.access, need.access),
            None => found.push(At {
                it: need,
                file: file.to_owned(),
                span: span.clone(),
            }),
        }
    };
    for (file, uses) in code.uses() {
        let is_script = file == code.entrypoint;
        let calls = uses.calls.iter();
        for call in calls.filter(|call| is_script || !call.as_script) {
            if let Some(need) = need(call, env) {
                add(need, file, &call.span);
            }
        }
        for value in &uses.texts {
            if let Some(profile) = value.under(env).filter(|text| is_profile(text)) {
                let need = Need::new("inference-profile", None).on(profile);
                add(need, file, &value.span);
            }
        }
    }
    // Drop a need without a resource if the same capability is also used with one.
    let exact: Vec<&'static str> = found
        .iter()
        .filter(|at| at.it.value.is_some() || !at.it.variables.is_empty())
        .map(|at| at.it.key)
        .collect();
    found.retain(|at| {
        let is_vague = at.it.value.is_none() && at.it.variables.is_empty();
        let stands_alone = Permission::bare(at.it.key).is_some();
        !is_vague || stands_alone || !exact.contains(&at.it.key)
    });
    found
}

/// Returns true for the ARN of an application inference profile, which code passes as a model.
fn is_profile(text: &str) -> bool {
    text.starts_with("arn:") && text.contains(":application-inference-profile/")
}

fn wider(one: Option<&'static str>, other: Option<&'static str>) -> Option<&'static str> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => Some(match one {
            "send" | "receive" | "send-receive" => "send-receive",
            _ => "read-write",
        }),
        _ => one,
    }
}

fn need(call: &Call, env: &BTreeMap<String, String>) -> Option<Need> {
    of_library(call, env).or_else(|| of_client(call, env))
}

/// Adds the resource from an argument.
fn on(
    mut need: Need,
    call: &Call,
    (name, place): (&str, Option<usize>),
    env: &BTreeMap<String, String>,
) -> Need {
    const SHARED: [&str; 2] = ["aws.codeinterpreter.v1", "aws.browser.v1"];
    if let Some(argument) = call.argument(name, place) {
        let value = argument.value.as_ref();
        need.value = value
            .and_then(|value| value.under(env))
            .filter(|id| !SHARED.contains(id) && !id.is_empty())
            .map(str::to_owned);
        if need.value.is_none()
            && let Some(value) = value.filter(|value| value.text.is_none())
        {
            need.variables.clone_from(&value.variables);
        }
    }
    need
}

/// Recognizes calls of the AgentCore SDK, Strands, and LangGraph's memory.
fn of_library(call: &Call, env: &BTreeMap<String, String>) -> Option<Need> {
    let (module, name) = call.callee.rsplit_once('.')?;
    let top = module.split('.').next().unwrap_or(module);
    let (key, argument, place) = match (top, name) {
        ("bedrock_agentcore", "code_session" | "CodeInterpreter")
        | ("strands_tools", "AgentCoreCodeInterpreter") => ("code-interpreter", "identifier", None),
        ("bedrock_agentcore", "browser_session" | "BrowserClient")
        | ("strands_tools", "AgentCoreBrowser") => ("browser", "identifier", None),
        ("bedrock_agentcore", "MemoryClient") => ("memory", "memory_id", None),
        ("bedrock_agentcore", "MemorySessionManager" | "AgentCoreMemoryConfig")
        | ("strands_tools", "AgentCoreMemoryToolProvider")
        | ("langgraph_checkpoint_aws", "AgentCoreMemorySaver" | "AgentCoreMemoryStore") => {
            ("memory", "memory_id", Some(0))
        }
        ("bedrock_agentcore", method)
            if module.ends_with(".MemoryClient()") && !method.ends_with("_memory") =>
        {
            ("memory", "memory_id", Some(0))
        }
        // A gateway with IAM authorization. A gateway that accepts tokens needs no permission.
        ("mcp_proxy_for_aws", "aws_iam_streamablehttp_client") => ("gateway", "endpoint", Some(0)),
        ("bedrock_agentcore", "requires_access_token") => ("oauth", "provider_name", None),
        ("bedrock_agentcore", "requires_api_key") => ("api-key", "provider_name", None),
        ("strands", "BedrockModel") => {
            call.argument("guardrail_id", None)?;
            ("guardrail", "guardrail_id", None)
        }
        _ => return None,
    };
    Some(on(Need::new(key, None), call, (argument, place), env))
}

const READ: Option<&str> = Some("read");
const WRITE: Option<&str> = Some("read-write");

/// Recognizes calls of boto3's clients and resources, such as `boto3.client("s3").get_object`.
fn of_client(call: &Call, env: &BTreeMap<String, String>) -> Option<Need> {
    let callee = call.callee.as_str();
    if !callee.starts_with("boto3.") {
        return None;
    }
    let (service, chain) = [".client(\"", ".resource(\""]
        .iter()
        .find_map(|word| callee.split_once(word))
        .and_then(|(_, rest)| rest.split_once("\")"))?;
    let chain = chain.strip_prefix('.')?;
    let method = match between(chain, "get_paginator(\"") {
        Some(method) => method,
        None => chain.rsplit('.').next().unwrap_or(chain),
    };
    let (key, access, argument) = match service {
        "s3" => s3(chain, method)?,
        "dynamodb" => dynamodb(chain, method)?,
        _ => other(service, method)?,
    };
    let need = Need::new(key, access);
    // `resource("dynamodb").Table("orders")` names the resource before the call.
    for word in ["Table(\"", "Bucket(\"", "Object(\"", "Queue(\"", "Topic(\""] {
        if let Some(name) = between(chain, word) {
            return Some(Need {
                value: Some(name.to_owned()),
                ..need
            });
        }
    }
    let place = ["Table", "Bucket", "Queue", "Topic"].contains(&chain);
    Some(on(need, call, (argument, place.then_some(0)), env))
}

fn between<'t>(chain: &'t str, word: &str) -> Option<&'t str> {
    chain.split_once(word)?.1.split('"').next()
}

type Use = (&'static str, Option<&'static str>, &'static str);

fn s3(chain: &str, method: &str) -> Option<Use> {
    let access = match method {
        "get_object" | "head_object" | "download_file" | "download_fileobj" | "list_objects"
        | "list_objects_v2" => READ,
        "put_object" | "upload_file" | "upload_fileobj" | "delete_object" | "delete_objects" => {
            WRITE
        }
        "get" | "load" if chain.starts_with("Object(") => READ,
        "put" | "delete" if chain.starts_with("Object(") => WRITE,
        "all" | "filter" if chain.starts_with("Bucket(") => READ,
        _ => return None,
    };
    Some(("s3", access, "Bucket"))
}

fn dynamodb(chain: &str, method: &str) -> Option<Use> {
    let access = match method {
        "get_item" | "query" | "scan" | "batch_get_item" | "Table" => READ,
        "put_item" | "update_item" | "delete_item" | "batch_write_item" => WRITE,
        "batch_writer" if chain.starts_with("Table(") => WRITE,
        _ => return None,
    };
    Some(("dynamodb", access, "TableName"))
}

fn other(service: &str, method: &str) -> Option<Use> {
    Some(match (service, method) {
        ("secretsmanager", "get_secret_value") => ("secret", None, "SecretId"),
        ("ssm", "get_parameter" | "get_parameters") => ("ssm", None, "Name"),
        ("sqs", "send_message" | "send_message_batch" | "send_messages") => {
            ("sqs", Some("send"), "QueueUrl")
        }
        ("sqs", "receive_message" | "receive_messages" | "delete_message") => {
            ("sqs", Some("receive"), "QueueUrl")
        }
        ("sns", "publish" | "publish_batch") => ("sns", None, "TopicArn"),
        ("lambda", "invoke") => ("lambda", None, "FunctionName"),
        ("pricing", "get_products" | "describe_services" | "get_attribute_values") => {
            ("pricing", None, "")
        }
        (
            "bedrock-agent-runtime",
            "retrieve" | "retrieve_and_generate" | "retrieve_and_generate_stream",
        ) => ("knowledge-base", None, "knowledgeBaseId"),
        ("bedrock-runtime", "apply_guardrail") => ("guardrail", None, "guardrailIdentifier"),
        ("bedrock-agentcore", "start_code_interpreter_session" | "invoke_code_interpreter") => {
            ("code-interpreter", None, "codeInterpreterIdentifier")
        }
        ("bedrock-agentcore", "invoke_agent_runtime") => ("agent", None, "agentRuntimeArn"),
        ("bedrock-agentcore", "start_browser_session") => ("browser", None, "browserIdentifier"),
        (
            "bedrock-agentcore",
            "create_event"
            | "get_event"
            | "list_events"
            | "list_actors"
            | "list_sessions"
            | "get_memory_record"
            | "list_memory_records"
            | "retrieve_memory_records",
        ) => ("memory", None, "memoryId"),
        _ => return None,
    })
}

/// Returns true if the table may allow it; when in doubt, true.
pub(super) fn may_be_allowed(agent: &Agent, need: &Need) -> bool {
    agent.permissions.iter().any(|permission| match permission {
        Permission::Allow(Allowed { actions, .. }) => {
            let service = service(need.key);
            actions
                .iter()
                .any(|action| action.split(':').next() == Some(service))
        }
        Permission::CodeInterpreter(id) => {
            need.key == "code-interpreter" && is_same(id.as_ref(), need)
        }
        Permission::Browser(id) => need.key == "browser" && is_same(id.as_ref(), need),
        Permission::Pricing => need.key == "pricing",
        Permission::Marketplace | Permission::WorkloadIdentity => false,
        // Has both a name and an ID.
        Permission::Memory(_) => need.key == "memory",
        Permission::Gateway(_) => need.key == "gateway",
        Permission::Secret(_) => need.key == "secret",
        Permission::Agent(_) => need.key == "agent",
        Permission::InferenceProfile(id) => need.key == "inference-profile" && is_on(id, need),
        Permission::Guardrail(id) => need.key == "guardrail" && is_on(id, need),
        Permission::ApiKey(name) => need.key == "api-key" && is_on(name, need),
        Permission::OAuth(name) => need.key == "oauth" && is_on(name, need),
        Permission::KnowledgeBase(id) => need.key == "knowledge-base" && is_on(id, need),
        Permission::SnsTopic(name) => need.key == "sns" && is_on(name, need),
        Permission::LambdaFunction(name) => need.key == "lambda" && is_on(name, need),
        Permission::SsmParameter(name) => need.key == "ssm" && is_parameter(name, need),
        Permission::S3 { arn, access } => {
            let bucket = arn
                .rsplit(':')
                .next()
                .and_then(|rest| rest.split('/').next());
            need.key == "s3"
                && is_on(bucket.unwrap_or_default(), need)
                && (*access == Access::ReadWrite || need.access == READ)
        }
        Permission::DynamoDb { table, access } => {
            need.key == "dynamodb"
                && is_on(table, need)
                && (*access == Access::ReadWrite || need.access == READ)
        }
        Permission::SqsQueue { queue, access } => {
            let word = match access {
                QueueAccess::Send => "send",
                QueueAccess::Receive => "receive",
                QueueAccess::SendReceive => "send-receive",
            };
            let suffices = *access == QueueAccess::SendReceive || need.access == Some(word);
            need.key == "sqs" && is_on(queue, need) && suffices
        }
    })
}

fn service(key: &str) -> &'static str {
    match key {
        "s3" => "s3",
        "secret" => "secretsmanager",
        "pricing" => "pricing",
        "dynamodb" => "dynamodb",
        "ssm" => "ssm",
        "sqs" => "sqs",
        "sns" => "sns",
        "lambda" => "lambda",
        "knowledge-base" | "guardrail" | "inference-profile" => "bedrock",
        _ => "bedrock-agentcore",
    }
}

/// Returns true for the shared resource, or the one with this ID.
fn is_same(declared: Option<&String>, need: &Need) -> bool {
    match (declared, &need.value) {
        (Some(declared), Some(needed)) => name_of(declared) == name_of(needed),
        (None, Some(_)) => false,
        (_, None) => true,
    }
}

fn is_on(declared: &str, need: &Need) -> bool {
    let needed = need.value.as_ref();
    needed.is_none_or(|needed| name_of(declared) == name_of(needed))
}

fn is_parameter(declared: &str, need: &Need) -> bool {
    let declared = match declared.split_once(":parameter") {
        Some((_, name)) => name,
        None => declared,
    };
    let declared = declared.trim_start_matches('/');
    let Some(needed) = &need.value else {
        return true;
    };
    let needed = needed.rsplit(":parameter").next().unwrap_or(needed);
    let needed = needed.trim_start_matches('/');
    match declared.strip_suffix('*') {
        Some(start) => needed.starts_with(start),
        None => needed == declared,
    }
}

/// Returns the resource's name from an ARN, a URL, or a name with a version.
fn name_of(text: &str) -> &str {
    if text.starts_with("arn:") {
        let resource = text.splitn(6, ':').nth(5).unwrap_or(text);
        let name = match resource.split_once(['/', ':']) {
            Some((_, name)) => name,
            None => resource,
        };
        return name.split(':').next().unwrap_or(name);
    }
    match text.strip_prefix("https://") {
        Some(url) => url.rsplit('/').next().unwrap_or(url),
        None => text.split(':').next().unwrap_or(text),
    }
}
