//! How the deployer policies use the tag that makes a resource a project's.

use std::collections::BTreeSet;

use super::{
    deployer::{actions, deployer},
    evaluate::{Context, allows},
    fixture::{self, ACCOUNT, agent},
};
use crate::policy::{Deployer, Document, Statement};

const PROJECT_OF_REQUEST: &str = "aws:RequestTag/cargo-agentcore:project";
pub(super) const PROJECT_OF_RESOURCE: &str = "aws:ResourceTag/cargo-agentcore:project";

/// Returns the ARN of the repository for the agent's images.
pub(super) fn repository() -> String {
    let agent = agent("a", &[]);
    let name = crate::names::ours::repository(&agent.project, &agent.runtime_name);
    format!("arn:aws:ecr:us-west-2:{ACCOUNT}:repository/{name}")
}

/// Returns true if the action sets tags on an existing resource.
fn tags(action: &str) -> bool {
    let (_, name) = action.split_once(':').unwrap();
    name.starts_with("Tag")
}

/// Returns the deployer policies, with declared tags and without.
fn documents() -> Vec<Document> {
    let mut tagged = agent("a", &[]);
    tagged.tags = [("team".to_owned(), "x".to_owned())].into();
    let mut image = agent("a", &[]);
    fixture::into_image(&mut image);
    let agents = [agent("a", &[]), tagged, image];
    let both = [Deployer::WithRoles, Deployer::WithoutRoles];
    let all = agents
        .iter()
        .flat_map(|agent| both.map(|which| deployer(agent, which)));
    all.collect()
}

#[test]
fn no_statement_writes_the_tag_that_another_one_trusts() {
    for document in documents() {
        let equals = |statement: &Statement, operator: &str, key: &str| {
            let keys = statement.condition.get(operator)?;
            keys.get(key).map(|values| values[..] == ["project-7k2qpx"])
        };
        let trusted = document.statement.iter().flat_map(|statement| {
            let keys = statement.condition.values().flat_map(|keys| keys.keys());
            keys.filter(|key| key.starts_with("aws:ResourceTag/"))
        });
        let trusted: BTreeSet<&String> = trusted.collect();
        assert_eq!(
            trusted.into_iter().collect::<Vec<_>>(),
            [PROJECT_OF_RESOURCE]
        );
        for statement in &document.statement {
            if !statement.action.iter().any(|action| tags(action)) {
                continue;
            }
            let is_first = statement.condition.get("Null").is_some_and(|keys| {
                keys.get(PROJECT_OF_RESOURCE)
                    .is_some_and(|null| null[..] == ["true"])
            }) && equals(statement, "StringEquals", PROJECT_OF_REQUEST)
                == Some(true);
            let is_further = equals(statement, "StringEquals", PROJECT_OF_RESOURCE) == Some(true)
                && equals(statement, "StringEqualsIfExists", PROJECT_OF_REQUEST) == Some(true);
            assert!(is_first || is_further, "{statement:?}");
            let keys = &statement.condition["ForAllValues:StringLike"]["aws:TagKeys"];
            let known = |key: &String| key == "cargo-agentcore:*" || key == "team";
            assert!(keys.iter().all(known), "{statement:?}");
        }
    }
}

/// No request can write to a role with another project's tag, or change a tag of such a role or
/// runtime.
#[test]
fn what_carries_another_projects_tag_is_never_taken_over() {
    let things = [
        format!("arn:aws:iam::{ACCOUNT}:role/agents/AgentCoreRole-a"),
        format!("arn:aws:bedrock-agentcore:us-west-2:{ACCOUNT}:runtime/a-AbCdEf1234"),
        repository(),
        format!(
            "arn:aws:logs:us-west-2:{ACCOUNT}:log-group:/aws/bedrock-agentcore/runtimes/a-x-DEFAULT"
        ),
    ];
    let projects = [None, Some("project-7k2qpx"), Some("other-7k2qpx")];
    for document in documents() {
        for (thing, said, keys) in things.iter().flat_map(|thing| {
            projects.iter().flat_map(move |said| {
                [
                    "cargo-agentcore:project",
                    "team",
                    "cargo-agentcore:agent\nteam",
                    "",
                ]
                .map(move |keys| (thing, said, keys))
            })
        }) {
            let mut context: Context = [
                (PROJECT_OF_RESOURCE, "other-7k2qpx"),
                ("iam:PassedToService", "bedrock-agentcore.amazonaws.com"),
                (
                    "iam:PermissionsBoundary",
                    &format!("arn:aws:iam::{ACCOUNT}:policy/AgentBoundary"),
                ),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
            if !keys.is_empty() {
                context.insert("aws:TagKeys".to_owned(), keys.to_owned());
            }
            if let Some(said) = said {
                context.insert(PROJECT_OF_REQUEST.to_owned(), (*said).to_owned());
            }
            for action in actions(&document) {
                let (service, name) = action.split_once(':').unwrap();
                let reads = name.starts_with("Get") || name.starts_with("List");
                // An existing role is not created, and passing a role does not depend on its tags.
                let is_harmless = reads || matches!(name, "PassRole" | "CreateRole");
                let is_protected = service == "iam" || tags(action) || name.starts_with("Untag");
                if is_protected && !is_harmless {
                    assert!(
                        !allows(&document, action, thing, &context),
                        "{action}: {context:?}"
                    );
                }
            }
        }
    }
}

/// The first tag, which makes a resource the project's, and further tags.
#[test]
fn what_is_ours_or_nobodys_can_be_tagged_with_ours_and_the_declared_tags() {
    let role = format!("arn:aws:iam::{ACCOUNT}:role/agents/AgentCoreRole-a");
    let documents = documents();
    let allowed = |document: &Document, resource: Option<&str>, said: Option<&str>, keys: &str| {
        let mut context = Context::from([("aws:TagKeys".to_owned(), keys.to_owned())]);
        for (key, value) in [(PROJECT_OF_RESOURCE, resource), (PROJECT_OF_REQUEST, said)] {
            context.extend(value.map(|value| (key.to_owned(), value.to_owned())));
        }
        allows(document, "iam:TagRole", &role, &context)
    };
    let (plain, tagged) = (&documents[0], &documents[2]);
    let ours = Some("project-7k2qpx");
    let identity = "cargo-agentcore:project\ncargo-agentcore:agent";
    assert!(allowed(plain, None, ours, identity));
    assert!(allowed(plain, ours, None, "cargo-agentcore:tags"));
    assert!(allowed(plain, ours, ours, identity));
    assert!(allowed(tagged, ours, None, "team"));
    assert!(!allowed(plain, ours, None, "team"), "it is not declared");
    assert!(!allowed(plain, None, None, "cargo-agentcore:tags"));
    assert!(!allowed(plain, ours, Some("other-7k2qpx"), identity));
    assert!(!allowed(plain, None, Some("other-7k2qpx"), identity));
}

#[test]
fn a_role_is_made_with_our_tag_and_changed_and_deleted_only_with_it() {
    for document in documents().iter().step_by(2) {
        let guarded = |action: &str, key: &str| {
            let about = document.statement.iter();
            let mut about = about
                .filter(|s| s.action.iter().any(|a| a == action))
                .peekable();
            assert!(about.peek().is_some(), "{action}");
            about.all(|s| {
                let keys = s.condition.get("StringEquals");
                keys.is_some_and(|keys| keys.contains_key(key))
            })
        };
        for action in [
            "bedrock-agentcore:CreateAgentRuntime",
            "bedrock-agentcore:CreateAgentRuntimeEndpoint",
            "iam:CreateRole",
            "logs:TagResource",
        ] {
            assert!(guarded(action, PROJECT_OF_REQUEST), "{action}");
        }
        for action in [
            "bedrock-agentcore:UntagResource",
            "iam:DeleteRole",
            "iam:DeleteRolePolicy",
            "iam:PutRolePolicy",
            "iam:UntagRole",
            "iam:UpdateAssumeRolePolicy",
        ] {
            assert!(guarded(action, PROJECT_OF_RESOURCE), "{action}");
        }
    }
}
