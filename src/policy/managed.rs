//! Managed policies that the metadata attaches to roles.

use std::collections::BTreeSet;

use super::{Scope, Target};
use crate::{
    config::{ManagedPolicy, RoleSettings},
    error::Message,
    names::{AccountId, Partition},
};

/// Returns the ARN of a managed policy; a name belongs to the account.
pub fn managed_policy_arn(
    policy: &ManagedPolicy,
    partition: Partition,
    account: &AccountId,
) -> String {
    match policy {
        ManagedPolicy::Name(name) => format!("arn:{partition}:iam::{account}:policy/{name}"),
        ManagedPolicy::Arn(arn) => arn.clone(),
    }
}

/// Returns the ARNs of the managed policies that the metadata attaches to the agent's role.
pub fn attached(target: &Target<'_>) -> Vec<String> {
    let Scope {
        partition,
        region: _,
        account,
        runtime: _,
    } = &target.scope;
    match &target.agent.role {
        RoleSettings::Managed { policies, .. } => policies
            .iter()
            .map(|policy| managed_policy_arn(policy, *partition, account))
            .collect(),
        RoleSettings::Given { .. } => Vec::new(),
    }
}

/// Warns that a boundary from the declared permissions does not include managed policies.
pub fn beyond_the_boundary(targets: &[Target<'_>]) -> Option<Message> {
    let attached: BTreeSet<String> = targets.iter().flat_map(attached).collect();
    if attached.is_empty() {
        return None;
    }
    let listed: Vec<String> = attached.iter().map(|arn| format!("`{arn}`")).collect();
    Some(
        Message::new("the permissions boundary does not contain what managed policies allow")
            .note(format!("the metadata attaches {}", listed.join(", ")))
            .note("a role may do only what its policies and its boundary both allow")
            .help("add the statements of these policies to the boundary, as far as the agents need them"),
    )
}
