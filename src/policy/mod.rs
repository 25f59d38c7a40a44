//! IAM policies derived from the configuration.
//!
//! Pure: the same agents and scope always give the same policies, whatever the account contains.

mod boundary;
mod build;
mod callers;
mod compact;
mod deployer;
mod document;
mod execution;
mod grant;
#[cfg(test)]
mod law;
mod managed;
pub mod size;
mod targets;
mod trust;

pub use boundary::{boundary, boundary_grants};
pub use build::{BUILD_PRINCIPAL, build, build_grants, build_trust};
pub use callers::{callers, is_ours};
pub use deployer::{Deployer, administrator, deployer_grants};
pub use document::{Document, Effect, Statement, same};
pub(crate) use execution::is_image;
pub use execution::{execution, execution_grants, gateway, gateway_grants};
pub use grant::{Grant, document as document_of};
pub use managed::{attached, beyond_the_boundary, managed_policy_arn};
pub use targets::targets;
pub use trust::{principals, trust};

use crate::{
    config::Agent,
    names::{AccountId, Partition, Region, RuntimeName, ours},
    protocol,
};

/// The service that assumes an execution role.
pub const SERVICE_PRINCIPAL: &str = "bedrock-agentcore.amazonaws.com";

/// Where a policy applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    pub partition: Partition,
    pub region: Region,
    pub account: AccountId,
    pub runtime: RuntimeName,
}

/// An agent in one account and region.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    pub agent: &'a Agent,
    pub scope: Scope,
    /// The repository that the toolkit created for the agent, if its file names one.
    pub repository: Option<String>,
}

impl Scope {
    /// Returns an ARN in this region and account.
    fn arn(&self, service: &str, resource: &str) -> String {
        let Self {
            partition,
            region,
            account,
            runtime: _,
        } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// Returns the ARN of the repository for the agent's images.
    fn repository(&self, agent: &Agent) -> String {
        let name = ours::repository(&agent.project, &self.runtime);
        self.arn("ecr", &format!("repository/{name}"))
    }

    /// Returns the ARN of the CodeBuild project that builds the agent's image.
    fn build_project(&self, agent: &Agent) -> String {
        let name = ours::build_project(&agent.project, &self.runtime);
        self.arn("codebuild", &format!("project/{name}"))
    }

    /// Returns the ARN of the project's log group.
    fn build_log_group(&self, agent: &Agent) -> String {
        let name = ours::build_project(&agent.project, &self.runtime);
        self.arn(
            "logs",
            &format!("log-group:{}", ours::build_log_group(&name)),
        )
    }

    fn agentcore(&self, resource: &str) -> String {
        self.arn("bedrock-agentcore", resource)
    }

    /// Returns the ARN of an AWS resource that all accounts share.
    fn shared(&self, resource: &str) -> String {
        format!(
            "arn:{}:bedrock-agentcore:{}:aws:{resource}",
            self.partition, self.region
        )
    }

    /// Returns the runtime's workload identity and its directory. The service checks both, so the
    /// directory alone gives access to no identity.
    fn workload_identity(&self) -> Vec<String> {
        self.identity_of(&format!("{}-*", self.runtime))
    }

    /// Returns the workload identities with this name or pattern, and their directory.
    fn identity_of(&self, name: &str) -> Vec<String> {
        let directory = self.agentcore("workload-identity-directory/default");
        let own = format!("{directory}/workload-identity/{name}");
        vec![directory, own]
    }

    /// Returns the pattern for the runtime's log groups, one per endpoint. A runtime's name cannot
    /// contain a hyphen, so the pattern matches no other runtime's.
    fn log_groups(&self) -> String {
        self.arn(
            "logs",
            &format!("log-group:{}{}-*", protocol::logs::PREFIX, self.runtime),
        )
    }
}
