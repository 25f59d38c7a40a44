//! The agents of a deploy: each is observed, planned, and then shown or written as one value, with
//! its role, artifact, runtime and callers.

mod apply;
mod changes;
pub(crate) mod in_aws;
mod observe;
mod plan;

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};

pub(crate) use self::{apply::Done, observe::AgentWork, plan::AgentPlan};
use super::{
    artifact::{
        archive::{SharedBucket, buckets},
        build::Building,
    },
    callers, former_agents, replacement, role,
    run::Run,
    runtime::{lists::Lists, write::Outcome},
};
use crate::{error::Failure, project::sessions::Placed};

/// How many agents are observed or deployed in parallel.
pub(crate) const AT_ONCE: usize = 8;

/// The agents of a run, and what they share.
pub(crate) struct Agents<'a> {
    run: Run<'a>,
    building: Building<'a>,
    lists: Lists,
    /// The first agent that needs a bucket prepares it.
    buckets: BTreeMap<String, SharedBucket<'a>>,
}

impl<'a> Agents<'a> {
    pub(crate) fn new(run: Run<'a>, building: Building<'a>) -> Self {
        Self {
            run,
            building,
            lists: Lists::default(),
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
        let place = (self.run.project, self.run.declared);
        let noticing = former_agents::notice(&self.lists, self.run.placed, place, self.run.ui);
        let (observed, ()) = tokio::join!(observing, noticing);
        drop(looking);
        observed
    }

    /// Asks before anything is adopted or replaced.
    pub(crate) fn agree(&self, work: &[AgentWork<'_>]) -> Result<(), Failure> {
        let work: Vec<_> = work.iter().map(|work| &work.compared).collect();
        let roles = work.iter().map(|work| (work.placed, &work.role));
        role::agree(roles, &self.run)?;
        for work in &work {
            if let Some(build) = &work.build {
                build.agree(work.placed, &self.run)?;
            }
        }
        let plans = work.iter().map(|work| (work.placed, &work.callers));
        callers::agree(plans, &self.run)?;
        let replaced = work.iter().filter_map(|work| {
            let seen = work.replaces()?;
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
}
