//! The runtimes with an agent's name that a deploy finds, and which of them is its own.

use std::collections::BTreeMap;

use super::read::{self, Endpoints, Read, Wanted};
use crate::{
    effects::aws::{AwsError, Session, runtime::Runtimes, runtime_read::Named},
    error::Failure,
    names::{RuntimeName, ours},
    project::sessions::Placed,
    resources::{
        ownership::Identity,
        runtime::{
            ObservedRuntime,
            observed::{
                DEFAULT_ENDPOINT, EndpointState, Evidence, RuntimeState, Standing, uses_our_role,
            },
        },
        tags::Tags,
    },
};

/// A runtime that is proven to be this project's, or that a report is about.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) observed: ObservedRuntime,
    pub(crate) endpoints: Endpoints,
}

impl Seen {
    /// Returns all endpoints. Reads them unless that was done before.
    pub(crate) async fn all_endpoints(
        &self,
        session: &Session,
    ) -> Result<Vec<EndpointState>, AwsError> {
        match &self.endpoints {
            Endpoints::All(all) => Ok(all.clone()),
            Endpoints::Default(_) => {
                let id = &self.observed.state.id;
                Runtimes::new(session).read_endpoints(id).await
            }
        }
    }

    /// Returns the `DEFAULT` endpoint.
    pub(crate) fn default_endpoint(self) -> Option<EndpointState> {
        match self.endpoints {
            Endpoints::Default(endpoint) => endpoint,
            Endpoints::All(all) => all.into_iter().find(|one| one.name == DEFAULT_ENDPOINT),
        }
    }
}

/// A role's ARN and tags, as proof for what uses it.
pub(crate) type Proof<'a> = Option<(&'a str, BTreeMap<String, String>)>;

/// Reads every runtime with the agent's name, with its `DEFAULT` endpoint.
pub(crate) async fn look(placed: &Placed<'_>, list: &[Named]) -> Result<Vec<Read>, Failure> {
    let name = &placed.agent.runtime_name;
    Ok(read::named(&placed.session, name, list, Wanted::Default).await?)
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
        endpoints,
    } in looked
    {
        let (tags, endpoints) = (tags?, endpoints?);
        if let Standing::NotOurs(why) = standing(placed, &state, &tags, proof) {
            return Err(in_the_way(name).note(format!("`{}`: {why}", state.id))
            .help("choose another agent name in the metadata, or delete that runtime if it is yours; nothing was done to it"));
        }
        ours.push(Seen {
            observed: ObservedRuntime { state, tags },
            endpoints,
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

/// Refuses a runtime that has the agent's name.
pub(crate) fn in_the_way(name: &RuntimeName) -> Failure {
    Failure::world(format!(
        "a runtime `{name}` already exists and is not provably this project's"
    ))
}

/// Returns whose runtime it is.
pub(crate) fn standing(
    placed: &Placed<'_>,
    state: &RuntimeState,
    tags: &Tags,
    proof: &Proof<'_>,
) -> Standing {
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
