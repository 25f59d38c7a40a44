//! What AWS CodeBuild may do when it builds an agent's image: read the agent's own sources, push to
//! the agent's own repository, and write its own log.

use std::collections::BTreeMap;

use super::{
    Document, Effect, Grant, Scope, Statement,
    grant::{document, settle},
};
use crate::{config::Agent, names::ours};

/// The service that assumes the role.
pub const BUILD_PRINCIPAL: &str = "codebuild.amazonaws.com";

/// Returns the trust policy: CodeBuild, for the agent's project in this account and region.
pub fn build_trust(scope: &Scope, agent: &Agent) -> Document {
    let statement = Statement {
        sid: "CodeBuildProject".to_owned(),
        effect: Effect::Allow,
        principal: BTreeMap::from([("Service".to_owned(), vec![BUILD_PRINCIPAL.to_owned()])]),
        action: vec!["sts:AssumeRole".to_owned()],
        resource: Vec::new(),
        condition: BTreeMap::new(),
    };
    Document::new(vec![
        statement
            .when(
                "StringEquals",
                "aws:SourceAccount",
                [scope.account.as_str()],
            )
            .when("ArnEquals", "aws:SourceArn", [scope.build_project(agent)]),
    ])
}

/// Returns the role's policy.
pub fn build(agent: &Agent, scope: &Scope) -> Document {
    document(&build_grants(agent, scope))
}

/// Returns the same as grants, with what asked for each.
pub fn build_grants(agent: &Agent, scope: &Scope) -> Vec<Grant> {
    let by = "artifact = \"dockerfile\"";
    let bucket = ours::bucket(&agent.project, &scope.account, &scope.region);
    let sources = format!(
        "arn:{}:s3:::{bucket}/{}*",
        scope.partition,
        ours::build_prefix(&scope.runtime)
    );
    let group = scope.build_log_group(agent);
    settle(vec![
        Grant::allow(
            "BuildSource",
            "",
            ["s3:GetObject", "s3:GetObjectVersion"],
            [sources],
        )
        .by(by),
        Grant::allow(
            "BuildImage",
            "",
            [
                "ecr:BatchCheckLayerAvailability",
                "ecr:CompleteLayerUpload",
                "ecr:InitiateLayerUpload",
                "ecr:PutImage",
                "ecr:UploadLayerPart",
            ],
            [scope.repository(agent)],
        )
        .by(by),
        // A token alone gives access to nothing.
        Grant::allow("BuildToken", "", ["ecr:GetAuthorizationToken"], ["*"]).by(by),
        Grant::allow("BuildLog", "", ["logs:CreateLogGroup"], [group.clone()]).by(by),
        Grant::allow(
            "BuildLogStream",
            "",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [format!("{group}:log-stream:*")],
        )
        .by(by),
    ])
}
