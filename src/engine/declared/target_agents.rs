//! The agents of the same project that the targets of a gateway lead to, and their runtimes.

use std::collections::BTreeMap;

use crate::{
    config::{PartAgent, Resource},
    effects::aws::{Session, runtime::Runtimes},
    error::Failure,
    names::RuntimeName,
    resources::{
        ownership::{Identity, Owner},
        runtime::observed::Standing,
    },
};

/// Returns the ARNs of the runtimes of the agents that the resource leads to, as far as they exist and
/// are this project's.
pub(super) async fn runtimes(
    resource: &Resource,
    session: &Session,
) -> Result<BTreeMap<RuntimeName, String>, Failure> {
    let agents: Vec<&PartAgent> = agents(resource).map(|(_, agent)| agent).collect();
    let mut found = BTreeMap::new();
    if agents.is_empty() {
        return Ok(found);
    }
    let runtimes = Runtimes::new(session);
    let list = runtimes.list().await?;
    for PartAgent {
        name,
        runtime,
        span: _,
    } in agents
    {
        let identity = Identity {
            owner: Owner::Agent(name.clone()),
            ..Identity::of_resource(resource)
        };
        for named in list.iter().filter(|named| named.name == runtime.as_str()) {
            let tags = runtimes.tags(&named.arn).await?;
            match Standing::by_tags(&identity, &tags) {
                Some(Standing::NotOurs(_)) => {}
                // Not every store keeps tags on runtimes.
                Some(Standing::Ours) | None => {
                    found.insert(runtime.clone(), named.arn.clone());
                }
            }
        }
    }
    Ok(found)
}

pub(super) fn agents(resource: &Resource) -> impl Iterator<Item = (&String, &PartAgent)> {
    let parts = resource.parts.iter();
    parts.filter_map(|(name, part)| Some((name, part.agent.as_ref()?)))
}
