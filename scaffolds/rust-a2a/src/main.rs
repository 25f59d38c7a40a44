//! Starts the agent on PORT, or on 9000, the port that AgentCore calls.

mod agent;
mod bedrock;
mod card;
mod contract;
mod conversations;
mod credentials;
mod documents;
mod handler;
mod health;
mod logging;
mod process;
mod tools;

use std::{process::ExitCode, sync::Arc};

#[tokio::main]
async fn main() -> ExitCode {
    let agent = agent::Agent::new(bedrock::Bedrock::default());
    process::run(contract::PORT, contract::router(Arc::new(agent))).await
}
