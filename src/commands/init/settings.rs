//! The models, permissions, headers and variables of an adopted agent, and the options for them.

use std::collections::BTreeMap;

use crate::{
    config::{Model, Permission},
    error::Failure,
    names::Region,
    project::prompts,
    ui::{Item, Ui},
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

/// The content of the agent's table, and what to say of it after the questions.
#[derive(Debug, Default)]
pub(super) struct AgentSettings {
    pub(super) models: Vec<Model>,
    pub(super) permissions: Vec<Permission>,
    pub(super) headers: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    /// Lines that the user must complete.
    pub(super) open: Vec<String>,
    /// True if the code uses models, and none was found.
    pub(super) lacks_models: bool,
}

impl AgentSettings {
    /// Prints what is wrong with the settings.
    pub(super) fn tell(&self, region: Option<&Region>, ui: &Ui) {
        if self.lacks_models {
            ui.note("no model was found in the code, so the role will allow none; `models` in Cargo.toml lists the models that the agent invokes");
        }
        prompts::tell_of_models(&self.models, region, ui);
    }
}

/// Asks whether something belongs in the table.
pub(super) fn is_wanted(question: &str, ui: &Ui) -> Result<bool, Failure> {
    let items = ["add", "leave out"].map(|answer| Item::new(answer, ""));
    let chosen = ui.choose(question, &items);
    Ok(chosen.map_err(prompts::cut_off)? == 0)
}
