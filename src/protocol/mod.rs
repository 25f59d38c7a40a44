//! The rules of AgentCore Runtime's data plane: what a request asks for, what reaches the agent,
//! what is sent back, and when a session ends.
//!
//! Pure: takes requests, headers and times as values and returns decisions, which the local data
//! plane carries out. The sources are botocore's model `bedrock-agentcore/2024-02-28` and the
//! service's developer guide. Rules that come from neither are marked in a comment.

pub(crate) mod answer;
pub mod authorizer;
pub mod chunks;
pub mod command;
pub mod contract;
pub(crate) mod control;
pub(crate) mod event_stream;
pub mod frames;
pub mod headers;
pub(crate) mod invocation;
pub(crate) mod json_services;
pub mod limits;
pub mod logs;
pub mod models;
pub mod mounts;
pub mod origin;
pub mod ping;
pub mod refusal;
pub(crate) mod registry;
pub mod request;
mod runtime_arn;
pub mod serving;
pub mod session;
pub(crate) mod xml;

pub use refusal::{Refusal, Reply};
pub use request::{Operation, Request, RuntimeRef};
pub use runtime_arn::RuntimeArn;
pub use session::SessionKey;
