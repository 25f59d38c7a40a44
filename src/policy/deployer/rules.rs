//! Every call that a command makes.

use By::{
    Clean, Deploy, Endpoint, Invoke, Logs, Prepare, PrintedCommand, Rollback, Status, StopSession,
    Tracing, Versions,
};

use super::places::On;
use crate::{
    config::ResourceKind,
    protocol::control::{GATEWAY, MEMORY, TARGETS},
};

/// The commands that call AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    Prepare,
    Deploy,
    /// The option of `deploy` that sets up the whole account.
    Tracing,
    Invoke,
    StopSession,
    Status,
    Logs,
    Versions,
    Endpoint,
    Rollback,
    Clean,
    /// The printed command of `prepare`, with which the toolkit passes the role to the service.
    PrintedCommand,
}

/// The condition of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    Nothing,
    /// The request sets this project's tag on a new resource.
    ProjectInRequest,
    /// The resource has this project's tag.
    ProjectOnResource,
    /// The request sets this project's tag on a resource without any project's tag, and only this
    /// tool's and the declared tags. This prevents taking over another project's resource.
    FirstTag,
    /// The request sets this tool's and the declared tags on a resource with this project's tag,
    /// and does not change that tag.
    FurtherTag,
    /// The role has this project's tag, and the metadata attaches the policy.
    DeclaredPolicy,
    /// The role is passed to AgentCore and to no other service.
    PassedToAgentCore,
    /// The role is the service-linked one.
    OfTheService,
    /// Other accounts may call the agent.
    CallersDeclared,
    /// The listing is restricted to this agent's prefix.
    OwnPrefix,
}

/// Whether a rule depends on the declared permissions boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounded {
    No,
    /// Requires the boundary if one is declared.
    Yes,
    /// Only needed if one is declared.
    Only,
}

/// Calls with the same resources and condition. Rules of one kind are joined into one statement if
/// possible.
pub(super) struct Rule {
    pub(super) kind: &'static str,
    pub(super) calls: &'static [(&'static str, &'static [By])],
    pub(super) on: On,
    pub(super) given: Given,
    pub(super) bounded: Bounded,
    /// True if it concerns a role that this tool manages.
    pub(super) own_role: bool,
}

const fn rule(kind: &'static str, on: On, calls: &'static [(&'static str, &'static [By])]) -> Rule {
    Rule {
        kind,
        calls,
        on,
        given: Given::Nothing,
        bounded: Bounded::No,
        own_role: false,
    }
}

/// `deploy` includes `prepare`.
const PREPARING: &[By] = &[Prepare, Deploy];
const ROLE: &[By] = &[Prepare, Deploy, Clean];
/// `status` compares the role; of the attached policies, only those that this tool attaches.
const ROLE_SHOWN: &[By] = &[Prepare, Deploy, Status, Clean];
/// The commands that find the agent's runtime and its owner.
const RUNNING: &[By] = &[Deploy, Status, Logs, Versions, Endpoint, Rollback, Clean];

/// The commands that find declared resources.
const DECLARED: &[By] = &[Prepare, Deploy, Status, Clean];

/// The commands that tag runtimes and endpoints.
const TAGGING: &[By] = &[Deploy, Endpoint, Rollback];

pub(super) const RULES: &[Rule] = &[
    // A role without this tool's tags must be readable to find out who owns it, and `clean` must
    // see a role from before another one was configured.
    rule(
        "RoleRead",
        On::RoleOrDefault,
        &[(
            "iam:GetRole",
            &[
                Prepare, Deploy, Status, Logs, Versions, Endpoint, Rollback, Clean,
            ],
        )],
    ),
    Rule {
        own_role: true,
        ..rule(
            "RoleRead",
            On::Role,
            &[
                ("iam:GetRolePolicy", ROLE_SHOWN),
                ("iam:ListAttachedRolePolicies", ROLE_SHOWN),
                ("iam:ListInstanceProfilesForRole", &[Clean]),
                ("iam:ListRolePolicies", ROLE_SHOWN),
            ],
        )
    },
    Rule {
        given: Given::ProjectInRequest,
        bounded: Bounded::Yes,
        own_role: true,
        ..rule("RoleCreate", On::Role, &[("iam:CreateRole", PREPARING)])
    },
    // At creation and adoption, the role does not have the tag yet, but the request does.
    Rule {
        given: Given::FirstTag,
        own_role: true,
        ..rule("RoleFirstTag", On::Role, &[("iam:TagRole", PREPARING)])
    },
    Rule {
        given: Given::FurtherTag,
        own_role: true,
        ..rule("RoleTag", On::Role, &[("iam:TagRole", PREPARING)])
    },
    Rule {
        given: Given::ProjectOnResource,
        bounded: Bounded::Only,
        own_role: true,
        ..rule(
            "RoleWrite",
            On::Role,
            &[("iam:PutRolePermissionsBoundary", PREPARING)],
        )
    },
    Rule {
        given: Given::ProjectOnResource,
        bounded: Bounded::Yes,
        own_role: true,
        ..rule(
            "RoleWrite",
            On::Role,
            &[
                ("iam:PutRolePolicy", PREPARING),
                ("iam:UpdateAssumeRolePolicy", ROLE),
            ],
        )
    },
    Rule {
        given: Given::DeclaredPolicy,
        bounded: Bounded::Yes,
        own_role: true,
        ..rule(
            "RoleAttach",
            On::Role,
            &[("iam:AttachRolePolicy", PREPARING)],
        )
    },
    Rule {
        given: Given::DeclaredPolicy,
        own_role: true,
        ..rule("RoleDetach", On::Role, &[("iam:DetachRolePolicy", ROLE)])
    },
    Rule {
        given: Given::ProjectOnResource,
        own_role: true,
        ..rule(
            "RoleOwn",
            On::Role,
            &[
                ("iam:DeleteRole", &[Clean]),
                ("iam:DeleteRolePolicy", &[Clean]),
                ("iam:UntagRole", ROLE),
            ],
        )
    },
    Rule {
        given: Given::PassedToAgentCore,
        ..rule(
            "RolePass",
            On::Role,
            &[("iam:PassRole", &[Deploy, PrintedCommand])],
        )
    },
    // The service creates it with the account's first runtime, with the caller's permission.
    Rule {
        given: Given::OfTheService,
        ..rule(
            "ServiceRole",
            On::ServiceRoles,
            &[("iam:CreateServiceLinkedRole", &[Deploy])],
        )
    },
    // These actions have no resource types.
    rule(
        "List",
        On::All,
        &[
            (
                "bedrock-agentcore:ListAgentRuntimeEndpoints",
                &[Deploy, Status, Versions, Endpoint, Rollback, Clean],
            ),
            (
                "bedrock-agentcore:ListAgentRuntimeVersions",
                &[Deploy, Versions, Endpoint, Rollback],
            ),
            (
                "bedrock-agentcore:ListAgentRuntimes",
                &[
                    Deploy,
                    Invoke,
                    StopSession,
                    Status,
                    Logs,
                    Versions,
                    Endpoint,
                    Rollback,
                    Clean,
                ],
            ),
            ("logs:DescribeLogGroups", &[Deploy, Clean]),
        ],
    ),
    Rule {
        given: Given::ProjectInRequest,
        ..rule(
            "RuntimeCreate",
            On::All,
            &[("bedrock-agentcore:CreateAgentRuntime", &[Deploy])],
        )
    },
    // Without a condition on tags, because a runtime that the toolkit created with the agent's role
    // has none.
    rule(
        "Runtime",
        On::Runtime,
        &[
            ("bedrock-agentcore:DeleteAgentRuntime", &[Deploy, Clean]),
            (
                "bedrock-agentcore:DeleteAgentRuntimeEndpoint",
                &[Deploy, Endpoint, Clean],
            ),
            (
                "bedrock-agentcore:GetAgentRuntime",
                &[
                    Deploy, Invoke, Status, Logs, Versions, Endpoint, Rollback, Clean,
                ],
            ),
            (
                "bedrock-agentcore:GetAgentRuntimeEndpoint",
                &[Deploy, Status, Versions, Endpoint, Rollback],
            ),
            ("bedrock-agentcore:InvokeAgentRuntime", &[Deploy, Invoke]),
            ("bedrock-agentcore:InvokeAgentRuntimeForUser", &[Invoke]),
            ("bedrock-agentcore:ListTagsForResource", RUNNING),
            ("bedrock-agentcore:StopRuntimeSession", &[StopSession]),
            ("bedrock-agentcore:UpdateAgentRuntime", &[Deploy]),
            (
                "bedrock-agentcore:UpdateAgentRuntimeEndpoint",
                &[Endpoint, Rollback],
            ),
        ],
    ),
    // The endpoint created by the service has no tags.
    Rule {
        given: Given::CallersDeclared,
        ..rule(
            "RuntimeCallers",
            On::Runtime,
            &[
                ("bedrock-agentcore:DeleteResourcePolicy", &[Deploy]),
                (
                    "bedrock-agentcore:GetResourcePolicy",
                    &[Deploy, Status, Endpoint],
                ),
                ("bedrock-agentcore:PutResourcePolicy", &[Deploy, Endpoint]),
            ],
        )
    },
    rule(
        "LogGroups",
        On::LogGroups,
        &[
            ("logs:DeleteLogGroup", &[Clean]),
            ("logs:FilterLogEvents", &[Deploy, Invoke, Logs]),
            ("logs:ListTagsForResource", &[Deploy, Clean]),
        ],
    ),
    Rule {
        given: Given::ProjectInRequest,
        ..rule(
            "EndpointCreate",
            On::Runtime,
            &[(
                "bedrock-agentcore:CreateAgentRuntimeEndpoint",
                &[Deploy, Endpoint, Rollback],
            )],
        )
    },
    Rule {
        given: Given::FirstTag,
        ..rule(
            "RuntimeFirstTag",
            On::Runtime,
            &[("bedrock-agentcore:TagResource", TAGGING)],
        )
    },
    // They are tagged once, before their runtime is deleted.
    Rule {
        given: Given::FirstTag,
        ..rule(
            "LogGroupFirstTag",
            On::LogGroups,
            &[("logs:TagResource", &[Deploy, Clean])],
        )
    },
    Rule {
        given: Given::FurtherTag,
        ..rule(
            "RuntimeTag",
            On::Runtime,
            &[("bedrock-agentcore:TagResource", TAGGING)],
        )
    },
    Rule {
        given: Given::ProjectOnResource,
        ..rule(
            "RuntimeUntag",
            On::Runtime,
            &[("bedrock-agentcore:UntagResource", &[Deploy])],
        )
    },
    // The service creates and deletes it with the runtime, with the caller's permission.
    rule(
        "Identity",
        On::Identity,
        &[
            ("bedrock-agentcore:CreateWorkloadIdentity", &[Deploy]),
            ("bedrock-agentcore:DeleteWorkloadIdentity", &[Deploy, Clean]),
        ],
    ),
    // Whether a condition on tags works at creation is not documented.
    rule(
        "MemoryCreate",
        On::AllIfDeclared(ResourceKind::Memory),
        &[
            (MEMORY.create.action, PREPARING),
            (MEMORY.list.operation.action, DECLARED),
        ],
    ),
    rule(
        "Memory",
        On::Declared(ResourceKind::Memory),
        &[
            (MEMORY.read.action, DECLARED),
            (MEMORY.update.action, PREPARING),
            (MEMORY.delete.action, &[Clean]),
        ],
    ),
    rule(
        "GatewayCreate",
        On::AllIfDeclared(ResourceKind::Gateway),
        &[
            (GATEWAY.create.action, PREPARING),
            (GATEWAY.list.operation.action, DECLARED),
        ],
    ),
    rule(
        "Gateway",
        On::PartsOfDeclared(ResourceKind::Gateway),
        &[
            (GATEWAY.read.action, DECLARED),
            (GATEWAY.update.action, PREPARING),
            (GATEWAY.delete.action, &[Clean]),
            (TARGETS.create.action, PREPARING),
            (TARGETS.read.action, DECLARED),
            (TARGETS.update.action, PREPARING),
            (TARGETS.delete.action, &[Prepare, Deploy, Clean]),
            (TARGETS.list.operation.action, DECLARED),
        ],
    ),
    // The service creates and deletes it with the gateway, with the caller's permission.
    rule(
        "GatewayIdentity",
        On::IdentitiesOfDeclared,
        &[
            ("bedrock-agentcore:CreateWorkloadIdentity", PREPARING),
            ("bedrock-agentcore:DeleteWorkloadIdentity", &[Clean]),
        ],
    ),
    Rule {
        given: Given::PassedToAgentCore,
        ..rule(
            "DeclaredRolePass",
            On::RolesOfDeclared,
            &[("iam:PassRole", PREPARING)],
        )
    },
    rule(
        "DeclaredTags",
        On::DeclaredOfAllKinds,
        &[("bedrock-agentcore:ListTagsForResource", DECLARED)],
    ),
    Rule {
        given: Given::FirstTag,
        ..rule(
            "DeclaredFirstTag",
            On::DeclaredOfAllKinds,
            &[("bedrock-agentcore:TagResource", PREPARING)],
        )
    },
    Rule {
        given: Given::FurtherTag,
        ..rule(
            "DeclaredTag",
            On::DeclaredOfAllKinds,
            &[("bedrock-agentcore:TagResource", PREPARING)],
        )
    },
    Rule {
        given: Given::ProjectOnResource,
        ..rule(
            "DeclaredUntag",
            On::DeclaredOfAllKinds,
            &[("bedrock-agentcore:UntagResource", PREPARING)],
        )
    },
    rule(
        "Images",
        On::Repository,
        &[
            ("ecr:BatchDeleteImage", &[Clean]),
            ("ecr:DeleteRepository", &[Clean]),
            ("ecr:ListImages", &[Clean]),
        ],
    ),
    // A repository without this tool's tags must be readable to find out who owns it.
    rule(
        "RepositoryRead",
        On::OwnRepository,
        &[
            ("ecr:DescribeRepositories", &[Deploy, Clean]),
            ("ecr:GetLifecyclePolicy", &[Deploy]),
            ("ecr:ListTagsForResource", &[Deploy, Clean]),
        ],
    ),
    Rule {
        given: Given::ProjectInRequest,
        ..rule(
            "RepositoryCreate",
            On::OwnRepository,
            &[("ecr:CreateRepository", &[Deploy])],
        )
    },
    Rule {
        given: Given::FirstTag,
        ..rule(
            "RepositoryFirstTag",
            On::OwnRepository,
            &[("ecr:TagResource", &[Deploy])],
        )
    },
    Rule {
        given: Given::FurtherTag,
        ..rule(
            "RepositoryTag",
            On::OwnRepository,
            &[("ecr:TagResource", &[Deploy])],
        )
    },
    Rule {
        given: Given::ProjectOnResource,
        ..rule(
            "Repository",
            On::OwnRepository,
            &[
                ("ecr:BatchCheckLayerAvailability", &[Deploy]),
                ("ecr:BatchDeleteImage", &[Deploy, Clean]),
                ("ecr:BatchGetImage", &[Deploy]),
                ("ecr:CompleteLayerUpload", &[Deploy]),
                ("ecr:DeleteRepository", &[Clean]),
                ("ecr:DescribeImages", &[Deploy]),
                ("ecr:InitiateLayerUpload", &[Deploy]),
                ("ecr:ListImages", &[Clean]),
                ("ecr:PutImage", &[Deploy]),
                ("ecr:PutImageScanningConfiguration", &[Deploy]),
                ("ecr:PutImageTagMutability", &[Deploy]),
                ("ecr:PutLifecyclePolicy", &[Deploy]),
                ("ecr:UntagResource", &[Deploy]),
                ("ecr:UploadLayerPart", &[Deploy]),
            ],
        )
    },
    rule(
        "BaseImage",
        On::BaseRepository,
        &[
            ("ecr:BatchGetImage", &[Deploy]),
            ("ecr:GetDownloadUrlForLayer", &[Deploy]),
        ],
    ),
    rule(
        "RegistryToken",
        On::AllForImages,
        &[("ecr:GetAuthorizationToken", &[Deploy])],
    ),
    rule(
        "Bucket",
        On::OwnBucket,
        &[
            ("s3:CreateBucket", &[Deploy]),
            ("s3:DeleteBucket", &[Clean]),
            ("s3:GetBucketPolicy", &[Deploy]),
            ("s3:GetBucketPublicAccessBlock", &[Deploy]),
            ("s3:GetBucketTagging", &[Deploy, Clean]),
            ("s3:GetEncryptionConfiguration", &[Deploy]),
            ("s3:GetLifecycleConfiguration", &[Deploy]),
            // Without it, S3 answers a missing object with a refusal, which cannot be told from a
            // real one.
            ("s3:ListBucket", &[Deploy, Status]),
            ("s3:ListBucketMultipartUploads", &[Clean]),
            // For the whole bucket, because `clean` deletes it if it contains no other agent's
            // archives.
            ("s3:ListBucketVersions", &[Deploy, Clean]),
            ("s3:PutBucketPolicy", &[Deploy]),
            ("s3:PutBucketPublicAccessBlock", &[Deploy]),
            ("s3:PutBucketTagging", &[Deploy]),
            ("s3:PutEncryptionConfiguration", &[Deploy]),
            ("s3:PutLifecycleConfiguration", &[Deploy]),
        ],
    ),
    // AgentCore reads the archive with the caller's permission.
    rule(
        "Archives",
        On::OwnObjects,
        &[
            ("s3:AbortMultipartUpload", &[Deploy, Clean]),
            ("s3:DeleteObject", &[Deploy]),
            ("s3:DeleteObjectVersion", &[Deploy, Clean]),
            // `status` asks for the age of the deployed archive.
            ("s3:GetObject", &[Deploy, Status]),
            ("s3:PutObject", &[Deploy]),
        ],
    ),
    Rule {
        given: Given::OwnPrefix,
        ..rule(
            "ObjectList",
            On::ToolkitsBucket,
            &[("s3:ListBucketVersions", &[Clean])],
        )
    },
    rule(
        "Objects",
        On::ToolkitsObjects,
        &[("s3:DeleteObjectVersion", &[Clean])],
    ),
    // Settings of the whole account: the service supports nothing narrower.
    rule(
        "Tracing",
        On::All,
        &[
            ("logs:DescribeResourcePolicies", &[Tracing]),
            ("logs:PutResourcePolicy", &[Tracing]),
            ("xray:GetTraceSegmentDestination", &[Tracing]),
            ("xray:UpdateIndexingRule", &[Tracing]),
            ("xray:UpdateTraceSegmentDestination", &[Tracing]),
        ],
    ),
];

impl By {
    pub(super) fn words(self) -> &'static str {
        match self {
            Prepare => "`prepare`",
            Deploy => "`deploy`",
            Tracing => "`deploy --enable-tracing`",
            Invoke => "`invoke`",
            StopSession => "`stop-session`",
            Status => "`status`",
            Logs => "`logs`",
            Versions => "`versions`",
            Endpoint => "`endpoint`",
            Rollback => "`rollback`",
            Clean => "`clean`",
            PrintedCommand => "the deployment that `prepare` prints the command for",
        }
    }
}
