//! What `clean` removes for the agents: observes, plans, deletes. Agents and regions are observed and
//! cleaned at the same time.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, stream};

use self::{disk::Disk, roles::Traces, scope::Before, steps::Lane};
use crate::{
    config::{Agent, RoleArn, RoleSettings},
    effects::aws::{Session, iam::Iam},
    error::{Failure, Message},
    names::{AgentName, ProjectId, Region, RoleName, StageName},
    resources::{
        change::{Change, Step},
        clean::{CleanPlan, Trust, Turn},
        deletion::{Kept, Logs},
    },
    ui::Ui,
};

mod copied;
mod disk;
pub(crate) mod emulator;
mod former;
mod observe;
mod roles;
mod scope;
mod steps;

pub(crate) use self::{former::load, observe::observe};

/// How many agents, or regions of agents, are observed and cleaned in parallel.
const AT_ONCE: usize = 8;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) logs: Logs,
    pub(crate) yaml: Trust,
    pub(crate) all_regions: bool,
    pub(crate) world: World,
}

/// The state of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum World {
    Asked,
    /// An emulator without content, which need not run: only the disk is cleaned.
    Empty,
}

/// What a run removes.
pub(crate) struct Cleaning<'a> {
    agents: Vec<Removal<'a>>,
    /// The project's declared resources in each account and region, if all agents are cleaned:
    /// other agents may use them.
    resources: Vec<SharedRemoval<'a>>,
    /// What breaks when the agents are deleted.
    warnings: Vec<Message>,
}

/// What is removed for one agent.
struct Removal<'a> {
    agent: &'a Agent,
    is_declared: bool,
    /// A session for each region to clean.
    sessions: BTreeMap<Region, Session>,
    /// The roles other than the configured one that were considered.
    traces: Traces,
    plan: CleanPlan,
    disk: Disk<'a>,
    kept: Vec<Kept>,
    kept_on_disk: Vec<Kept>,
}

/// What is removed of the declared resources in one account and region.
struct SharedRemoval<'a> {
    project: &'a ProjectId,
    session: BTreeMap<Region, Session>,
    plan: CleanPlan,
}

impl Cleaning<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.agents.iter().all(Removal::is_empty) && self.has_no_resources()
    }

    fn has_no_resources(&self) -> bool {
        self.resources
            .iter()
            .all(|shared| shared.plan.steps.is_empty())
    }

    /// Returns every deletion: targets that lead to agents, each agent in order, and resources.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let shared = |is_target: bool| {
            let steps = self.resources.iter().flat_map(|shared| &shared.plan.steps);
            let steps = steps.filter(move |step| (step.turn == Turn::Targets) == is_target);
            steps.map(Step::change)
        };
        let agents = self.agents.iter().flat_map(Removal::changes);
        shared(true).chain(agents).chain(shared(false)).collect()
    }

    pub(crate) fn kept(&self) -> impl Iterator<Item = &Kept> {
        let of_agents = self.agents.iter();
        of_agents
            .flat_map(|removal| removal.kept.iter().chain(&removal.kept_on_disk))
            .chain(self.kept_resources())
    }

    fn kept_resources(&self) -> impl Iterator<Item = &Kept> {
        self.resources.iter().flat_map(|shared| &shared.plan.kept)
    }

    /// Returns the former roles that are deleted.
    pub(crate) fn former_roles(&self) -> BTreeSet<&RoleName> {
        let agents = self.agents.iter();
        agents
            .flat_map(|removal| &removal.plan.former_roles)
            .collect()
    }

    /// Returns the first agent that is unknown in Cargo.toml and has nothing to delete.
    pub(crate) fn unknown(&self) -> Option<&AgentName> {
        let mut agents = self.agents.iter();
        let unknown = agents.find(|removal| !removal.is_declared && removal.is_empty());
        unknown.map(|removal| &removal.agent.name)
    }

    /// Returns the regions and the stages in which something is deleted.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&Session, Option<&StageName>)> {
        let all = !self.has_no_resources();
        let agents = self.agents.iter();
        let affected = agents.filter(move |removal| all || !removal.is_empty());
        affected.flat_map(|removal| {
            let stage = removal.agent.stage.as_ref();
            removal
                .sessions
                .values()
                .map(move |session| (session, stage))
        })
    }

    pub(crate) fn warnings(&self) -> &[Message] {
        &self.warnings
    }

    /// Warns that `--all-regions` may miss a region, because a role that the user provides does not
    /// list its regions.
    pub(crate) fn uncertain_regions(&self) -> impl Iterator<Item = Message> {
        self.agents.iter().filter_map(Removal::uncertain_regions)
    }

    /// Carries out the plans of several agents at the same time, one turn after the other. An agent
    /// stops at its first failure, and the others continue.
    pub(crate) async fn apply(&self, ui: &Ui) -> Vec<Failure> {
        let shared = self.resources.iter().map(|shared| (shared.lane(), None));
        let agents = self.agents.iter();
        let lanes: Vec<(Lane<'_>, Option<&Disk<'_>>)> = agents
            .map(|removal| (removal.lane(), Some(&removal.disk)))
            .chain(shared)
            .collect();
        let mut failures = BTreeMap::new();
        for turn in Turn::ALL {
            // An agent that stays still uses the resources.
            let stays = failures.keys().any(|at| *at < self.agents.len());
            if turn == Turn::Resources && stays {
                break;
            }
            let going = lanes.iter().enumerate();
            let going = going.filter(|(at, _)| !failures.contains_key(at));
            let results: Vec<_> = stream::iter(going)
                .map(async |(at, (lane, disk))| {
                    let mut result = lane.carry_out(turn, ui).await;
                    // The disk comes last, because it records what was in AWS.
                    if let (Ok(()), Turn::Roles, Some(disk)) = (&result, turn, disk) {
                        result = disk.apply(ui);
                    }
                    (at, result)
                })
                .buffered(AT_ONCE)
                .collect()
                .await;
            let failed = results.into_iter();
            failures.extend(failed.filter_map(|(at, result)| Some((at, result.err()?))));
        }
        let is_alone = self.agents.len() == 1;
        let named = |(at, failure): (usize, Failure)| match self.agents.get(at) {
            Some(removal) if !is_alone => failure.note(format!(
                "it stopped the deletion of the agent `{}`",
                removal.agent.name
            )),
            Some(_) | None => failure,
        };
        failures.into_iter().map(named).collect()
    }
}

impl SharedRemoval<'_> {
    fn lane(&self) -> Lane<'_> {
        Lane {
            project: self.project,
            sessions: &self.session,
            plan: &self.plan,
        }
    }
}

impl Removal<'_> {
    fn lane(&self) -> Lane<'_> {
        Lane {
            project: &self.agent.project,
            sessions: &self.sessions,
            plan: &self.plan,
        }
    }

    /// Returns what a later observation must include.
    fn found(&self) -> Before {
        let is_resource = |kept: &&Kept| ["gateway", "memory"].contains(&kept.what.kind);
        Before {
            regions: self.sessions.keys().cloned().collect(),
            roles: self.traces.clone(),
            undeclared: self.kept.iter().filter(is_resource).cloned().collect(),
        }
    }

    fn uncertain_regions(&self) -> Option<Message> {
        let RoleSettings::Given { .. } = self.agent.role else {
            return None;
        };
        let regions: Vec<&str> = self.sessions.keys().map(Region::as_str).collect();
        Some(
            Message::new(format!(
                "`role.arn` does not show in which regions the agent `{}` is deployed; the known ones are {}",
                self.agent.name,
                regions.join(", ")
            ))
            .note("from Cargo.toml, and from what was deployed out of this folder")
            .help("clean any other with `--region REGION`"),
        )
    }

    fn is_empty(&self) -> bool {
        self.plan.steps.is_empty() && self.disk.changes().is_empty()
    }

    /// Returns every deletion, in order.
    fn changes(&self) -> Vec<Change> {
        let steps = self.plan.steps.iter();
        steps.map(Step::change).chain(self.disk.changes()).collect()
    }

    /// Returns what is kept in AWS, regardless of its owner, except for the role that the user
    /// [provides](Self::brought).
    fn kept_in_aws(&self) -> impl Iterator<Item = &Kept> {
        let is_brought = |kept: &Kept| {
            let given = self.given();
            kept.what.kind == "role" && given.is_some_and(|role| role.arn == kept.what.name)
        };
        let all = self.kept.iter().filter(|kept| kept.what.kind != "entry");
        all.filter(move |kept| !is_brought(kept))
    }

    fn given(&self) -> Option<&RoleArn> {
        match &self.agent.role {
            RoleSettings::Given { arn } => Some(arn),
            RoleSettings::Managed { .. } => None,
        }
    }

    /// Returns the ARN of the role that the user provides, if a role with this name exists in the
    /// account.
    async fn brought(&self) -> Result<Option<&str>, Failure> {
        let (Some(given), Some(session)) = (self.given(), self.sessions.values().next()) else {
            return Ok(None);
        };
        if given.account != session.account {
            return Ok(None);
        }
        let created = Iam::new(session).created(&given.name).await?;
        Ok(created.map(|_| given.arn.as_str()))
    }
}
