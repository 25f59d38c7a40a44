//! What an agent cannot use because the partition of its region does not have it.

use super::session::Placed;
use crate::{
    config::{Model, Permission},
    error::Message,
    names::{AgentName, Region},
    ui::Ui,
};

/// Before anything is made for agents that will not work.
pub(super) fn warn_of_gaps(placed: &[Placed<'_>], ui: &Ui) {
    for Placed { agent, session } in placed {
        let region = &session.region;
        if session.is_local() {
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

/// AgentCore runs agents in China, but there are no models of Bedrock.
pub(super) fn no_bedrock(model: &Model, region: &Region) -> Message {
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
