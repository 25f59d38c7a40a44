//! The permissions of a run: no more than it needs, and no more than the deployer has.

use super::{
    prepare, project,
    support::{Cli, Ministack, Project, boto3, listing, proxy::Proxy},
};

#[test]
fn an_unchanged_prepare_only_reads_and_only_once() {
    let emulator = Ministack::start();
    let project = project();
    prepare(&project, &emulator).succeeds();
    let proxy = Proxy::to(&emulator);
    Cli::new(&project)
        .at(&proxy.url())
        .arg("prepare")
        .run()
        .succeeds();
    let mut actions = proxy.actions();
    actions.sort();
    assert_eq!(
        actions,
        [
            "iam:GetRole",
            "iam:GetRolePolicy",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
            "sts:GetCallerIdentity"
        ]
    );
}

#[test]
fn a_role_that_was_brought_is_read_and_never_written() {
    let emulator = Ministack::start();
    boto3(
        &emulator,
        r#"
import json
trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "bedrock-agentcore.amazonaws.com"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"aws:SourceAccount": account}}}]}
client("iam").create_role(RoleName="theirs", AssumeRolePolicyDocument=json.dumps(trust))
"#,
    );
    let project = Project::new()
        .metadata(
            "region = \"us-east-1\"\nrole = { arn = \"arn:aws:iam::000000000000:role/theirs\" }",
        )
        .agent("one");
    let before = listing(&emulator);
    let proxy = Proxy::to(&emulator);
    let outcome = Cli::new(&project)
        .at(&proxy.url())
        .arg("prepare")
        .run()
        .succeeds();
    assert!(
        outcome
            .stdout
            .contains("--execution-role arn:aws:iam::000000000000:role/theirs")
    );
    assert_eq!(proxy.actions(), ["sts:GetCallerIdentity", "iam:GetRole"]);
    assert_eq!(listing(&emulator), before);
}
