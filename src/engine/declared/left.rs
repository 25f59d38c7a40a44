//! What stays in AWS when agents are deleted or the metadata changes: resources that are no longer
//! declared, and targets that lead to agents.

use std::collections::{BTreeMap, BTreeSet};

use super::target_agents::agents;
use crate::{
    config::{Agent, Resource},
    effects::aws::{Session, declared::Resources},
    engine::role,
    error::Message,
    names::AgentName,
    project::sessions::Placed,
    resources::{
        declared::{self, Claim, ObservedResource},
        deletion::Kept,
        role::ObservedRole,
    },
};

/// Returns the resources of this project that the agent could use until now, according to its role,
/// and that the metadata no longer declares. Asks AWS only about IDs that the agent's table does not
/// name.
pub(crate) async fn undeclared(
    agent: &Agent,
    session: &Session,
    role: Option<&ObservedRole>,
    resources: &[Resource],
) -> Vec<Kept> {
    let (Some(role), Some(wanted)) = (role, role::desired(agent, session)) else {
        return Vec::new();
    };
    let wanted = wanted.policy.to_value();
    let used = declared::used_by(role, &session.region);
    let wanted = declared::used_in(&wanted);
    let mut left = Vec::new();
    for used in used.difference(&wanted) {
        if resources.iter().any(|resource| used.is_of(resource)) {
            continue;
        }
        // It is only for a message, so whatever went wrong with it must not stop the run.
        let Ok(tags) = Resources::new(session).tags_of(used.kind, &used.id).await else {
            continue;
        };
        left.extend(used.left(agent, &tags, &session.region, resources));
    }
    left
}

/// Warns about targets of gateways that lead to agents which are deleted, while the gateways stay.
/// Each gateway is read once in each account and region.
pub(crate) async fn broken_targets(
    placed: &[Placed<'_>],
    resources: &[Resource],
    gone: &BTreeSet<&AgentName>,
) -> Vec<Message> {
    let mut places: BTreeMap<_, Vec<&Placed<'_>>> = BTreeMap::new();
    for placed in placed.iter().filter(|one| gone.contains(&one.agent.name)) {
        let session = &placed.session;
        let place = (session.account.as_str(), session.region.as_str());
        places.entry(place).or_default().push(placed);
    }
    let mut warnings = Vec::new();
    for placed in places.into_values() {
        for resource in resources {
            let mut targets: Vec<(&String, &Agent)> = Vec::new();
            for Placed { agent, .. } in &placed {
                let lead_there =
                    agents(resource).filter(|(_, to)| to.runtime == agent.runtime_name);
                targets.extend(lead_there.map(|(target, _)| (target, *agent)));
            }
            let Some(Placed { session, .. }) = placed.first().filter(|_| !targets.is_empty())
            else {
                continue;
            };
            let there = ours(resource, session).await;
            let exists = |name: &String| {
                let there = there.as_ref();
                there.is_some_and(|there| there.parts.contains_key(name))
            };
            let broken = targets.into_iter().filter(|(target, _)| exists(target));
            warnings.extend(broken.map(|(target, agent)| breaks(resource, target, agent)));
        }
    }
    warnings
}

/// Returns the resource if it exists and is this project's. It is only for a message, so an error
/// must not stop the run.
async fn ours(resource: &Resource, session: &Session) -> Option<ObservedResource> {
    if !session.capabilities().has(resource.kind) {
        return None;
    }
    let there = Resources::new(session).find(resource).await.ok()??;
    let claim = declared::claim(resource, &there, super::work::untagged(session));
    (claim == Claim::Ours).then_some(there)
}

fn breaks(resource: &Resource, target: &str, agent: &Agent) -> Message {
    let word = resource.kind.word();
    Message::new(format!(
        "the target `{target}` of {} leads to the agent `{}`, and calls of it fail once the agent is deleted",
        declared::subject(resource),
        agent.name
    ))
    .help(format!(
        "to delete the target, take `targets.{target}` out of the {word} `{}` in Cargo.toml and deploy an agent that uses the {word}",
        resource.name
    ))
    .help(format!(
        "`cargo agentcore clean --workspace` deletes the {word} with all agents"
    ))
}
