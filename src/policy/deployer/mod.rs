//! What the user or pipeline that runs this tool may do: what its commands call, and no more.
//!
//! [`rules`] has every call of every command, with its resources and conditions. A command that makes
//! a new call adds it there.

mod places;
mod rules;

use places::{build_role, resources, roles_of_declared, service_roles};
use rules::{Bounded, By, Given, Rule, rules};

use super::{
    BUILD_PRINCIPAL, SERVICE_PRINCIPAL, Target,
    compact::{Across, compact, join_services},
    grant::{Grant, document},
    managed_policy_arn, size,
};
use crate::{
    config::{Agent, ManagedPolicy, RoleSettings},
    error::Message,
    names::ours::{OURS, PROJECT},
};

/// Which of the two policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployer {
    /// For a deployer who manages the execution roles, except those in `role.arn`.
    WithRoles,
    /// For roles that someone else creates: only the service-linked roles are created.
    WithoutRoles,
}

/// Returns the statements for these agents, each with the commands that need it. Statements of
/// different services are joined only if the policy then fits into one managed policy.
pub fn deployer_grants(targets: &[Target<'_>], deployer: Deployer) -> Vec<Grant> {
    let grants = rules().flat_map(|rule| {
        targets
            .iter()
            .filter_map(move |target| grant(rule, target, deployer))
    });
    let grants = compact(grants.collect(), Across::OneKind);
    let mut joined = grants.clone();
    while document(&joined).size() > size::MANAGED {
        if !join_services(&mut joined) {
            // The policy must be split in any case.
            return grants;
        }
    }
    joined
}

/// Returns a warning if the first policy is as powerful as an administrator's.
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
            "anyone with the deployer policy can become administrator of the account",
        )
        .note(
            "it allows creating a role (iam:CreateRole), giving it any policy (iam:PutRolePolicy) and letting anyone assume it (iam:UpdateAssumeRolePolicy); no permissions boundary limits what such a role may do",
        )
        .note(format!("no boundary is declared for {}", unbounded.join(", ")))
        .help("declare `role.permissions-boundary` in the metadata; `cargo agentcore policy --only boundary` prints a policy for it")
        .help("or let someone else create the role: `role.arn` and `--only deployer-no-iam`"),
    )
}

fn grant(rule: &Rule, target: &Target<'_>, deployer: Deployer) -> Option<Grant> {
    let arn = |policy: &ManagedPolicy| {
        managed_policy_arn(policy, target.scope.partition, &target.scope.account)
    };
    let (boundary, attached): (_, Vec<String>) = match &target.agent.role {
        RoleSettings::Managed {
            name: _,
            path: _,
            boundary,
            policies,
        } if deployer == Deployer::WithRoles => (
            boundary.as_ref().map(arn),
            policies.iter().map(arn).collect(),
        ),
        RoleSettings::Managed { .. } if rule.own_role => return None,
        RoleSettings::Managed { .. } | RoleSettings::Given { .. } => (None, Vec::new()),
    };
    let places = match &target.agent.role {
        RoleSettings::Given { .. } if rule.own_role => match deployer {
            Deployer::WithRoles => {
                let mut roles = roles_of_declared(target);
                roles.extend(build_role(target));
                roles
            }
            Deployer::WithoutRoles => Vec::new(),
        },
        RoleSettings::Managed { .. } | RoleSettings::Given { .. } => resources(rule.on, target),
    };
    if places.is_empty() {
        return None;
    }
    let project = target.agent.project.as_str();
    let in_request = format!("aws:RequestTag/{PROJECT}");
    let on_resource = format!("aws:ResourceTag/{PROJECT}");
    let actions = rule.calls.iter().map(|(action, _)| *action);
    let grant = Grant::allow(rule.kind, "", actions, places);
    let grant = match rule.given {
        Given::CallersDeclared if target.agent.callers.is_empty() => return None,
        Given::Nothing | Given::CallersDeclared => grant,
        Given::ProjectInRequest => grant.when("StringEquals", &in_request, [project]),
        Given::ProjectOnResource => grant.when("StringEquals", &on_resource, [project]),
        Given::FirstTag => grant
            .when("StringEquals", &in_request, [project])
            .when("Null", &on_resource, ["true"])
            .when(EACH_LIKE, "aws:TagKeys", tag_keys(target.agent)),
        Given::FurtherTag => grant
            .when("StringEquals", &on_resource, [project])
            .when("StringEqualsIfExists", &in_request, [project])
            .when(EACH_LIKE, "aws:TagKeys", tag_keys(target.agent)),
        Given::DeclaredPolicy if attached.is_empty() => return None,
        Given::DeclaredPolicy => grant.when("StringEquals", &on_resource, [project]).when(
            "ArnEquals",
            "iam:PolicyARN",
            attached,
        ),
        Given::PassedToAgentCore => {
            grant.when("StringEquals", "iam:PassedToService", [SERVICE_PRINCIPAL])
        }
        Given::PassedToCodeBuild => {
            grant.when("StringEquals", "iam:PassedToService", [BUILD_PRINCIPAL])
        }
        Given::OfTheService => grant.when(
            "StringEquals",
            "iam:AWSServiceName",
            service_roles(&target.agent.network)
                .iter()
                .map(|(service, _)| *service),
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

/// Every value must match one of the patterns.
const EACH_LIKE: &str = "ForAllValues:StringLike";

/// Returns the tag keys that may be set: this tool's, and those in the metadata.
fn tag_keys(agent: &Agent) -> Vec<String> {
    let declared = agent.tags.keys().cloned();
    std::iter::once(format!("{OURS}*"))
        .chain(declared)
        .collect()
}

fn asked_by(rule: &Rule) -> String {
    let mut commands: Vec<By> = rule.calls.iter().flat_map(|(_, by)| by.to_vec()).collect();
    commands.sort();
    commands.dedup();
    let words: Vec<&str> = commands.into_iter().map(By::words).collect();
    // The separator that `compact` uses, so that no command is listed twice.
    words.join("; ")
}
