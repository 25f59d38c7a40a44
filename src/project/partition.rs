//! Features that do not exist in the partition of an agent's region.

use crate::{
    config::{Model, Permission},
    error::Message,
    names::{AgentName, Region},
    project::sessions::Placed,
    ui::Ui,
};

/// Warns before anything is created for agents that will not work.
pub(crate) fn warn_of_gaps(placed: &[Placed<'_>], ui: &Ui) {
    for Placed { agent, session } in placed {
        let region = &session.region;
        if !session.capabilities().partitions {
            continue;
        }
        if !region.partition().has_bedrock()
            && let Some(model) = agent.models.first()
        {
            ui.warning(&no_bedrock(model, region));
        }
        if !region.partition().has_price_list() && agent.permissions.contains(&Permission::Pricing)
        {
            ui.warning(&no_price_list(&agent.name, region));
        }
    }
}

/// Returns the warning for China, where AgentCore runs agents but Bedrock has no models.
pub(crate) fn no_bedrock(model: &Model, region: &Region) -> Message {
    Message::new(format!(
        "the model `{}` cannot be called from {region}: Amazon Bedrock is not available in the partition `{}`",
        model.id(),
        region.partition()
    ))
    .help("call a model of another provider from the agent's code, and remove `models` from Cargo.toml")
}

fn no_price_list(agent: &AgentName, region: &Region) -> Message {
    Message::new(format!(
        "agent `{agent}` cannot query the price list from {region}: it is not available in the partition `{}`",
        region.partition()
    ))
    .help("remove the permission `pricing`, or deploy the agent to a region of another partition")
}
