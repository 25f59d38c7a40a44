//! The resource types of actions, written by hand from the service authorization reference.

/// What an action can be limited to.
pub(super) enum Level {
    /// Nothing: it needs `*`.
    None,
    /// Resources whose ARN continues with one of these after the account.
    Resource(&'static [&'static str]),
}

const GROUP: &[&str] = &[
    "log-group:/aws/bedrock-agentcore/runtimes/",
    "log-group:/aws/codebuild/cargo-agentcore-",
];
const MODEL: &[&str] = &[
    "foundation-model/",
    "inference-profile/",
    "application-inference-profile/",
];
const INTERPRETER: &[&str] = &["code-interpreter/", "code-interpreter-custom/"];
const BROWSER: &[&str] = &["browser/", "browser-custom/"];
const IDENTITY: &[&str] = &["workload-identity-directory/"];
const RUNTIME: &[&str] = &["runtime/"];
const PROVIDER: &[&str] = &["token-vault/", "workload-identity-directory/"];
const REPOSITORY: &[&str] = &["repository/"];
const ROLE: &[&str] = &["role/"];
const S3: &[&str] = &[""];
const PROFILE: &[&str] = &["application-inference-profile/"];
const TABLE: &[&str] = &["table/"];
const PARAMETER: &[&str] = &["parameter/"];
const FUNCTION: &[&str] = &["function:"];
/// Queues and topics have no prefix before their names.
const NAME: &[&str] = &[""];

/// Panics for an action that is not in the table: look it up, then add it.
pub(super) fn level(action: &str) -> Level {
    let (service, name) = action.split_once(':').expect(action);
    let types: &[&str] = match (service, name) {
        (
            "xray",
            "GetSamplingRules"
            | "GetSamplingTargets"
            | "GetTraceSegmentDestination"
            | "PutTelemetryRecords"
            | "PutTraceSegments"
            | "UpdateIndexingRule"
            | "UpdateTraceSegmentDestination",
        )
        | ("cloudwatch", "PutMetricData")
        | ("pricing", "DescribeServices" | "GetAttributeValues" | "GetProducts")
        | ("aws-marketplace", "Subscribe" | "ViewSubscriptions")
        | ("bedrock", "RetrieveAndGenerate")
        | ("ecr", "GetAuthorizationToken")
        | ("logs", "DescribeLogGroups" | "DescribeResourcePolicies" | "PutResourcePolicy")
        | (
            "bedrock-agentcore",
            "ConnectBrowserAutomationStream"
            | "ConnectBrowserLiveViewStream"
            | "CreateAgentRuntime"
            | "CreateGateway"
            | "CreateMemory"
            | "ListAgentRuntimeEndpoints"
            | "ListAgentRuntimeVersions"
            | "ListAgentRuntimes"
            | "ListGateways"
            | "ListMemories",
        ) => return Level::None,
        (
            "logs",
            "CreateLogGroup"
            | "CreateLogStream"
            | "DeleteLogGroup"
            | "DescribeLogStreams"
            | "FilterLogEvents"
            | "GetLogEvents"
            | "ListTagsForResource"
            | "PutLogEvents"
            | "TagResource",
        ) => GROUP,
        ("bedrock", "InvokeModel" | "InvokeModelWithResponseStream") => MODEL,
        ("bedrock", "ApplyGuardrail") => &["guardrail/"],
        (
            "bedrock" | "dynamodb" | "ssm" | "sqs" | "sns" | "lambda" | "secretsmanager" | "s3"
            | "rds-data",
            name,
        ) => of_services(service, name),
        ("ecr", name) => ecr(name),
        (
            "iam",
            "AttachRolePolicy"
            | "CreateRole"
            | "CreateServiceLinkedRole"
            | "DeleteRole"
            | "DeleteRolePolicy"
            | "DetachRolePolicy"
            | "GetRole"
            | "GetRolePolicy"
            | "ListAttachedRolePolicies"
            | "ListInstanceProfilesForRole"
            | "ListRolePolicies"
            | "PassRole"
            | "PutRolePermissionsBoundary"
            | "PutRolePolicy"
            | "TagRole"
            | "UntagRole"
            | "UpdateAssumeRolePolicy",
        ) => ROLE,
        ("bedrock-agentcore", name) => agentcore(name),
        // The actions on builds are checked against their project.
        (
            "codebuild",
            "BatchGetBuilds"
            | "BatchGetProjects"
            | "CreateProject"
            | "DeleteProject"
            | "ListBuildsForProject"
            | "StartBuild"
            | "StopBuild"
            | "UpdateProject",
        ) => &["project/"],
        _ => panic!("`{action}` is not in the table"),
    };
    Level::Resource(types)
}

/// Returns the resource types for actions of other services in the metadata.
fn of_services(service: &str, name: &str) -> &'static [&'static str] {
    match (service, name) {
        ("bedrock", "GetInferenceProfile") => PROFILE,
        ("bedrock", "Retrieve") => &["knowledge-base/"],
        (
            "dynamodb",
            "BatchGetItem" | "BatchWriteItem" | "ConditionCheckItem" | "DeleteItem"
            | "DescribeTable" | "GetItem" | "PartiQLDelete" | "PartiQLInsert" | "PartiQLSelect"
            | "PartiQLUpdate" | "PutItem" | "Query" | "Scan" | "UpdateItem",
        ) => TABLE,
        ("ssm", "GetParameter" | "GetParameters" | "GetParametersByPath") => PARAMETER,
        (
            "sqs",
            "ChangeMessageVisibility"
            | "DeleteMessage"
            | "GetQueueAttributes"
            | "GetQueueUrl"
            | "ReceiveMessage"
            | "SendMessage",
        )
        | ("sns", "Publish") => NAME,
        ("lambda", "InvokeFunction") => FUNCTION,
        ("secretsmanager", "GetSecretValue") => &["secret:"],
        ("rds-data", "ExecuteStatement") => &["cluster:"],
        ("s3", _) => S3,
        _ => panic!("`{service}:{name}` is not in the table"),
    }
}

fn ecr(name: &str) -> &'static [&'static str] {
    match name {
        "BatchCheckLayerAvailability"
        | "BatchDeleteImage"
        | "BatchGetImage"
        | "CompleteLayerUpload"
        | "CreateRepository"
        | "DeleteRepository"
        | "DescribeImages"
        | "DescribeRepositories"
        | "GetDownloadUrlForLayer"
        | "GetLifecyclePolicy"
        | "InitiateLayerUpload"
        | "ListImages"
        | "ListTagsForResource"
        | "PutImage"
        | "PutImageScanningConfiguration"
        | "PutImageTagMutability"
        | "PutLifecyclePolicy"
        | "TagResource"
        | "UntagResource"
        | "UploadLayerPart" => REPOSITORY,
        _ => panic!("`ecr:{name}` is not in the table"),
    }
}

fn agentcore(name: &str) -> &'static [&'static str] {
    match name {
        "GetCodeInterpreterSession"
        | "InvokeCodeInterpreter"
        | "StartCodeInterpreterSession"
        | "StopCodeInterpreterSession" => INTERPRETER,
        "GetBrowserSession"
        | "StartBrowserSession"
        | "StopBrowserSession"
        | "UpdateBrowserStream" => BROWSER,
        "CreateEvent"
        | "GetEvent"
        | "GetMemory"
        | "GetMemoryRecord"
        | "ListActors"
        | "ListEvents"
        | "DeleteMemory"
        | "ListMemoryRecords"
        | "ListSessions"
        | "RetrieveMemoryRecords"
        | "UpdateMemory" => &["memory/"],
        "CreateGatewayTarget"
        | "DeleteGateway"
        | "DeleteGatewayTarget"
        | "GetGateway"
        | "GetGatewayTarget"
        | "InvokeGateway"
        | "ListGatewayTargets"
        | "UpdateGateway"
        | "UpdateGatewayTarget" => &["gateway/"],
        "CreateWorkloadIdentity"
        | "DeleteWorkloadIdentity"
        | "GetWorkloadAccessToken"
        | "GetWorkloadAccessTokenForJWT" => IDENTITY,
        "GetResourceApiKey" | "GetResourceOauth2Token" => PROVIDER,
        "CreateAgentRuntimeEndpoint"
        | "DeleteAgentRuntime"
        | "DeleteAgentRuntimeEndpoint"
        | "DeleteResourcePolicy"
        | "GetAgentRuntime"
        | "GetAgentRuntimeEndpoint"
        | "GetResourcePolicy"
        | "InvokeAgentRuntime"
        | "InvokeAgentRuntimeForUser"
        | "PutResourcePolicy"
        | "StopRuntimeSession"
        | "UpdateAgentRuntime"
        | "UpdateAgentRuntimeEndpoint" => RUNTIME,
        "ListTagsForResource" | "TagResource" | "UntagResource" => {
            &["runtime/", "memory/", "gateway/"]
        }
        _ => panic!("`bedrock-agentcore:{name}` is not in the table"),
    }
}
