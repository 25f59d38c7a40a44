//! What an agent's execution role may do: what the agent declares, and nothing more.
//!
//! Every resource is as narrow as the service allows. Actions without resource types use `*`,
//! restricted by a condition if necessary.

mod services;

use std::collections::BTreeSet;

use super::{
    Document, Scope,
    grant::{Grant, document, settle},
};
use crate::{
    config::{Access, Agent, Allowed, Artifact, Model, Permission},
    names::image_uri::ImageUri,
};

/// Returns the policy of `agent` in one region.
pub fn execution(agent: &Agent, scope: &Scope) -> Document {
    document(&execution_grants(agent, scope))
}

/// Returns the same as grants, with what asked for each. Independent of the order in the metadata.
pub fn execution_grants(agent: &Agent, scope: &Scope) -> Vec<Grant> {
    let mut grants = always(scope);
    if agent.has_image() {
        grants.extend(image(agent, scope));
    }
    for model in agent.models.iter().collect::<BTreeSet<_>>() {
        grants.extend(for_model(model, scope));
    }
    for permission in agent.permissions.iter().collect::<BTreeSet<_>>() {
        grants.extend(for_permission(permission, scope));
    }
    settle(grants)
}

/// Returns the policy of a gateway's role in one region: what its targets need. `id` is a pattern for
/// the gateway's ID.
///
/// Source: "Set up permissions for AgentCore Gateway" in the developer guide.
pub fn gateway(needs: &[Permission], id: &str, scope: &Scope) -> Document {
    document(&gateway_grants(needs, id, scope))
}

/// Returns the same as grants, with what asked for each.
pub fn gateway_grants(needs: &[Permission], id: &str, scope: &Scope) -> Vec<Grant> {
    let identity = scope.identity_of(id);
    let mut grants = vec![
        Grant::allow(
            "Identity",
            "",
            ["bedrock-agentcore:GetWorkloadAccessToken"],
            &identity,
        )
        .by("every gateway"),
    ];
    let by = "the gateway's targets";
    for need in needs.iter().collect::<BTreeSet<_>>() {
        let of_target = match need {
            Permission::ApiKey(name) => provider(&API_KEY, name, &identity, scope),
            Permission::OAuth(name) => provider(&OAUTH, name, &identity, scope),
            other => for_permission(other, scope),
        };
        grants.extend(of_target.into_iter().map(|grant| grant.by(by)));
    }
    settle(grants)
}

/// Logs, traces and metrics.
fn always(scope: &Scope) -> Vec<Grant> {
    let group = scope.log_groups();
    [
        (
            "logs",
            Grant::allow(
                "LogGroups",
                "",
                ["logs:CreateLogGroup", "logs:DescribeLogStreams"],
                [group.clone()],
            ),
        ),
        (
            "logs",
            Grant::allow(
                "LogStreams",
                "",
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                [format!("{group}:log-stream:*")],
            ),
        ),
        (
            "traces",
            Grant::allow(
                "Traces",
                "",
                [
                    "xray:GetSamplingRules",
                    "xray:GetSamplingTargets",
                    "xray:PutTelemetryRecords",
                    "xray:PutTraceSegments",
                ],
                ["*"],
            ),
        ),
        (
            "metrics",
            Grant::allow("Metrics", "", ["cloudwatch:PutMetricData"], ["*"]).when(
                "StringEquals",
                "cloudwatch:namespace",
                ["bedrock-agentcore"],
            ),
        ),
    ]
    .into_iter()
    .map(|(by, grant)| grant.by(format!("{by} (every agent)")))
    .collect()
}

/// The name of the statements that allow reading an image.
const IMAGE: &str = "Image";

/// Returns whether a statement of this name allows reading an image.
pub(crate) fn is_image(sid: &str) -> bool {
    sid.strip_prefix(IMAGE)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('x'))
}

/// The service fetches the image with the role's permission. A token alone gives access to nothing.
///
/// An agent whose images are built keeps the access to its own repository when it gets an existing
/// image, because endpoints may have versions that were built.
fn image(agent: &Agent, scope: &Scope) -> Vec<Grant> {
    let own = match agent.artifact {
        Artifact::Zip => None,
        Artifact::Image => Some("artifact = \"image\""),
        Artifact::Dockerfile => Some("artifact = \"dockerfile\""),
    };
    let given = agent.image.as_ref().and_then(ImageUri::private);
    let repositories = [
        own.map(|by| (scope.repository(agent), by)),
        given.map(|image| {
            let arn = scope.arn("ecr", &format!("repository/{}", image.repository));
            (arn, "deploy --image")
        }),
    ];
    let mut grants: Vec<Grant> = repositories
        .into_iter()
        .flatten()
        .map(|(arn, by)| {
            Grant::allow(
                IMAGE,
                "",
                ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                [arn],
            )
            .by(by)
        })
        .collect();
    if let Some(first) = grants.first() {
        let token = Grant::allow("ImageToken", "", ["ecr:GetAuthorizationToken"], ["*"]);
        grants.push(token.by(first.asked_by.clone()));
    }
    grants
}

const INVOKE_MODEL: [&str; 2] = [
    "bedrock:InvokeModel",
    "bedrock:InvokeModelWithResponseStream",
];

/// Returns two statements for an inference profile: its own ARN without a condition, because the
/// condition key is absent while the profile itself is checked, and the models behind it only
/// through the profile.
fn for_model(model: &Model, scope: &Scope) -> Vec<Grant> {
    let Scope {
        partition, region, ..
    } = scope;
    let id = model.id();
    let by = format!("models = [{id:?}]");
    match model {
        Model::Foundation(id) => {
            let arn = format!("arn:{partition}:bedrock:{region}::foundation-model/{id}");
            vec![Grant::allow("Model", id, INVOKE_MODEL, [arn]).by(by)]
        }
        Model::InferenceProfile { geography, model } => {
            let profile = scope.arn("bedrock", &format!("inference-profile/{id}"));
            let mut targets = vec![format!(
                "arn:{partition}:bedrock:*::foundation-model/{model}"
            )];
            if geography == "global" {
                targets.push(format!(
                    "arn:{partition}:bedrock:::foundation-model/{model}"
                ));
            }
            let own = Grant::allow("ModelProfile", &id, INVOKE_MODEL, [profile.as_str()]);
            let behind = Grant::allow("ModelTargets", &id, INVOKE_MODEL, targets).when(
                "StringEquals",
                "bedrock:InferenceProfileArn",
                [profile],
            );
            vec![own.by(by.clone()), behind.by(by)]
        }
    }
}

fn for_permission(permission: &Permission, scope: &Scope) -> Vec<Grant> {
    let grants = match permission {
        Permission::CodeInterpreter(id) => vec![code_interpreter(id.as_deref(), scope)],
        Permission::Browser(id) => browser(id.as_deref(), scope),
        Permission::Pricing => vec![Grant::allow(
            "Pricing",
            "",
            [
                "pricing:DescribeServices",
                "pricing:GetAttributeValues",
                "pricing:GetProducts",
            ],
            ["*"],
        )],
        Permission::Memory(id) => vec![memory(id, scope)],
        Permission::Gateway(id) => vec![Grant::allow(
            "Gateway",
            id,
            ["bedrock-agentcore:InvokeGateway"],
            [scope.agentcore(&format!("gateway/{id}"))],
        )],
        Permission::Guardrail(id) => vec![Grant::allow(
            "Guardrail",
            id,
            ["bedrock:ApplyGuardrail"],
            [scope.arn("bedrock", &format!("guardrail/{id}"))],
        )],
        Permission::S3 { arn, access } => objects(arn, *access),
        Permission::Secret(arn) => vec![Grant::allow(
            "Secret",
            arn.rsplit(':').next().unwrap_or_default(),
            ["secretsmanager:GetSecretValue"],
            [arn],
        )],
        Permission::WorkloadIdentity => vec![Grant::allow(
            "IdentityWorkload",
            "",
            [
                "bedrock-agentcore:GetWorkloadAccessToken",
                "bedrock-agentcore:GetWorkloadAccessTokenForJWT",
            ],
            scope.workload_identity(),
        )],
        Permission::ApiKey(name) => provider(&API_KEY, name, &scope.workload_identity(), scope),
        Permission::OAuth(name) => provider(&OAUTH, name, &scope.workload_identity(), scope),
        Permission::Agent(name) => {
            let runtime = scope.agentcore(&format!("runtime/{name}-*"));
            let endpoints = format!("{runtime}/runtime-endpoint/*");
            vec![Grant::allow(
                "Agent",
                name.as_str(),
                ["bedrock-agentcore:InvokeAgentRuntime"],
                [runtime, endpoints],
            )]
        }
        Permission::Marketplace => vec![
            Grant::allow(
                "Marketplace",
                "",
                [
                    "aws-marketplace:Subscribe",
                    "aws-marketplace:ViewSubscriptions",
                ],
                ["*"],
            )
            .when(
                "StringEquals",
                "aws:CalledViaLast",
                ["bedrock.amazonaws.com"],
            ),
        ],
        Permission::InferenceProfile(profile) => services::inference_profile(profile, scope),
        Permission::KnowledgeBase(base) => services::knowledge_base(base, scope),
        Permission::DynamoDb { table, access } => services::table(table, *access, scope),
        Permission::SsmParameter(name) => services::parameters(name, scope),
        Permission::SqsQueue { queue, access } => vec![services::queue(queue, *access, scope)],
        Permission::SnsTopic(topic) => vec![services::topic(topic, scope)],
        Permission::LambdaFunction(function) => vec![services::function(function, scope)],
        Permission::Allow(Allowed {
            actions,
            on,
            reason: _,
        }) => {
            let first = actions.first().map_or("", String::as_str);
            vec![Grant::allow("Allow", first, actions, on)]
        }
    };
    let by = format!("permissions = [{}]", permission.to_toml());
    grants
        .into_iter()
        .map(|grant| grant.by(by.clone()))
        .collect()
}

/// Does not allow listing sessions, because the shared system interpreter would show other agents'
/// sessions.
fn code_interpreter(id: Option<&str>, scope: &Scope) -> Grant {
    let arn = match id {
        None => scope.shared("code-interpreter/aws.codeinterpreter.v1"),
        Some(id) => scope.agentcore(&format!("code-interpreter-custom/{id}")),
    };
    Grant::allow(
        "CodeInterpreter",
        id.unwrap_or_default(),
        [
            "bedrock-agentcore:GetCodeInterpreterSession",
            "bedrock-agentcore:InvokeCodeInterpreter",
            "bedrock-agentcore:StartCodeInterpreterSession",
            "bedrock-agentcore:StopCodeInterpreterSession",
        ],
        [arn],
    )
}

/// Connecting to a session's streams has no resource type.
fn browser(id: Option<&str>, scope: &Scope) -> Vec<Grant> {
    let arn = match id {
        None => scope.shared("browser/aws.browser.v1"),
        Some(id) => scope.agentcore(&format!("browser-custom/{id}")),
    };
    vec![
        Grant::allow(
            "Browser",
            id.unwrap_or_default(),
            [
                "bedrock-agentcore:GetBrowserSession",
                "bedrock-agentcore:StartBrowserSession",
                "bedrock-agentcore:StopBrowserSession",
                "bedrock-agentcore:UpdateBrowserStream",
            ],
            [arn],
        ),
        Grant::allow(
            "BrowserStreams",
            "",
            [
                "bedrock-agentcore:ConnectBrowserAutomationStream",
                "bedrock-agentcore:ConnectBrowserLiveViewStream",
            ],
            ["*"],
        ),
    ]
}

fn memory(id: &str, scope: &Scope) -> Grant {
    Grant::allow(
        "Memory",
        id,
        [
            "bedrock-agentcore:CreateEvent",
            "bedrock-agentcore:GetEvent",
            "bedrock-agentcore:GetMemory",
            "bedrock-agentcore:GetMemoryRecord",
            "bedrock-agentcore:ListActors",
            "bedrock-agentcore:ListEvents",
            "bedrock-agentcore:ListMemoryRecords",
            "bedrock-agentcore:ListSessions",
            "bedrock-agentcore:RetrieveMemoryRecords",
        ],
        [scope.agentcore(&format!("memory/{id}"))],
    )
}

/// Allows access to the objects, and listing the same prefix.
fn objects(arn: &str, access: Access) -> Vec<Grant> {
    let (bucket, keys) = arn.split_once('/').unwrap_or((arn, "*"));
    let name = arn.rsplit(':').next().unwrap_or_default();
    let (kind, actions): (&'static str, &[&str]) = match access {
        Access::Read => ("S3Read", &["s3:GetObject"]),
        Access::ReadWrite => (
            "S3ReadWrite",
            &[
                "s3:AbortMultipartUpload",
                "s3:DeleteObject",
                "s3:GetObject",
                "s3:PutObject",
            ],
        ),
    };
    let list = Grant::allow("S3List", name, ["s3:ListBucket"], [bucket]);
    let list = match keys {
        // All keys are declared, so the listing needs no restriction.
        "*" => list,
        keys => list.when("StringLike", "s3:prefix", [keys]),
    };
    vec![Grant::allow(kind, name, actions, [arn]), list]
}

/// A kind of credential provider in the token vault.
struct Provider {
    kind: &'static str,
    secret_kind: &'static str,
    action: &'static str,
    /// The provider's type in its ARN: the service's authorization reference and its guide differ.
    types: [&'static str; 2],
    secret: &'static str,
}

const API_KEY: Provider = Provider {
    kind: "ApiKey",
    secret_kind: "ApiKeySecret",
    action: "bedrock-agentcore:GetResourceApiKey",
    types: ["apikeycredentialprovider", "api-key"],
    secret: "apikey",
};

const OAUTH: Provider = Provider {
    kind: "OAuth",
    secret_kind: "OAuthSecret",
    action: "bedrock-agentcore:GetResourceOauth2Token",
    types: ["oauth2credentialprovider", "oauth2-credential-provider"],
    secret: "oauth2",
};

fn provider(of: &Provider, name: &str, identity: &[String], scope: &Scope) -> Vec<Grant> {
    let vault = scope.agentcore("token-vault/default");
    let mut resources: Vec<String> = of
        .types
        .iter()
        .map(|kind| format!("{vault}/{kind}/{name}"))
        .collect();
    resources.insert(0, vault);
    resources.extend_from_slice(identity);
    // The six characters that Secrets Manager appends; `*` would match a provider `<name>-other`.
    let secret = format!(
        "secret:bedrock-agentcore-identity!default/{}/{name}-??????",
        of.secret
    );
    vec![
        Grant::allow(of.kind, name, [of.action], resources),
        Grant::allow(
            of.secret_kind,
            name,
            ["secretsmanager:GetSecretValue"],
            [scope.arn("secretsmanager", &secret)],
        ),
    ]
}
