//! The runtimes of the configured agents in AWS, and who owns them.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    lists::Lists,
    own,
    read::{self, Read, Wanted},
};
use crate::{
    config::{Agent, RoleSettings},
    effects::aws::{AwsError, iam::Iam, runtime_read::Named},
    error::Failure,
    project::sessions::Placed,
    resources::{
        ownership::Identity,
        runtime::observed::{Evidence, RuntimeState, Standing, uses_our_role},
        tags::Tags,
    },
    ui::Ui,
};

/// How many agents are observed in parallel.
const AT_ONCE: usize = 8;

/// An agent with the runtimes of its name: at most one on AWS, but some emulators allow several.
pub(crate) struct Deployed<'a> {
    pub(crate) placed: &'a Placed<'a>,
    pub(crate) found: Vec<Found>,
}

pub(crate) struct Found {
    pub(crate) state: RuntimeState,
    pub(crate) standing: Standing,
    pub(crate) tags: Tags,
}

/// Returns the agent of a command about one, and refuses several.
pub(crate) fn single(agents: &[Agent]) -> Result<&Agent, Failure> {
    if let [one] = agents {
        return Ok(one);
    }
    if agents.is_empty() {
        return Err(
            Failure::usage("this command works on one agent, and none is selected")
                .help("name one with `--agent`"),
        );
    }
    let names: Vec<String> = agents.iter().map(|a| format!("`{}`", a.name)).collect();
    Err(
        Failure::usage("this command works on one agent, and the project has several")
            .note(format!("the agents are {}", names.join(", ")))
            .help("name one with `--agent`"),
    )
}

/// Reports an agent that is not deployed.
pub(crate) fn absent(agent: &Agent) -> Failure {
    Failure::world(format!("the agent `{}` is not deployed", agent.name))
        .help("`cargo agentcore deploy` deploys it")
}

/// Observes every agent. Lists the runtimes of each account and region once.
pub(crate) async fn observe<'a>(placed: &'a [Placed<'a>]) -> Result<Vec<Deployed<'a>>, Failure> {
    let lists = &Lists::default();
    stream::iter(placed)
        .map(|one| async move { look(one, &lists.of(&one.session).await?).await })
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

async fn look<'a>(placed: &'a Placed<'a>, list: &[Named]) -> Result<Deployed<'a>, Failure> {
    let identity = Identity::of(placed.agent);
    let name = &placed.agent.runtime_name;
    let mut found = Vec::new();
    for read in read::named(&placed.session, name, list, Wanted::Nothing).await? {
        let Read {
            state,
            tags,
            endpoints: _,
        } = read;
        let tags = tags?;
        let standing = match Standing::by_tags(&identity, &tags) {
            Some(decided) => decided,
            None => {
                let evidence = Evidence {
                    uses_our_role: uses_role(placed, &identity, &state.fields.role_arn).await?,
                    runs_from_our_bucket: state.runs_from(&own::own_bucket(placed)),
                };
                Standing::of(&identity, &tags, evidence)
            }
        };
        found.push(Found {
            state,
            standing,
            tags,
        });
    }
    Ok(Deployed { placed, found })
}

/// Returns true if the runtime uses the agent's own role. A role that the user provides proves
/// nothing, because others may use it too.
async fn uses_role(
    placed: &Placed<'_>,
    identity: &Identity,
    runtime_role: &str,
) -> Result<bool, AwsError> {
    let role = match &placed.agent.role {
        RoleSettings::Given { .. } => None,
        RoleSettings::Managed { name, .. } => Iam::new(&placed.session).observe_given(name).await?,
    };
    let role = role.as_ref().map(|role| (role.arn.as_str(), &role.tags));
    Ok(uses_our_role(identity, runtime_role, role))
}

impl Deployed<'_> {
    /// Returns the runtime for a reading command: this project's, or the only one with the name.
    pub(crate) fn one(&self) -> Result<Option<&Found>, Failure> {
        let mut ours = self.found.iter().filter(|found| found.is_ours());
        match (ours.next(), ours.next(), &self.found[..]) {
            (Some(one), None, _) | (None, None, [one]) => Ok(Some(one)),
            (None, None, []) => Ok(None),
            _ => {
                let mut failure = Failure::world(format!(
                    "several runtimes are called `{}`",
                    self.placed.agent.runtime_name
                ));
                for found in &self.found {
                    failure = failure.note(format!("`{}`", found.state.id));
                }
                Err(failure
                    .help("delete the ones that you do not need; AWS allows a name only once"))
            }
        }
    }

    /// Like [`Deployed::one`], but fails without a runtime.
    pub(crate) fn there(&self) -> Result<&Found, Failure> {
        self.one()?.ok_or_else(|| {
            Failure::world(format!(
                "the agent `{}` is not deployed in {}",
                self.placed.agent.name, self.placed.session.region
            ))
            .note(format!(
                "account {} has no runtime `{}` there",
                self.placed.session.account, self.placed.agent.runtime_name
            ))
            .help("`cargo agentcore deploy` deploys it")
        })
    }

    /// Returns the runtime for a writing command: only one that is proven to be this project's.
    pub(crate) fn ours(&self) -> Result<&Found, Failure> {
        let found = self.there()?;
        match &found.standing {
            Standing::Ours => Ok(found),
            Standing::NotOurs(why) => Err(Failure::world(format!(
                "the runtime `{}` is not provably this project's",
                found.state.id
            ))
            .note(why.clone())
            .help("nothing was changed; give the agent another name, or delete that runtime if it is yours")),
        }
    }
}

impl Found {
    pub(crate) fn is_ours(&self) -> bool {
        self.standing == Standing::Ours
    }

    /// Reports a runtime that may belong to someone else, in a reading command.
    pub(crate) fn say_whose(&self, ui: &Ui) {
        if let Standing::NotOurs(why) = &self.standing {
            ui.note(&format!(
                "the runtime `{}` is not provably this project's: {why}",
                self.state.id
            ));
        }
    }
}
