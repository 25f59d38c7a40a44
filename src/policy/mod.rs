//! IAM documents derived from the configuration.
//!
//! Decides who may do what. Pure: the same agents and scope give the same documents, whatever stands
//! in the account.

mod document;
mod execution;
mod grant;
pub mod size;
mod trust;

pub use document::{Document, Effect, Statement, same};
pub use execution::{execution, execution_grants};
pub use grant::{Grant, document as document_of};
pub use trust::{principals, trust};

use crate::names::{AccountId, Partition, Region, RuntimeName};

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
