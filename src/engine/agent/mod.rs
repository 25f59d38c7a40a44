//! The agents of a deploy: each is observed, planned, and then shown or written as one value, with
//! its role, artifact, runtime and callers.

mod apply;
mod observe;
mod plan;

use std::collections::BTreeMap;

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{LocalBoxFuture, Shared},
    stream,
};

pub(crate) use self::{apply::Done, observe::AgentWork, plan::AgentPlan};
use super::{
    artifact::{
        archive::{SharedBucket, buckets},
        build::Building,
    },
    callers, former_agents, replacement, role,
    run::Run,
    runtime::write::Outcome,
};
use crate::{
    effects::aws::{AwsError, Session, runtime::Runtimes, runtime_read::Named},
    error::Failure,
    project::sessions::Placed,
};

/// How many agents are deployed in parallel.
const AT_ONCE: usize = 8;

/// The runtimes of each account and region, listed once for all agents.
type Lists<'a> =
    BTreeMap<(String, String), Shared<LocalBoxFuture<'a, Result<Vec<Named>, AwsError>>>>;

/// The agents of a run, and what they share.
pub(crate) struct Agents<'a> {
    run: Run<'a>,
    building: Building<'a>,
    lists: Lists<'a>,
    /// The first agent that needs a bucket prepares it.
    buckets: BTreeMap<String, SharedBucket<'a>>,
}

impl<'a> Agents<'a> {
    pub(crate) fn new(run: Run<'a>, building: Building<'a>) -> Self {
        Self {
            run,
            building,
            lists: lists(run.placed),
            buckets: buckets(run.placed, run.ui),
        }
    }

    /// Observes the disk and AWS for all agents, and notes former agents.
    pub(crate) async fn observe(&self) -> Vec<Result<AgentWork<'a>, Failure>> {
        let looking = self
            .run
            .ui
            .working("Comparing", "the agents with what is deployed");
        let observing = stream::iter(self.run.placed)
            .map(|placed| self.observe_one(placed))
            .buffered(AT_ONCE)
            .collect::<Vec<_>>();
        let (observed, ()) = tokio::join!(observing, self.notice_former_agents());
        drop(looking);
        observed
    }

    /// Asks before anything is adopted or replaced.
    pub(crate) fn agree(&self, work: &[AgentWork<'_>]) -> Result<(), Failure> {
        let roles = work.iter().map(|work| (work.placed, &work.role));
        role::agree(roles, &self.run)?;
        for work in work {
            if let Some(build) = &work.build {
                build.agree(work.placed, &self.run)?;
            }
        }
        let plans = work.iter().map(|work| (work.placed, &work.callers));
        callers::agree(plans, &self.run)?;
        let replaced = work.iter().filter_map(|work| {
            let seen = work.seen.as_ref()?;
            work.replacement.of.as_ref()?;
            Some((work.placed, seen, &work.replacement))
        });
        replacement::agree(replaced, &self.run)
    }

    /// Plans and carries out each agent. `call` calls a deployed agent, if the user asked for that.
    pub(crate) async fn deliver(
        &self,
        work: Vec<AgentWork<'a>>,
        call: impl AsyncFn(&Placed<'_>, &Outcome) -> Option<Result<(), Failure>>,
    ) -> Vec<Result<Done<'a>, Failure>> {
        let call = &call;
        stream::iter(work)
            .map(async |work| {
                let plan = Box::pin(self.plan(work)).await?;
                Box::pin(self.apply(plan, call)).await
            })
            .buffered(AT_ONCE)
            .collect()
            .await
    }

    /// Notes former agents in the lists that are read anyway. Errors of the lists are reported with
    /// the agents.
    async fn notice_former_agents(&self) {
        let run = &self.run;
        for (at, list) in &self.lists {
            let one = run.placed.iter().find(|one| place(&one.session) == *at);
            if let (Some(one), Ok(list)) = (one, list.clone().await) {
                former_agents::notice(one, (run.project, run.declared), &list, run.ui).await;
            }
        }
    }
}

fn lists<'a>(placed: &'a [Placed<'a>]) -> Lists<'a> {
    let mut lists = Lists::new();
    for Placed { session, .. } in placed {
        lists.entry(place(session)).or_insert_with(|| {
            let runtimes = Runtimes::new(session);
            async move { runtimes.list().await }.boxed_local().shared()
        });
    }
    lists
}

fn place(session: &Session) -> (String, String) {
    (session.account.to_string(), session.region.to_string())
}
