//! IAM documents derived from the configuration.
//!
//! Decides who may do what. Pure: the same agents and scope give the same documents, whatever stands
//! in the account.

mod document;

pub use document::{Document, Effect, Statement, same};

use crate::names::{AccountId, Partition, Region, RuntimeName};

/// Where a document holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    pub partition: Partition,
    pub region: Region,
    pub account: AccountId,
    pub runtime: RuntimeName,
}

/// Who assumes an execution role.
pub const SERVICE_PRINCIPAL: &str = "bedrock-agentcore.amazonaws.com";

mod trust;
pub use trust::{principals, trust};

/// TEMPORARY
pub fn execution(agent: &crate::config::Agent, scope: &Scope) -> Document {
    let _ = agent;
    Document::new(vec![Statement::allow(
        "Logs",
        ["logs:CreateLogGroup"],
        [format!(
            "arn:{}:logs:{}:{}:log-group:/aws/bedrock-agentcore/runtimes/{}-*",
            scope.partition, scope.region, scope.account, scope.runtime
        )],
    )])
}
