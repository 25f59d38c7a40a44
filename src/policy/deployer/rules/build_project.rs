//! The project that builds an agent's image.

use super::{
    By::{Clean, Deploy, Status},
    Given, Rule, rule,
};
use crate::policy::deployer::places::On;

pub(super) const RULES: &[Rule] = &[
    // A project without this tool's tags must be readable to find out who owns it.
    rule(
        "BuildProjectRead",
        On::BuildProject,
        &[("codebuild:BatchGetProjects", &[Deploy, Status, Clean])],
    ),
    Rule {
        given: Given::ProjectInRequest,
        ..rule(
            "BuildProjectCreate",
            On::BuildProject,
            &[("codebuild:CreateProject", &[Deploy])],
        )
    },
    Rule {
        given: Given::ProjectOnResource,
        ..rule(
            "BuildProject",
            On::BuildProject,
            &[
                ("codebuild:BatchGetBuilds", &[Deploy]),
                ("codebuild:DeleteProject", &[Clean]),
                ("codebuild:ListBuildsForProject", &[Deploy]),
                ("codebuild:StartBuild", &[Deploy]),
                ("codebuild:StopBuild", &[Deploy]),
                ("codebuild:UpdateProject", &[Deploy]),
            ],
        )
    },
    Rule {
        given: Given::PassedToCodeBuild,
        ..rule(
            "BuildRolePass",
            On::BuildRole,
            &[("iam:PassRole", &[Deploy])],
        )
    },
    rule(
        "BuildLog",
        On::BuildLog,
        &[("logs:DeleteLogGroup", &[Clean])],
    ),
    rule(
        "BuildLogLines",
        On::BuildLogStreams,
        &[("logs:GetLogEvents", &[Deploy])],
    ),
];
