//! The agent card, which tells other agents what this one can do and how to reach it.

use a2a::{AgentCapabilities, AgentCard, AgentInterface, AgentSkill, TRANSPORT_PROTOCOL_JSONRPC};

/// Returns the card of the agent at this address.
pub fn card(address: String) -> AgentCard {
    AgentCard {
        name: env!("CARGO_PKG_NAME").to_owned(),
        description: "A helpful assistant that can also count days.".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        supported_interfaces: vec![AgentInterface::new(address, TRANSPORT_PROTOCOL_JSONRPC)],
        capabilities: capabilities(),
        default_input_modes: vec!["text/plain".to_owned()],
        default_output_modes: vec!["text/plain".to_owned()],
        skills: vec![AgentSkill {
            id: "days-between".to_owned(),
            name: "Count days".to_owned(),
            description: "Counts the days from one date to another.".to_owned(),
            tags: vec!["dates".to_owned()],
            examples: Some(vec![
                "How many days are there from 2026-01-01 to 2026-12-24?".to_owned(),
            ]),
            input_modes: None,
            output_modes: None,
            security_requirements: None,
        }],
        provider: None,
        documentation_url: None,
        icon_url: None,
        security_schemes: None,
        security_requirements: None,
        signatures: None,
    }
}

pub fn capabilities() -> AgentCapabilities {
    AgentCapabilities {
        streaming: Some(true),
        push_notifications: Some(false),
        extensions: None,
        extended_agent_card: Some(false),
    }
}
