//! Declared resources: the actions of each kind are those of its operations.

use super::{
    By::{self, Clean, Deploy, Prepare, Status},
    Call, Given, PREPARING, Rule, rule,
};
use crate::{
    config::ResourceKind,
    policy::deployer::places::On,
    protocol::control::{Api, GATEWAY, MEMORY, Parts, TARGETS},
};

/// The commands that find declared resources.
const DECLARED: &[By] = &[Prepare, Deploy, Status, Clean];

/// Whether a condition on tags works at creation is not documented.
const fn creating(api: &Api) -> [Call; 2] {
    [
        (api.create.action, PREPARING),
        (api.list.operation.action, DECLARED),
    ]
}

const fn existing(api: &Api) -> [Call; 3] {
    [
        (api.read.action, DECLARED),
        (api.update.action, PREPARING),
        (api.delete.action, &[Clean]),
    ]
}

/// Parts that are no longer declared are deleted by a deploy.
const fn parts(parts: &Parts) -> [Call; 5] {
    [
        (parts.create.action, PREPARING),
        (parts.read.action, DECLARED),
        (parts.update.action, PREPARING),
        (parts.delete.action, &[Prepare, Deploy, Clean]),
        (parts.list.operation.action, DECLARED),
    ]
}

pub(super) const RULES: &[Rule] = &[
    rule(
        "MemoryCreate",
        On::AllIfDeclared(ResourceKind::Memory),
        &const { creating(&MEMORY) },
    ),
    rule(
        "Memory",
        On::Declared(ResourceKind::Memory),
        &const { existing(&MEMORY) },
    ),
    rule(
        "GatewayCreate",
        On::AllIfDeclared(ResourceKind::Gateway),
        &const { creating(&GATEWAY) },
    ),
    rule(
        "Gateway",
        On::PartsOfDeclared(ResourceKind::Gateway),
        &const { existing(&GATEWAY) },
    ),
    rule(
        "Gateway",
        On::PartsOfDeclared(ResourceKind::Gateway),
        &const { parts(&TARGETS) },
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
    // The targets that lead to them need their ARNs.
    rule(
        "GatewayAgents",
        On::AgentsOfGateways,
        &[("bedrock-agentcore:ListTagsForResource", DECLARED)],
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
];
