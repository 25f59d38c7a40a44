//! The options of an adopted agent.

use crate::{
    config::{Model, Permission},
    names::Region,
    project::prompts,
};

#[derive(Debug, Clone, clap::Args)]
pub(super) struct SettingsOptions {
    /// AWS region [default: from the AWS configuration]
    #[arg(long, value_name = "REGION", env = "CARGO_AGENTCORE_REGION", value_parser = Region::read_option)]
    pub(super) region: Option<Region>,
    /// Bedrock model that the agent invokes, such as `us.anthropic.claude-sonnet-4-6` (repeatable or
    /// comma-separated)
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = prompts::model)]
    pub(super) model: Vec<Model>,
    /// Allow the agent to use a service, such as `pricing`, `memory=ID` or `dynamodb=TABLE` (repeatable or
    /// comma-separated)
    #[arg(long, value_name = "PERMISSION", value_delimiter = ',', value_parser = |text: &str| Permission::from_flag(text))]
    pub(super) permission: Vec<Permission>,
}
