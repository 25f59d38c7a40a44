//! Judges the agent card and the answers of an A2A agent.

use serde_json::Value;

use super::call;
use crate::check::{
    answer::{Answer, Outcome},
    report::Finding,
    request::Payload,
    rule::Rule,
};

/// The JSON-RPC error code.
const METHOD_NOT_FOUND: i64 = -32601;

/// Returns the agent card.
pub fn card(outcome: &Outcome) -> Result<Value, Finding> {
    let found = |observed: String| Err(Finding::error(Rule::A2aCard, observed));
    match outcome {
        Err(why) => found(format!(
            "the agent {} when it is asked for its card",
            why.words()
        )),
        Ok(answer) if !answer.is_success() => {
            found(format!("the agent card is answered with {}", answer.status))
        }
        Ok(answer) => match answer.json() {
            Some(card @ Value::Object(_)) => Ok(card),
            Some(_) | None => found("the agent card is not a JSON object".to_owned()),
        },
    }
}

/// Judges the fields that clients need. Version 1.0 has a list of addresses, 0.3 a single one.
pub fn card_fields(card: &Value) -> Option<Finding> {
    const REQUIRED: [&str; 7] = [
        "name",
        "description",
        "version",
        "capabilities",
        "defaultInputModes",
        "defaultOutputModes",
        "skills",
    ];
    let mut missing: Vec<&str> = REQUIRED
        .into_iter()
        .filter(|name| card[name].is_null())
        .collect();
    if addresses(card).is_empty() {
        missing.push("url");
    }
    (!missing.is_empty()).then(|| {
        Finding::error(
            Rule::A2aCardFields,
            format!("the agent card lacks {}", missing.join(", ")),
        )
    })
}

/// Judges the addresses in the card against `told`, the address given to the agent as its own.
pub fn card_address(card: &Value, told: &str) -> Option<Finding> {
    let is_told = |address: &str| address.trim_end_matches('/') == told.trim_end_matches('/');
    let wrong = addresses(card).into_iter().find(|address| {
        let host = address.split("://").nth(1).unwrap_or(address);
        let host = host.split('/').next().unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let is_local =
            ["localhost", "0.0.0.0", "[::]", "[::1]"].contains(&host) || host.starts_with("127.");
        is_local && !is_told(address)
    })?;
    Some(Finding::warning(
        Rule::A2aCardAddress,
        format!("the agent card leads clients to `{wrong}`"),
    ))
}

fn addresses(card: &Value) -> Vec<&str> {
    let interfaces = card["supportedInterfaces"].as_array();
    let listed = interfaces
        .into_iter()
        .flatten()
        .filter_map(|interface| interface["url"].as_str());
    card["url"].as_str().into_iter().chain(listed).collect()
}

/// Judges the answer to a message. An agent that has the method may fail because it expects another
/// message.
pub fn message_failed(outcome: &Outcome, payload: &Payload) -> Option<Finding> {
    let finding = call(Rule::A2aMessage, "message/send", outcome).err()?;
    let value = outcome.as_ref().ok().and_then(Answer::json_rpc);
    let code = value.and_then(|value| value["error"]["code"].as_i64());
    let is_served = code.is_some_and(|code| code != METHOD_NOT_FOUND);
    Some(if is_served && !payload.is_given() {
        Finding::warning(Rule::A2aMessage, finding.observed)
    } else {
        finding
    })
}
