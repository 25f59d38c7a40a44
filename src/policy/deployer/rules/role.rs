//! The execution role of an agent, and the roles that this tool keeps for declared resources.

use super::By::{
    Clean, Deploy, Endpoint, Logs, Prepare, PrintedCommand, Rollback, Status, Versions,
};
use super::{Bounded, By, Given, PREPARING, Rule, rule};
use crate::policy::deployer::places::On;

const ROLE: &[By] = &[Prepare, Deploy, Clean];

/// `status` compares the role; of the attached policies, only those that this tool attaches.
const ROLE_SHOWN: &[By] = &[Prepare, Deploy, Status, Clean];

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
            On::RoleToPass,
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
];
