//! The runtime of an agent, with its endpoints, log groups and workload identity.

use super::By::{Clean, Deploy, Endpoint, Invoke, Logs, Rollback, Status, StopSession, Versions};
use super::{By, Given, Rule, rule};
use crate::policy::deployer::places::On;

/// The commands that find the agent's runtime and its owner.
const RUNNING: &[By] = &[Deploy, Status, Logs, Versions, Endpoint, Rollback, Clean];

/// The commands that tag runtimes and endpoints.
const TAGGING: &[By] = &[Deploy, Endpoint, Rollback];

pub(super) const RULES: &[Rule] = &[
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
];
