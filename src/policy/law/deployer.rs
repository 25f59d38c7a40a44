//! What the deployer policies allow, and what they never allow.

use std::collections::BTreeSet;

use super::{
    authorization::{Level, level},
    conditioned,
    evaluate::{Context, allows},
    fixture::{self, ACCOUNT, agent, target},
};
use crate::{
    config::{Agent, Caller, ManagedPolicy},
    policy::{
        Deployer, Document, Grant, Statement, Target, administrator, deployer_grants, document_of,
        size,
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
fn a_deployer_attaches_and_detaches_what_the_metadata_declares_and_nothing_else() {
    let mut agent = agent("a", &[]);
    let declared = [
        ManagedPolicy::Name("Reports".into()),
        ManagedPolicy::Arn("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess".into()),
    ];
    fixture::attach(&mut agent, &declared);
    let document = deployer(&agent, Deployer::WithRoles);
    let role = format!("arn:aws:iam::{ACCOUNT}:role/agents/AgentCoreRole-a");
    let boundary = format!("arn:aws:iam::{ACCOUNT}:policy/AgentBoundary");
    let allowed = |action: &str, role: &str, policy: &str, project: &str, boundary: &str| {
        let context = [
            (PROJECT_OF_RESOURCE, project),
            ("iam:PolicyARN", policy),
            ("iam:PermissionsBoundary", boundary),
        ];
        let context = context.map(|(key, value)| (key.to_owned(), value.to_owned()));
        allows(&document, action, role, &context.into())
    };
    let ours = "project-7k2qpx";
    for action in ["iam:AttachRolePolicy", "iam:DetachRolePolicy"] {
        for policy in [
            format!("arn:aws:iam::{ACCOUNT}:policy/Reports"),
            "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess".to_owned(),
        ] {
            assert!(allowed(action, &role, &policy, ours, &boundary), "{action}");
            assert!(!allowed(action, &role, &policy, "other-7k2qpx", &boundary));
            let other = format!("arn:aws:iam::{ACCOUNT}:role/agents/AgentCoreRole-b");
            assert!(!allowed(action, &other, &policy, ours, &boundary));
        }
        let administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
        assert!(!allowed(action, &role, administrator, ours, &boundary));
    }
    // Attaching a policy to a role without the boundary would bypass it.
    let policy = format!("arn:aws:iam::{ACCOUNT}:policy/Reports");
    assert!(!allowed(
        "iam:AttachRolePolicy",
        &role,
        &policy,
        ours,
        "other"
    ));

    let without = [
        deployer(&fixture::agent("a", &[]), Deployer::WithRoles),
        deployer(&agent, Deployer::WithoutRoles),
    ];
    for document in &without {
        let all = actions(document);
        assert!(!all.contains("iam:AttachRolePolicy") && !all.contains("iam:DetachRolePolicy"));
    }
}

#[test]
fn policies_of_runtimes_are_written_only_where_callers_are_declared() {
    let mut agent = agent("a", &[]);
    let policies = |agent: &Agent| -> BTreeSet<String> {
        let document = deployer(agent, Deployer::WithRoles);
        let statements = document.statement.iter();
        statements
            .filter(|statement| {
                statement
                    .action
                    .iter()
                    .any(|a| a == "bedrock-agentcore:PutResourcePolicy")
            })
            .flat_map(|statement| {
                assert!(
                    statement
                        .resource
                        .iter()
                        .any(|on| on.contains(":runtime/a-*")),
                    "{statement:?}"
                );
                statement.action.clone()
            })
            .filter(|action| action.ends_with(":PutResourcePolicy"))
            .collect()
    };
    assert_eq!(policies(&agent), BTreeSet::new());
    agent.callers = [Caller::parse("arn:aws:iam::210987654321:root").unwrap()].into();
    assert_eq!(
        policies(&agent),
        BTreeSet::from(["bedrock-agentcore:PutResourcePolicy".to_owned()])
    );
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
    // A role from before this one was provided can only be read.
    let former = format!("arn:aws:iam::{ACCOUNT}:role/AgentCoreRole-a");
    let about = documents[1].statement.iter();
    let about = about.filter(|statement| statement.resource.contains(&former));
    let allowed: Vec<&String> = about.flat_map(|statement| &statement.action).collect();
    assert_eq!(allowed, ["iam:GetRole"]);
    assert_eq!(administrator(&[target(&given, "us-west-2")]), None);
}

const PROJECT_OF_REQUEST: &str = "aws:RequestTag/cargo-agentcore:project";
pub(super) const PROJECT_OF_RESOURCE: &str = "aws:ResourceTag/cargo-agentcore:project";

/// Returns the ARN of the repository for the agent's images.
fn repository() -> String {
    let agent = agent("a", &[]);
    let name = crate::names::ours::repository(&agent.project, &agent.runtime_name);
    format!("arn:aws:ecr:us-west-2:{ACCOUNT}:repository/{name}")
}

#[test]
fn only_an_agent_with_images_has_a_repository_and_it_is_its_own() {
    let mut agent = agent("a", &[]);
    let ecr = |agent: &Agent, which| -> Vec<Statement> {
        let target = Target {
            repository: None,
            ..target(agent, "us-west-2")
        };
        let document = document_of(&deployer_grants(&[target], which));
        let about = document.statement.into_iter();
        about
            .filter(|statement| statement.action.iter().any(|a| a.starts_with("ecr:")))
            .collect()
    };
    for which in [Deployer::WithRoles, Deployer::WithoutRoles] {
        assert_eq!(ecr(&agent, which), []);
    }
    fixture::into_image(&mut agent);
    for which in [Deployer::WithRoles, Deployer::WithoutRoles] {
        let found = ecr(&agent, which);
        for statement in &found {
            let of_ecr = statement.resource.iter().filter(|on| on.contains(":ecr:"));
            let token = statement.action == ["ecr:GetAuthorizationToken"];
            assert!(token || of_ecr.clone().eq([&repository()]), "{statement:?}");
        }
        let all: BTreeSet<&String> = found.iter().flat_map(|s| &s.action).collect();
        for needed in [
            "ecr:PutImage",
            "ecr:CreateRepository",
            "ecr:DeleteRepository",
        ] {
            assert!(all.contains(&needed.to_owned()), "{needed}");
        }
        // Whoever may push must not be able to change the rules for everyone in the account.
        assert!(
            !all.iter().any(|action| action.contains("Registry")),
            "{all:?}"
        );
    }
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

#[test]
fn repositories_are_deleted_only_where_the_toolkits_file_names_one() {
    let agent = agent("a", &[]);
    let of = |repository: Option<&str>| {
        let target = Target {
            repository: repository.map(str::to_owned),
            ..target(&agent, "us-west-2")
        };
        document_of(&deployer_grants(&[target], Deployer::WithRoles)).to_json()
    };
    assert!(!of(None).contains("ecr:"));
    let named = of(Some("bedrock-agentcore-a"));
    assert!(named.contains("ecr:DeleteRepository"), "{named}");
}

#[test]
fn statements_are_of_one_service_unless_that_makes_the_document_fit() {
    let services = |statement: &Statement| -> BTreeSet<String> {
        let services = statement
            .action
            .iter()
            .map(|a| a.split(':').next().unwrap());
        services.map(str::to_owned).collect()
    };
    // Actions on the whole account have one statement per purpose.
    let is_mixed = |s: &&Statement| s.resource != ["*"] && services(s).len() > 1;
    let mixed = |document: &Document| -> Vec<String> {
        let mixed = document.statement.iter().filter(is_mixed);
        mixed.map(|statement| statement.sid.clone()).collect()
    };
    let few = agent("a", &[]);
    let short = deployer(&few, Deployer::WithoutRoles);
    assert_eq!(mixed(&short), Vec::<String>::new());
    // Statements with the longest equal conditions are joined first.
    let whole = deployer(&few, Deployer::WithRoles);
    assert!(whole.size() <= size::MANAGED, "{}", whole.size());
    assert_eq!(
        mixed(&whole),
        [
            "RoleFirstTagRuntimeFirstTagLogGroupFirstTag",
            "RoleTagRuntimeTag",
            "RoleOwnRuntimeUntag",
            "RuntimeLogGroups",
        ]
    );
    // Several agents need several policies even if statements are joined.
    let agents: Vec<Agent> = (0..4)
        .map(|n| agent(&format!("a_rather_long_agent_name_{n}"), &[]))
        .collect();
    let targets: Vec<Target<'_>> = agents.iter().map(|a| target(a, "us-west-2")).collect();
    let grants = deployer_grants(&targets, Deployer::WithRoles);
    assert_eq!(mixed(&document_of(&grants)), Vec::<String>::new());
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
fn the_document_of_one_agent_fits_a_managed_policy_or_comes_in_two() {
    for (name, region, is_in_vpc, parts) in [
        ("my_agent", "us-west-2", false, 1),
        ("my_agent", "us-west-2", true, 1),
        ("my_agent", "us-gov-west-1", true, 2),
        (
            "a_name_that_is_longer_than_most_are",
            "ap-southeast-2",
            false,
            2,
        ),
    ] {
        let mut agent = agent(name, &[]);
        if is_in_vpc {
            fixture::into_vpc(&mut agent);
        }
        let target = Target {
            repository: None,
            ..target(&agent, region)
        };
        let grants = deployer_grants(&[target], Deployer::WithRoles);
        let found = size::parts(&grants);
        assert_eq!(found.len(), parts, "{name} in {region}");
        for part in found {
            let problem = size::managed_problem("the document", part);
            assert_eq!(problem, None, "{name} in {region}");
        }
    }
}
