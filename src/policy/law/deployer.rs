//! What the deployer policies allow, and what they never allow.

use std::collections::BTreeSet;

use super::{
    authorization::{Level, level},
    conditioned,
    evaluate::allows,
    fixture::{self, ACCOUNT, agent, target},
    project_tag::{PROJECT_OF_RESOURCE, repository},
};
use crate::{
    config::{Agent, Caller, ManagedPolicy},
    policy::{
        Deployer, Document, Grant, Statement, Target, administrator, deployer_grants, document_of,
        size,
    },
};

pub(super) fn actions(document: &Document) -> BTreeSet<&str> {
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
