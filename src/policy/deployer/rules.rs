//! Every call that a command makes.

use By::{
    Clean, Deploy, Endpoint, Invoke, Logs, Prepare, PrintedCommand, Rollback, Status, StopSession,
    Tracing, Versions,
};

use super::places::On;

/// The commands that call AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    Prepare,
    Deploy,
    /// A switch of `deploy` that sets up the whole account.
    Tracing,
    Invoke,
    StopSession,
    Status,
    Logs,
    Versions,
    Endpoint,
    Rollback,
    Clean,
    /// What `prepare` prints: the toolkit hands the role over to the service.
    PrintedCommand,
}

/// Under which condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    Nothing,
    /// The request sets this project's tag on something new.
    ProjectInRequest,
    /// The thing carries this project's tag.
    ProjectOnResource,
    /// The request sets this project's tag on something that no project has tagged, and no tags but
    /// ours and the declared ones: so nobody takes over what is another project's.
    FirstTag,
    /// The request sets ours and the declared tags on what carries this project's tag, and leaves that
    /// one as it is.
    FurtherTag,
    /// The role carries this project's tag, and the policy is one that the metadata attaches.
    DeclaredPolicy,
    /// The role is handed to AgentCore and to no other service.
    PassedToAgentCore,
    /// The role is the one that the service makes for itself.
    OfTheService,
    /// Other accounts may call the agent.
    CallersDeclared,
    /// The listing asks for this agent's prefix.
    OwnPrefix,
}

/// Whether a rule needs the declared permissions boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounded {
    No,
    /// Holds only with the boundary, where one is declared.
    Yes,
    /// Is not needed at all where none is declared.
    Only,
}

/// Calls that share place and condition; rules of one kind become one statement where they can.
pub(super) struct Rule {
    pub(super) kind: &'static str,
    pub(super) calls: &'static [(&'static str, &'static [By])],
    pub(super) on: On,
    pub(super) given: Given,
    pub(super) bounded: Bounded,
    /// Concerns a role that this tool makes and keeps.
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

/// `deploy` does what `prepare` does.
const PREPARING: &[By] = &[Prepare, Deploy];
const ROLE: &[By] = &[Prepare, Deploy, Clean];
/// `status` compares the role; of what is attached, only what this tool attaches.
const ROLE_SHOWN: &[By] = &[Prepare, Deploy, Status, Clean];
/// Who looks up which runtime is the agent's, and whose it is.
const RUNNING: &[By] = &[Deploy, Status, Logs, Versions, Endpoint, Rollback, Clean];

/// Who tags runtimes and endpoints.
const TAGGING: &[By] = &[Deploy, Endpoint, Rollback];

pub(super) const RULES: &[Rule] = &[
    // A role that is there without our tags must be readable, or nobody could say whose it is; and
    // `clean` has to see one that was made before another was configured.
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
    // At creation and at adoption the role does not carry the tag yet: the request does.
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
    // The service makes it with the account's first runtime, with the caller's permission.
    Rule {
        given: Given::OfTheService,
        ..rule(
            "ServiceRole",
            On::ServiceRoles,
            &[("iam:CreateServiceLinkedRole", &[Deploy])],
        )
    },
    // The service knows no resource for these.
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
            ("logs:DescribeLogGroups", &[Clean]),
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
    // Not conditioned on a tag: a runtime that the toolkit made with our role carries none.
    rule(
        "Runtime",
        On::Runtime,
        &[
            ("bedrock-agentcore:DeleteAgentRuntime", &[Deploy, Clean]),
            (
                "bedrock-agentcore:DeleteAgentRuntimeEndpoint",
                &[Endpoint, Clean],
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
    // The endpoint that the service makes carries no tag.
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
            ("logs:ListTagsForResource", &[Clean]),
        ],
    ),
    Rule {
        given: Given::ProjectInRequest,
        ..rule(
            "EndpointCreate",
            On::Runtime,
            &[(
                "bedrock-agentcore:CreateAgentRuntimeEndpoint",
                &[Endpoint, Rollback],
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
    // They are tagged before their runtime goes, once.
    Rule {
        given: Given::FirstTag,
        ..rule(
            "LogGroupFirstTag",
            On::LogGroups,
            &[("logs:TagResource", &[Clean])],
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
    // The service makes and deletes it together with the runtime, with the caller's permission.
    rule(
        "Identity",
        On::Identity,
        &[
            ("bedrock-agentcore:CreateWorkloadIdentity", &[Deploy]),
            ("bedrock-agentcore:DeleteWorkloadIdentity", &[Deploy, Clean]),
        ],
    ),
    rule(
        "Images",
        On::Repository,
        &[
            ("ecr:BatchDeleteImage", &[Clean]),
            ("ecr:DeleteRepository", &[Clean]),
            ("ecr:ListImages", &[Clean]),
        ],
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
            // Without it S3 denies what is not there, and nobody could tell one from the other.
            ("s3:ListBucket", &[Deploy, Status]),
            ("s3:ListBucketMultipartUploads", &[Clean]),
            // All of it: `clean` takes the bucket where no other agent's archives lie in it.
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
            // Of the deployed archive `status` asks how old it is.
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
    // Settings of the whole account: the service knows nothing narrower.
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
