//! The runtimes of the configured agents in AWS, and who owns them.

use std::collections::{BTreeMap, btree_map::Entry};

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    own,
    read::{self, Endpoint, Read},
};
use crate::{
    config::{Agent, RoleSettings},
    effects::aws::{AwsError, Kind, iam::Iam, runtime::Runtimes, runtime_read::Named},
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

/// Refuses several agents for a command about one.
pub(crate) fn single(agents: &[Agent]) -> Result<(), Failure> {
    if agents.len() <= 1 {
        return Ok(());
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

/// What to do if a runtime's own tags do not tell who owns it and its role cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    Fails,
    ProvesNothing,
}

/// The runtimes of each account and region.
pub(crate) type Lists = BTreeMap<(String, String), Vec<Named>>;

/// Observes every agent. Lists the runtimes of each account and region once.
pub(crate) async fn observe<'a>(
    placed: &'a [Placed<'a>],
    unread: Unread,
) -> Result<Vec<Deployed<'a>>, Failure> {
    observe_in(placed, &lists(placed).await?, unread).await
}

pub(crate) async fn lists(placed: &[Placed<'_>]) -> Result<Lists, Failure> {
    let mut lists = Lists::new();
    for one in placed {
        if let Entry::Vacant(free) = lists.entry(place(one)) {
            free.insert(Runtimes::new(&one.session).list().await?);
        }
    }
    Ok(lists)
}

/// Like [`observe`], with existing lists.
pub(crate) async fn observe_in<'a>(
    placed: &'a [Placed<'a>],
    lists: &Lists,
    unread: Unread,
) -> Result<Vec<Deployed<'a>>, Failure> {
    stream::iter(placed)
        .map(|one| async move { look(one, &lists[&place(one)], unread).await })
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

pub(crate) fn place(placed: &Placed<'_>) -> (String, String) {
    let session = &placed.session;
    (session.account.to_string(), session.region.to_string())
}

async fn look<'a>(
    placed: &'a Placed<'a>,
    list: &[Named],
    unread: Unread,
) -> Result<Deployed<'a>, Failure> {
    let identity = Identity::of(placed.agent);
    let name = &placed.agent.runtime_name;
    let mut found = Vec::new();
    for read in read::named(&placed.session, name, list, Endpoint::Skipped).await? {
        let Read {
            state,
            tags,
            endpoint: _,
        } = read;
        let standing = match Standing::by_tags(&identity, &tags) {
            Some(decided) => decided,
            None => {
                let uses = uses_role(placed, &identity, &state.fields.role_arn).await;
                let denied = unread == Unread::ProvesNothing
                    && matches!(&uses, Err(error) if error.kind == Kind::Denied);
                let evidence = Evidence {
                    uses_our_role: if denied { false } else { uses? },
                    runs_from_our_bucket: state.runs_from(&own::own_bucket(placed)),
                };
                match Standing::of(&identity, &tags, evidence) {
                    Standing::NotOurs(_) if denied => Standing::NotOurs(
                        "it has none of this project's tags, and its role cannot be read"
                            .to_owned(),
                    ),
                    standing => standing,
                }
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
