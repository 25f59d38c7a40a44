//! What the person or pipeline that runs this tool may do: what its commands call, and no more.
//!
//! [`RULES`] is the one table of every call that a command makes, with where it may land and under
//! which condition. A command that makes another call adds it here.

use super::{
    Target, boundary_arn,
    compact::{Across, compact},
    grant::Grant,
};
use crate::{config::RoleSettings, error::Message, plan::ownership::PROJECT};

/// Which of the two documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployer {
    /// Makes and keeps the execution roles, but those that the metadata brings with `role.arn`.
    WithRoles,
    /// For roles that somebody else makes: nothing is written to IAM.
    WithoutRoles,
}

/// The commands that call AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum By {
    Prepare,
    Clean,
    /// What `prepare` prints: the toolkit hands the role over to the service.
    PrintedCommand,
}

/// Where the calls of a rule land.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    /// The agent's execution role, by its whole name and path.
    Role,
    /// The agent's runtime, whatever the end of its id, and its endpoints.
    Runtime,
    /// The runtime's workload identity, and the directory, which is checked with it.
    Identity,
    /// The repository that the toolkit names after the agent.
    Repository,
    /// The bucket that the toolkit makes for the region.
    Bucket,
    /// The agent's objects in it.
    Objects,
    /// The log groups of the runtime.
    LogGroups,
    /// Everything: the service knows no resource for these actions.
    All,
}

/// Under which condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Nothing,
    /// The request sets this project's tag.
    ProjectInRequest,
    /// The thing carries this project's tag.
    ProjectOnResource,
    /// The role is handed to AgentCore and to no other service.
    PassedToAgentCore,
    /// The listing asks for this agent's prefix.
    OwnPrefix,
}

/// Whether a rule needs the declared permissions boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bounded {
    No,
    /// Holds only with the boundary, where one is declared.
    Yes,
    /// Is not needed at all where none is declared.
    Only,
}

/// Calls that share place and condition.
struct Rule {
    kind: &'static str,
    calls: &'static [(&'static str, &'static [By])],
    on: On,
    given: Given,
    bounded: Bounded,
    /// Concerns a role that this tool makes and keeps.
    own_role: bool,
}

use By::{Clean, Prepare, PrintedCommand};

const fn rule(kind: &'static str, on: On, calls: &'static [(&'static str, &'static [By])]) -> Rule {
    Rule {
        kind,
        calls,
        on,
        given: Given::Nothing,
        bounded: Bounded::No,
        own_role: false,
    }
}

const RULES: &[Rule] = &[
    // A role that is there without our tags must be readable, or nobody could say whose it is.
    rule("RoleRead", On::Role, &[("iam:GetRole", &[Prepare, Clean])]),
    Rule {
        own_role: true,
        ..rule(
            "RolePolicies",
            On::Role,
            &[
                ("iam:GetRolePolicy", &[Prepare, Clean]),
                ("iam:ListAttachedRolePolicies", &[Prepare, Clean]),
                ("iam:ListInstanceProfilesForRole", &[Clean]),
                ("iam:ListRolePolicies", &[Prepare, Clean]),
            ],
        )
    },
    Rule {
        given: Given::ProjectInRequest,
        bounded: Bounded::Yes,
        own_role: true,
        ..rule("RoleCreate", On::Role, &[("iam:CreateRole", &[Prepare])])
    },
    // At creation and at adoption the role does not carry the tag yet: the request does.
    Rule {
        given: Given::ProjectInRequest,
        own_role: true,
        ..rule("RoleTag", On::Role, &[("iam:TagRole", &[Prepare])])
    },
    Rule {
        given: Given::ProjectOnResource,
        own_role: true,
        ..rule("RoleTagOwn", On::Role, &[("iam:TagRole", &[Prepare])])
    },
    Rule {
        given: Given::ProjectOnResource,
        bounded: Bounded::Only,
        own_role: true,
        ..rule(
            "RoleBoundary",
            On::Role,
            &[("iam:PutRolePermissionsBoundary", &[Prepare])],
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
                ("iam:PutRolePolicy", &[Prepare]),
                ("iam:UpdateAssumeRolePolicy", &[Prepare, Clean]),
            ],
        )
    },
    Rule {
        given: Given::ProjectOnResource,
        own_role: true,
        ..rule(
            "RoleDelete",
            On::Role,
            &[
                ("iam:DeleteRole", &[Clean]),
                ("iam:DeleteRolePolicy", &[Clean]),
                ("iam:UntagRole", &[Clean]),
            ],
        )
    },
    Rule {
        given: Given::PassedToAgentCore,
        ..rule("RolePass", On::Role, &[("iam:PassRole", &[PrintedCommand])])
    },
    rule(
        "RuntimeList",
        On::All,
        &[
            ("bedrock-agentcore:ListAgentRuntimeEndpoints", &[Clean]),
            ("bedrock-agentcore:ListAgentRuntimes", &[Clean]),
        ],
    ),
    rule(
        "Runtime",
        On::Runtime,
        &[
            ("bedrock-agentcore:DeleteAgentRuntime", &[Clean]),
            ("bedrock-agentcore:DeleteAgentRuntimeEndpoint", &[Clean]),
            ("bedrock-agentcore:GetAgentRuntime", &[Clean]),
            ("bedrock-agentcore:ListTagsForResource", &[Clean]),
        ],
    ),
    // The service deletes it together with the runtime, with the caller's permission.
    rule(
        "RuntimeIdentity",
        On::Identity,
        &[("bedrock-agentcore:DeleteWorkloadIdentity", &[Clean])],
    ),
    rule(
        "Images",
        On::Repository,
        &[
            ("ecr:BatchDeleteImage", &[Clean]),
            ("ecr:DeleteRepository", &[Clean]),
            ("ecr:ListImages", &[Clean]),
        ],
    ),
    Rule {
        given: Given::OwnPrefix,
        ..rule(
            "ObjectList",
            On::Bucket,
            &[("s3:ListBucketVersions", &[Clean])],
        )
    },
    rule(
        "Objects",
        On::Objects,
        &[("s3:DeleteObjectVersion", &[Clean])],
    ),
    rule(
        "LogGroupList",
        On::All,
        &[("logs:DescribeLogGroups", &[Clean])],
    ),
    rule(
        "LogGroups",
        On::LogGroups,
        &[
            ("logs:DeleteLogGroup", &[Clean]),
            ("logs:ListTagsForResource", &[Clean]),
        ],
    ),
    Rule {
        given: Given::ProjectInRequest,
        ..rule(
            "LogGroupTag",
            On::LogGroups,
            &[("logs:TagResource", &[Clean])],
        )
    },
];

/// The statements for these agents, each with the commands that ask for it.
pub fn deployer_grants(targets: &[Target<'_>], deployer: Deployer) -> Vec<Grant> {
    let grants = RULES.iter().flat_map(|rule| {
        targets
            .iter()
            .filter_map(move |target| grant(rule, target, deployer))
    });
    compact(grants.collect(), Across::OneKind)
}

/// Why the first document must not be given away lightly, where it is so.
pub fn administrator(targets: &[Target<'_>]) -> Option<Message> {
    let mut unbounded: Vec<String> = targets
        .iter()
        .filter(|target| {
            matches!(
                target.agent.role,
                RoleSettings::Managed { boundary: None, .. }
            )
        })
        .map(|target| format!("`{}`", target.agent.name))
        .collect();
    unbounded.dedup();
    if unbounded.is_empty() {
        return None;
    }
    Some(
        Message::new(
            "whoever holds the deployer document can make himself administrator of the account",
        )
        .note(
            "it allows to create a role (iam:CreateRole), to put any policy on it (iam:PutRolePolicy) and to let anybody assume it (iam:UpdateAssumeRolePolicy); no permissions boundary limits what such a role may do",
        )
        .note(format!("no boundary is declared for {}", unbounded.join(", ")))
        .help("declare `role.permissions-boundary` in the metadata; `cargo agentcore policy --only boundary` prints a policy for it")
        .help("or let somebody else make the role: `role.arn` and `--only deployer-no-iam`"),
    )
}

fn grant(rule: &Rule, target: &Target<'_>, deployer: Deployer) -> Option<Grant> {
    let boundary = match &target.agent.role {
        RoleSettings::Managed { boundary, .. } if deployer == Deployer::WithRoles => boundary
            .as_ref()
            .map(|boundary| boundary_arn(boundary, target.scope.partition, &target.scope.account)),
        RoleSettings::Managed { .. } | RoleSettings::Given { .. } if rule.own_role => return None,
        RoleSettings::Managed { .. } | RoleSettings::Given { .. } => None,
    };
    let project = target.agent.project.as_str();
    let actions = rule.calls.iter().map(|(action, _)| *action);
    let grant = Grant::allow(rule.kind, "", actions, resources(rule.on, target));
    let grant = match rule.given {
        Given::Nothing => grant,
        Given::ProjectInRequest => grant.when(
            "StringEquals",
            &format!("aws:RequestTag/{PROJECT}"),
            [project],
        ),
        Given::ProjectOnResource => grant.when(
            "StringEquals",
            &format!("aws:ResourceTag/{PROJECT}"),
            [project],
        ),
        Given::PassedToAgentCore => grant.when(
            "StringEquals",
            "iam:PassedToService",
            [super::SERVICE_PRINCIPAL],
        ),
        Given::OwnPrefix => grant.when(
            "StringLike",
            "s3:prefix",
            [format!("{}/*", target.scope.runtime)],
        ),
    };
    let grant = match (rule.bounded, boundary) {
        (Bounded::No, _) | (Bounded::Yes, None) => grant,
        (Bounded::Only, None) => return None,
        (Bounded::Yes | Bounded::Only, Some(arn)) => {
            grant.when("StringEquals", "iam:PermissionsBoundary", [arn])
        }
    };
    Some(grant.by(asked_by(rule)))
}

fn asked_by(rule: &Rule) -> String {
    let mut commands: Vec<By> = rule.calls.iter().flat_map(|(_, by)| by.to_vec()).collect();
    commands.sort();
    commands.dedup();
    let words: Vec<&str> = commands
        .into_iter()
        .map(|by| match by {
            Prepare => "`prepare`",
            Clean => "`clean`",
            PrintedCommand => "the deployment that `prepare` prints the command for",
        })
        .collect();
    words.join(", ")
}

fn resources(on: On, target: &Target<'_>) -> Vec<String> {
    let Target { agent, scope } = target;
    let (partition, account, runtime) = (scope.partition, &scope.account, &scope.runtime);
    let bucket = format!(
        "arn:{partition}:s3:::bedrock-agentcore-codebuild-sources-{account}-{}",
        scope.region
    );
    match on {
        On::Role => vec![match &agent.role {
            RoleSettings::Managed { name, path, .. } => {
                format!("arn:{partition}:iam::{account}:role{path}{name}")
            }
            RoleSettings::Given { arn } => arn.arn.clone(),
        }],
        On::Runtime => vec![scope.agentcore(&format!("runtime/{runtime}-*"))],
        On::Identity => scope.workload_identity(),
        On::Repository => vec![scope.arn(
            "ecr",
            &format!("repository/{}", repository(runtime.as_str())),
        )],
        On::Bucket => vec![bucket],
        On::Objects => vec![format!("{bucket}/{runtime}/*")],
        On::LogGroups => vec![scope.log_groups()],
        On::All => vec!["*".to_owned()],
    }
}

/// The repository's name as the toolkit derives it: lower case, runs of underscores as one hyphen,
/// at least two characters.
fn repository(runtime: &str) -> String {
    let lower = runtime.to_ascii_lowercase();
    let mut name = String::new();
    let mut letters = lower.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '_' && letters.peek() == Some(&'_') {
            while letters.next_if_eq(&'_').is_some() {}
            name.push('-');
        } else {
            name.push(letter);
        }
    }
    let name = name.trim_end_matches(['-', '_']);
    let ending = if name.len() < 2 { "-agent" } else { "" };
    format!("bedrock-agentcore-{name}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_named_as_the_toolkit_names_it() {
        for (runtime, name) in [
            ("my_agent", "bedrock-agentcore-my_agent"),
            ("MyAgent__prod_", "bedrock-agentcore-myagent-prod"),
            ("a", "bedrock-agentcore-a-agent"),
            ("a___b", "bedrock-agentcore-a-b"),
        ] {
            assert_eq!(repository(runtime), name);
        }
    }
}
