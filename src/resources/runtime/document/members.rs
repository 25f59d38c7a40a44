//! The members of a runtime and of an endpoint, by what an update does with them.

/// The members of a runtime that an update does not accept.
pub(super) const READ_ONLY: [&str; 12] = [
    "agentRuntimeArn",
    "agentRuntimeId",
    "agentRuntimeName",
    "agentRuntimeVersion",
    "clientToken",
    "createdAt",
    "failureReason",
    "lastUpdatedAt",
    "status",
    "statusReasons",
    "tags",
    "workloadIdentityDetails",
];

/// The members of an endpoint that an update does not accept or sets itself.
pub(super) const READ_ONLY_OF_ENDPOINT: [&str; 14] = [
    "agentRuntimeArn",
    "agentRuntimeEndpointArn",
    "agentRuntimeId",
    "agentRuntimeVersion",
    "clientToken",
    "createdAt",
    "description",
    "failureReason",
    "id",
    "lastUpdatedAt",
    "liveVersion",
    "name",
    "status",
    "targetVersion",
];

/// The members that an update is known to accept.
pub(super) const TAKEN: [&str; 16] = [
    "agentRuntimeArtifact",
    "allowedPorts",
    "authorizerConfiguration",
    "capacityProviderConfiguration",
    "description",
    "environmentVariables",
    "filesystemConfigurations",
    "hooksConfiguration",
    "lifecycleConfiguration",
    "metadataConfiguration",
    "networkConfiguration",
    "platformVersion",
    "protocolConfiguration",
    "requestHeaderConfiguration",
    "resourceConfigurations",
    "roleArn",
];

/// The members that the configuration determines, or that this tool sets for every runtime.
pub(super) const MANAGED: [&[&str]; 20] = [
    &["roleArn"],
    &["description"],
    &["environmentVariables"],
    &[
        "agentRuntimeArtifact",
        "containerConfiguration",
        "containerUri",
    ],
    &["agentRuntimeArtifact", "codeConfiguration", "runtime"],
    &["agentRuntimeArtifact", "codeConfiguration", "entryPoint"],
    &[
        "agentRuntimeArtifact",
        "codeConfiguration",
        "code",
        "s3",
        "bucket",
    ],
    &[
        "agentRuntimeArtifact",
        "codeConfiguration",
        "code",
        "s3",
        "prefix",
    ],
    &[
        "agentRuntimeArtifact",
        "codeConfiguration",
        "code",
        "s3",
        "versionId",
    ],
    &["lifecycleConfiguration", "idleRuntimeSessionTimeout"],
    &["lifecycleConfiguration", "maxLifetime"],
    &["networkConfiguration", "networkModeConfig", "subnets"],
    &[
        "networkConfiguration",
        "networkModeConfig",
        "securityGroups",
    ],
    &["protocolConfiguration", "serverProtocol"],
    &[
        "authorizerConfiguration",
        "customJWTAuthorizer",
        "discoveryUrl",
    ],
    &[
        "authorizerConfiguration",
        "customJWTAuthorizer",
        "allowedAudience",
    ],
    &[
        "authorizerConfiguration",
        "customJWTAuthorizer",
        "allowedClients",
    ],
    &[
        "authorizerConfiguration",
        "customJWTAuthorizer",
        "allowedScopes",
    ],
    &["requestHeaderConfiguration", "requestHeaderAllowlist"],
    &["metadataConfiguration", "requireMMDSV2"],
];
