//! The runtimes with an agent's name that a deploy finds, and which of them is its own.

use std::collections::BTreeMap;

use super::read::{self, Endpoint, Read};
use crate::{
    effects::aws::runtime_read::Named,
    error::Failure,
    names::ours,
    project::sessions::Placed,
    resources::{
        ownership::Identity,
        runtime::{
            ObservedRuntime,
            observed::{EndpointState, Evidence, RuntimeState, Standing, uses_our_role},
        },
        tags::Tags,
    },
};

/// A runtime that is proven to be this project's, with its `DEFAULT` endpoint.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) observed: ObservedRuntime,
    pub(crate) endpoint: Option<EndpointState>,
}

/// A role's ARN and tags, as proof for what uses it.
pub(crate) type Proof<'a> = Option<(&'a str, BTreeMap<String, String>)>;

/// Reads every runtime with the agent's name, with its `DEFAULT` endpoint.
pub(crate) async fn look(placed: &Placed<'_>, list: &[Named]) -> Result<Vec<Read>, Failure> {
    let name = &placed.agent.runtime_name;
    Ok(read::named(&placed.session, name, list, Endpoint::Read).await?)
}

/// Returns this project's runtime; fails if another one is in the way.
pub(crate) fn judge(
    placed: &Placed<'_>,
    looked: Vec<Read>,
    proof: &Proof<'_>,
) -> Result<Option<Seen>, Failure> {
    let name = &placed.agent.runtime_name;
    let mut ours = Vec::new();
    for Read {
        state,
        tags,
        endpoint,
    } in looked
    {
        if let Standing::NotOurs(why) = standing(placed, &state, &tags, proof) {
            return Err(Failure::world(format!(
                "a runtime `{name}` already exists and is not provably this project's"
            ))
            .note(format!("`{}`: {why}", state.id))
            .help("choose another agent name in the metadata, or delete that runtime if it is yours; nothing was done to it"));
        }
        ours.push(Seen {
            observed: ObservedRuntime { state, tags },
            endpoint,
        });
    }
    if ours.len() > 1 {
        let mut failure = Failure::world(format!("several runtimes are called `{name}`"));
        for seen in &ours {
            failure = failure.note(format!("`{}`", seen.observed.state.id));
        }
        return Err(failure.help(format!(
            "`cargo agentcore clean --agent {}` deletes them all",
            placed.agent.name
        )));
    }
    Ok(ours.pop())
}

fn standing(placed: &Placed<'_>, state: &RuntimeState, tags: &Tags, proof: &Proof<'_>) -> Standing {
    let identity = Identity::of(placed.agent);
    let role = proof.as_ref().map(|(arn, tags)| (*arn, tags));
    let evidence = Evidence {
        uses_our_role: uses_our_role(&identity, &state.fields.role_arn, role),
        runs_from_our_bucket: state.runs_from(&own_bucket(placed)),
    };
    Standing::of(&identity, tags, evidence)
}

pub(crate) fn own_bucket(placed: &Placed<'_>) -> String {
    let Placed { agent, session } = placed;
    ours::bucket(&agent.project, &session.account, &session.region)
}
