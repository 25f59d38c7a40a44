//! What the deployer documents allow and what they never do.

use std::collections::BTreeSet;

use super::{
    authorization::{Level, level},
    conditioned,
    fixture::{self, ACCOUNT, agent, target},
};
use crate::{
    config::Agent,
    policy::{
        Deployer, Document, Grant, Statement, administrator, deployer_grants, document_of, size,
    },
};

fn actions(document: &Document) -> BTreeSet<&str> {
    let statements = document.statement.iter();
    statements
        .flat_map(|s| &s.action)
        .map(String::as_str)
        .collect()
}

pub(super) fn deployer(agent: &Agent, deployer: Deployer) -> Document {
    document_of(&deployer_grants(&[target(agent, "us-west-2")], deployer))
}

const BOUNDED: [&str; 4] = [
    "iam:CreateRole",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:UpdateAssumeRolePolicy",
];

#[test]
fn a_declared_boundary_binds_every_write_that_could_go_around_it() {
    let bounded = deployer(&agent("a", &[]), Deployer::WithRoles);
    let arn = format!("arn:aws:iam::{ACCOUNT}:policy/AgentBoundary");
    for action in BOUNDED {
        let found: Vec<&Statement> = bounded
            .statement
            .iter()
            .filter(|s| s.action.iter().any(|a| a == action))
            .collect();
        assert!(!found.is_empty(), "{action}");
        for statement in found {
            let keys = &statement.condition["StringEquals"];
            assert_eq!(
                keys["iam:PermissionsBoundary"],
                std::slice::from_ref(&arn),
                "{action}"
            );
        }
    }
    let target = agent("a", &[]);
    assert_eq!(
        administrator(&[fixture::target(&target, "us-west-2")]),
        None
    );
}

#[test]
fn without_a_boundary_the_warning_names_the_agents_and_no_boundary_is_written() {
    let mut open = agent("a", &[]);
    fixture::take_boundary(&mut open);
    let document = deployer(&open, Deployer::WithRoles);
    assert!(!actions(&document).contains("iam:PutRolePermissionsBoundary"));
    assert!(!document.to_json().contains("iam:PermissionsBoundary"));
    let warning =
        administrator(&[target(&open, "us-west-2"), target(&open, "eu-central-1")]).unwrap();
    assert_eq!(warning.notes[1], "no boundary is declared for `a`");
}

#[test]
fn a_deployer_never_takes_a_boundary_off_and_hands_roles_to_agentcore_alone() {
    for which in [Deployer::WithRoles, Deployer::WithoutRoles] {
        let document = deployer(&agent("a", &[]), which);
        for statement in &document.statement {
            for action in &statement.action {
                assert!(!action.contains('*'), "{action}");
                assert_ne!(action, "iam:DeleteRolePermissionsBoundary");
                assert!(!action.starts_with("iam:Attach"), "{action}");
                match level(action) {
                    Level::None => assert_eq!(statement.resource, ["*"], "{action}"),
                    Level::Resource(_) => {
                        assert!(!statement.resource.iter().any(|r| r == "*"), "{action}");
                    }
                }
                conditioned(action, statement);
            }
        }
        assert!(actions(&document).contains("iam:PassRole"));
    }
}

#[test]
fn a_role_of_somebody_else_is_read_and_handed_over_and_never_written() {
    let reads = BTreeSet::from(["iam:CreateServiceLinkedRole", "iam:GetRole", "iam:PassRole"]);
    let mut given = agent("a", &[]);
    fixture::give_role(&mut given);
    let documents = [
        deployer(&agent("a", &[]), Deployer::WithoutRoles),
        deployer(&given, Deployer::WithRoles),
        deployer(&given, Deployer::WithoutRoles),
    ];
    for document in &documents {
        let iam = actions(document)
            .into_iter()
            .filter(|a| a.starts_with("iam:"))
            .collect();
        assert_eq!(reads, iam);
    }
    assert!(documents[1].to_json().contains("role/theirs/role"));
    // One that was made before this one was brought is seen, no more.
    let former = format!("arn:aws:iam::{ACCOUNT}:role/AgentCoreRole-a");
    let about = documents[1].statement.iter();
    let about = about.filter(|statement| statement.resource.contains(&former));
    let allowed: Vec<&String> = about.flat_map(|statement| &statement.action).collect();
    assert_eq!(allowed, ["iam:GetRole"]);
    assert_eq!(administrator(&[target(&given, "us-west-2")]), None);
}

#[test]
fn tags_mark_the_first_write_and_guard_every_later_one() {
    let document = deployer(&agent("a", &[]), Deployer::WithRoles);
    let key = |of: &str| format!("aws:{of}Tag/cargo-agentcore:project");
    let guarded = |action: &str, of: &str| {
        document.statement.iter().any(|s| {
            s.action.iter().any(|a| a == action)
                && s.condition
                    .get("StringEquals")
                    .is_some_and(|keys| keys.contains_key(&key(of)))
        })
    };
    for action in [
        "bedrock-agentcore:CreateAgentRuntime",
        "bedrock-agentcore:CreateAgentRuntimeEndpoint",
        "bedrock-agentcore:TagResource",
        "iam:CreateRole",
        "iam:TagRole",
        "logs:TagResource",
    ] {
        assert!(guarded(action, "Request"), "{action}");
    }
    for action in [
        "bedrock-agentcore:TagResource",
        "bedrock-agentcore:UntagResource",
        "iam:PutRolePolicy",
        "iam:DeleteRole",
        "iam:DeleteRolePolicy",
        "iam:TagRole",
        "iam:UntagRole",
    ] {
        assert!(guarded(action, "Resource"), "{action}");
    }
}

#[test]
fn the_service_may_make_its_network_role_only_for_an_agent_in_a_vpc() {
    let name = "AWSServiceRoleForBedrockAgentCoreNetwork";
    let mut agent = agent("a", &[]);
    let public = deployer(&agent, Deployer::WithoutRoles).to_json();
    assert!(public.contains("AWSServiceRoleForBedrockAgentCoreRuntimeIdentity"));
    assert!(!public.contains(name));
    fixture::into_vpc(&mut agent);
    assert!(
        deployer(&agent, Deployer::WithoutRoles)
            .to_json()
            .contains(name)
    );
}

#[test]
fn what_concerns_the_whole_account_says_which_switch_asks_for_it() {
    let agent = agent("a", &[]);
    let grants = deployer_grants(&[target(&agent, "us-west-2")], Deployer::WithRoles);
    let wide = |grant: &Grant| {
        let actions = &grant.statement.action;
        let writes = |a: &String| a.contains(":Put") || a.contains(":Update");
        grant.statement.resource == ["*"]
            && grant.statement.condition.is_empty()
            && actions.iter().any(writes)
    };
    let found: Vec<(&str, &str)> = grants
        .iter()
        .filter(|grant| wide(grant))
        .map(|grant| (grant.statement.sid.as_str(), grant.asked_by.as_str()))
        .collect();
    assert_eq!(found, [("Tracing", "`deploy --enable-tracing`")]);
}

#[test]
fn the_document_of_one_agent_fits_a_managed_policy() {
    for (name, region, is_in_vpc) in [
        ("my_agent", "us-gov-west-1", true),
        (
            "a_name_that_is_longer_than_most_are",
            "ap-southeast-2",
            false,
        ),
    ] {
        let mut agent = agent(name, &[]);
        if is_in_vpc {
            fixture::into_vpc(&mut agent);
        }
        let grants = deployer_grants(&[target(&agent, region)], Deployer::WithRoles);
        let problem = size::managed_problem("the document", &grants);
        assert_eq!(problem, None, "{name} in {region}");
    }
}
