//! What an agent may do with the resources of other services that it names.

use super::{Grant, INVOKE_MODEL, Scope};
use crate::config::{Access, PUBLIC_PARAMETERS, QueueAccess};

/// Returns a declared ARN, or the ARN of a declared name in the agent's own region and account.
fn arn(service: &str, prefix: &str, value: &str, scope: &Scope) -> String {
    if value.starts_with("arn:") {
        value.to_owned()
    } else {
        scope.arn(service, &format!("{prefix}{value}"))
    }
}

/// Returns a resource's name for the statement's.
fn name<'v>(prefix: &str, value: &'v str) -> &'v str {
    let in_arn = value
        .starts_with("arn:")
        .then(|| value.splitn(6, ':').last())
        .flatten();
    in_arn.map_or(value, |resource| {
        resource.strip_prefix(prefix).unwrap_or(resource)
    })
}

/// Only AWS knows the model behind the profile, so the condition limits the second statement to
/// this profile.
pub(super) fn inference_profile(profile: &str, scope: &Scope) -> Vec<Grant> {
    let prefix = "application-inference-profile/";
    let own = arn("bedrock", prefix, profile, scope);
    let models = ["*", ""].map(|region| {
        format!(
            "arn:{}:bedrock:{region}::foundation-model/*",
            scope.partition
        )
    });
    let id = name(prefix, profile);
    let invoke = INVOKE_MODEL
        .into_iter()
        .chain(["bedrock:GetInferenceProfile"]);
    vec![
        Grant::allow("InferenceProfile", id, invoke, [&own]),
        Grant::allow("InferenceProfileModels", id, INVOKE_MODEL, models).when(
            "StringEquals",
            "bedrock:InferenceProfileArn",
            [&own],
        ),
    ]
}

/// `RetrieveAndGenerate` has no resource type. It also needs the permissions to retrieve and to
/// invoke the model.
pub(super) fn knowledge_base(base: &str, scope: &Scope) -> Vec<Grant> {
    let prefix = "knowledge-base/";
    vec![
        Grant::allow(
            "KnowledgeBase",
            name(prefix, base),
            ["bedrock:Retrieve"],
            [arn("bedrock", prefix, base, scope)],
        ),
        Grant::allow(
            "KnowledgeBaseAnswers",
            "",
            ["bedrock:RetrieveAndGenerate"],
            ["*"],
        ),
    ]
}

/// Allows access to the table's items and indexes.
pub(super) fn table(table: &str, access: Access, scope: &Scope) -> Vec<Grant> {
    let prefix = "table/";
    let own = arn("dynamodb", prefix, table, scope);
    let (kind, actions): (&str, &[&str]) = match access {
        Access::Read => (
            "DynamoDbRead",
            &[
                "dynamodb:BatchGetItem",
                "dynamodb:DescribeTable",
                "dynamodb:GetItem",
                "dynamodb:PartiQLSelect",
                "dynamodb:Query",
                "dynamodb:Scan",
            ],
        ),
        Access::ReadWrite => (
            "DynamoDbReadWrite",
            &[
                "dynamodb:BatchGetItem",
                "dynamodb:BatchWriteItem",
                "dynamodb:ConditionCheckItem",
                "dynamodb:DeleteItem",
                "dynamodb:DescribeTable",
                "dynamodb:GetItem",
                "dynamodb:PartiQLDelete",
                "dynamodb:PartiQLInsert",
                "dynamodb:PartiQLSelect",
                "dynamodb:PartiQLUpdate",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:Scan",
                "dynamodb:UpdateItem",
            ],
        ),
    };
    let id = name(prefix, table);
    let indexes = [format!("{own}/index/*")];
    vec![
        Grant::allow(kind, id, actions, [own]),
        Grant::allow(
            "DynamoDbIndexes",
            id,
            ["dynamodb:PartiQLSelect", "dynamodb:Query", "dynamodb:Scan"],
            indexes,
        ),
    ]
}

/// Listing a path also needs the path itself, which a pattern for its children does not match.
pub(super) fn parameters(parameter: &str, scope: &Scope) -> Vec<Grant> {
    let own = if parameter.starts_with(PUBLIC_PARAMETERS) {
        format!(
            "arn:{}:ssm:{}::parameter{parameter}",
            scope.partition, scope.region
        )
    } else if parameter.starts_with('/') {
        arn("ssm", "parameter", parameter, scope)
    } else {
        arn("ssm", "parameter/", parameter, scope)
    };
    let id = name("parameter", parameter);
    let read = ["ssm:GetParameter", "ssm:GetParameters"];
    let mut grants = vec![Grant::allow("SsmParameter", id, read, [&own])];
    if let Some(path) = own.strip_suffix("/*") {
        let listed = [path, &own];
        grants.push(Grant::allow(
            "SsmPath",
            id,
            ["ssm:GetParametersByPath"],
            listed,
        ));
    }
    grants
}

/// The batch operations need the same permissions as the single ones.
pub(super) fn queue(queue: &str, access: QueueAccess, scope: &Scope) -> Grant {
    let (kind, actions): (&str, &[&str]) = match access {
        QueueAccess::Send => ("SqsSend", &["sqs:GetQueueUrl", "sqs:SendMessage"]),
        QueueAccess::Receive => (
            "SqsReceive",
            &[
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
                "sqs:ReceiveMessage",
            ],
        ),
        QueueAccess::SendReceive => (
            "SqsSendReceive",
            &[
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
                "sqs:ReceiveMessage",
                "sqs:SendMessage",
            ],
        ),
    };
    Grant::allow(
        kind,
        name("", queue),
        actions,
        [arn("sqs", "", queue, scope)],
    )
}

pub(super) fn topic(topic: &str, scope: &Scope) -> Grant {
    Grant::allow(
        "SnsPublish",
        name("", topic),
        ["sns:Publish"],
        [arn("sns", "", topic, scope)],
    )
}

/// Without a version or an alias, only the unqualified function may be invoked.
pub(super) fn function(function: &str, scope: &Scope) -> Grant {
    let prefix = "function:";
    Grant::allow(
        "Lambda",
        name(prefix, function),
        ["lambda:InvokeFunction"],
        [arn("lambda", prefix, function, scope)],
    )
}
