//! IAM documents derived from the configuration.
//!
//! Decides who may do what. Pure: the same agents and scope give the same documents, whatever stands
//! in the account.

mod boundary;
mod callers;
mod compact;
mod deployer;
mod document;
mod execution;
mod grant;
#[cfg(test)]
mod law;
pub mod size;
mod trust;

pub use boundary::{boundary, boundary_grants};
pub use callers::{callers, is_ours};
pub use deployer::{Deployer, administrator, deployer_grants};
pub use document::{Document, Effect, Statement, same};
pub use execution::{execution, execution_grants};
pub use grant::{Grant, document as document_of};
pub use trust::{principals, trust};

use crate::{
    config::{Agent, ManagedPolicy},
    names::{AccountId, Partition, Region, RuntimeName},
};

/// Who assumes an execution role.
pub const SERVICE_PRINCIPAL: &str = "bedrock-agentcore.amazonaws.com";

/// Where a document holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    pub partition: Partition,
    pub region: Region,
    pub account: AccountId,
    pub runtime: RuntimeName,
}

/// An agent in one place.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    pub agent: &'a Agent,
    pub scope: Scope,
    /// The repository that the toolkit has made for the agent, as far as its file names one.
    pub repository: Option<String>,
}

/// The ARN of a managed policy; a name is a policy of the account.
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

impl Scope {
    /// The ARN of a thing in this region of this account.
    fn arn(&self, service: &str, resource: &str) -> String {
        let Self {
            partition,
            region,
            account,
            runtime: _,
        } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    fn agentcore(&self, resource: &str) -> String {
        self.arn("bedrock-agentcore", resource)
    }

    /// The ARN of something that AWS owns and every account shares.
    fn shared(&self, resource: &str) -> String {
        format!(
            "arn:{}:bedrock-agentcore:{}:aws:{resource}",
            self.partition, self.region
        )
    }

    /// The runtime's workload identity and its directory: the service checks both, so the directory
    /// alone opens no identity.
    fn workload_identity(&self) -> Vec<String> {
        let directory = self.agentcore("workload-identity-directory/default");
        let own = format!("{directory}/workload-identity/{}-*", self.runtime);
        vec![directory, own]
    }

    /// The runtime's log groups, one an endpoint. No runtime's name holds a hyphen, so the pattern
    /// reaches no other runtime's.
    fn log_groups(&self) -> String {
        self.arn(
            "logs",
            &format!(
                "log-group:/aws/bedrock-agentcore/runtimes/{}-*",
                self.runtime
            ),
        )
    }
}
