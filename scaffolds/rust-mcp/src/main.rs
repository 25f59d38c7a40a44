//! Starts the MCP server on PORT, or on 8000, the port that AgentCore calls.

mod contract;
mod logging;
mod process;
mod tools;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    process::run(contract::PORT, contract::router()).await
}
