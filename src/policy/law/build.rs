//! What CodeBuild may do, and what the deployer may do with it.

use std::collections::BTreeSet;

use super::{
    authorization::{Level, level},
    conditioned,
    deployer::deployer,
    evaluate::allows,
    fixture::{self, ACCOUNT, agent, scope, target},
};
use crate::policy::{
    BUILD_PRINCIPAL, Deployer, Document, boundary, build, build_trust, principals,
};

fn keeps_the_law(document: &Document) {
    for statement in &document.statement {
        for action in &statement.action {
            match level(action) {
                Level::None => assert_eq!(statement.resource, ["*"], "{action}"),
                Level::Resource(kinds) => {
                    for resource in &statement.resource {
                        assert_ne!(resource, "*", "{action}");
                        let place = resource.splitn(6, ':').nth(5).unwrap_or_default();
                        let fits = |kind: &str| place.starts_with(kind);
                        assert!(kinds.iter().any(|kind| fits(kind)), "{action}: {resource}");
                    }
                }
            }
            conditioned(action, statement);
        }
    }
}

#[test]
fn codebuild_reads_its_sources_pushes_to_its_repository_and_writes_its_log() {
    let mut one = agent("one", &[]);
    fixture::into_dockerfile(&mut one);
    let place = scope("one", "us-west-2");
    let document = build(&one, &place);
    keeps_the_law(&document);
    let none = [].into();
    let may = |action: &str, resource: &str| allows(&document, action, resource, &none);
    let bucket = fixture::bucket();
    assert!(may("s3:GetObject", &format!("{bucket}/one/build/abc.zip")));
    for other in ["one/archive.zip", "two/build/abc.zip", "one/buildings/a"] {
        assert!(
            !may("s3:GetObject", &format!("{bucket}/{other}")),
            "{other}"
        );
    }
    let log = "arn:aws:logs:us-west-2:123456789012:log-group:/aws/codebuild/cargo-agentcore-";
    let log = log.replace("123456789012", ACCOUNT);
    assert!(!may(
        "logs:PutLogEvents",
        &format!("{log}other-one:log-stream:a")
    ));
    let own = document.to_json();
    for action in [
        "iam:",
        "sts:",
        "codebuild:",
        "s3:Put",
        "s3:List",
        "ecr:BatchGetImage",
    ] {
        assert!(!own.contains(action), "{action}");
    }
    let trust = build_trust(&place, &one);
    assert_eq!(
        principals(&trust.to_value()),
        BTreeSet::from([BUILD_PRINCIPAL.to_owned()])
    );
    let conditions = trust.to_json();
    assert!(conditions.contains("aws:SourceAccount"), "{conditions}");
    assert!(
        conditions.contains(":project/cargo-agentcore-"),
        "{conditions}"
    );
    // The boundary does not take away what the role needs.
    let whole = boundary(&[target(&one, "us-west-2")]);
    for statement in &document.statement {
        for (action, resource) in statement
            .action
            .iter()
            .flat_map(|action| statement.resource.iter().map(move |on| (action, on)))
        {
            assert!(
                allows(&whole, action, resource, &none),
                "{action} on {resource}"
            );
        }
    }
}

#[test]
fn the_deployer_gets_codebuild_for_a_dockerfile_only_and_hands_it_one_role() {
    for which in [Deployer::WithRoles, Deployer::WithoutRoles] {
        let mut one = agent("one", &[]);
        fixture::into_image(&mut one);
        let text = deployer(&one, which).to_json();
        assert!(
            !text.contains("codebuild:") && !text.contains("AgentCoreBuild"),
            "{text}"
        );
        fixture::into_dockerfile(&mut one);
        let document = deployer(&one, which);
        keeps_the_law(&document);
        let passed = |service: &str, role: &str| {
            let role = format!("arn:aws:iam::{ACCOUNT}:role/agents/{role}");
            let context = [("iam:PassedToService".to_owned(), service.to_owned())];
            allows(&document, "iam:PassRole", &role, &context.into())
        };
        let own = crate::names::ours::build_role(
            &one.project,
            &one.runtime_name,
            &scope("one", "us-west-2").region,
        );
        assert!(passed("codebuild.amazonaws.com", &own));
        assert!(!passed("bedrock-agentcore.amazonaws.com", &own));
        assert!(!passed("codebuild.amazonaws.com", "AgentCoreRole-one"));
        assert!(passed(
            "bedrock-agentcore.amazonaws.com",
            "AgentCoreRole-one"
        ));
    }
}
