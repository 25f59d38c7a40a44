//! What `clean` removes for the agents: observes, plans, deletes.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use self::{
    disk::Disk,
    roles::Traces,
    scope::{Before, Scope},
};
use crate::{
    config::{Agent, Declared, RoleArn, RoleSettings},
    effects::{
        aws::{Session, iam::Iam, store::Store},
        manifest::Project,
    },
    engine::{
        build_project::{self, BuildDeletion},
        declared::{self, Deletion, ToClean},
        plan_output::announce,
    },
    error::{Failure, Message},
    names::{AgentName, Region, RoleName, RuntimeName, StageName, ours},
    project::sessions::Placed,
    resources::{
        change::{Change, Step},
        clean::{self, CleanPlan, Desired, Kept, Logs, Observed, ObservedRegion, OwnBucket, Trust},
        ownership::Identity,
    },
    ui::Ui,
};

mod copied;
mod disk;
pub(crate) mod emulator;
mod former;
mod roles;
mod scope;
mod steps;

pub(crate) use self::former::load;

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

/// What is removed for one agent.
pub(crate) struct Removal<'a> {
    agent: &'a Agent,
    is_declared: bool,
    /// A session for each region to clean.
    sessions: BTreeMap<Region, Session>,
    /// The roles other than the configured one that were considered.
    traces: Traces,
    plan: CleanPlan,
    disk: Disk<'a>,
    /// The targets of gateways that lead to agents, with the first agent if all are cleaned.
    targets: Vec<Deletion<'a>>,
    /// The projects that build the agent's image.
    builds: Vec<BuildDeletion>,
    /// The project's declared resources, with the last agent if all are cleaned.
    resources: Vec<Deletion<'a>>,
    kept: Vec<Kept>,
    kept_on_disk: Vec<Kept>,
}

/// Observes AWS and the disk, and plans for all agents; deletes nothing. The removals must be
/// carried out in order: the last agent with objects in a bucket deletes the bucket itself.
/// `before` is the result of an earlier observation, empty for the first one.
pub(crate) async fn observe<'a>(
    placed: &'a [Placed<'a>],
    place: (&Project, &Declared),
    options: Options,
    before: &[Removal<'_>],
) -> Result<Vec<Removal<'a>>, Failure> {
    let mut scopes = Vec::new();
    for (at, placed) in placed.iter().enumerate() {
        let before = before.get(at).map(Removal::found).unwrap_or_default();
        scopes.push(Scope::observe(placed, place, options, before).await?);
    }
    let buckets = match options.world {
        World::Asked => buckets(&scopes).await?,
        World::Empty => BTreeMap::new(),
    };
    let mut emptied: BTreeMap<String, BTreeSet<RuntimeName>> = BTreeMap::new();
    let mut removals = Vec::new();
    for (at, scope) in scopes.iter().enumerate() {
        let mut last_in = BTreeMap::new();
        for region in scope.sessions.keys() {
            let bucket = bucket_of(scope, region);
            let later = scopes[at + 1..].iter().any(|later| {
                later
                    .sessions
                    .keys()
                    .any(|region| bucket_of(later, region) == bucket)
            });
            if !later {
                let gone = emptied.get(&bucket).cloned().unwrap_or_default();
                last_in.insert(region.clone(), gone);
            }
        }
        let removal = Removal::decide(scope, last_in, &buckets, place, options).await?;
        for region in &removal.plan.emptied {
            let gone = emptied.entry(bucket_of(scope, region)).or_default();
            gone.insert(scope.agent.runtime_name.clone());
        }
        removals.push(removal);
    }
    // Other agents may use the resources of the project.
    let is_cleaned = |name: &AgentName| placed.iter().any(|placed| placed.agent.name == *name);
    if options.world == World::Asked
        && place.1.agents.iter().all(is_cleaned)
        && !removals.is_empty()
    {
        let ToClean {
            targets,
            resources,
            kept,
        } = declared::to_clean(placed, &place.1.resources).await?;
        removals[0].targets = targets;
        if let Some(last) = removals.last_mut() {
            last.resources = resources;
            last.kept.extend(kept);
        }
    }
    Ok(removals)
}

fn bucket_of(scope: &Scope<'_>, region: &Region) -> String {
    ours::bucket(&scope.agent.project, &scope.session.account, region)
}

/// Observes every project bucket once, by its name.
async fn buckets(scopes: &[Scope<'_>]) -> Result<BTreeMap<String, OwnBucket>, Failure> {
    let mut stores = BTreeMap::new();
    for scope in scopes {
        for (region, session) in &scope.sessions {
            stores
                .entry(bucket_of(scope, region))
                .or_insert_with(|| Store::new(session, &scope.agent.project));
        }
    }
    let mut found = BTreeMap::new();
    for (name, store) in stores {
        if let Some(bucket) = store.observe_content().await? {
            found.insert(name, bucket);
        }
    }
    Ok(found)
}

impl<'a> Removal<'a> {
    async fn decide(
        scope: &Scope<'a>,
        last_in: BTreeMap<Region, BTreeSet<RuntimeName>>,
        buckets: &BTreeMap<String, OwnBucket>,
        (project, declared): (&Project, &Declared),
        options: Options,
    ) -> Result<Self, Failure> {
        let Scope {
            agent,
            session,
            roles,
            entry,
            sessions,
            runtimes,
            remembered,
        } = scope;
        let desired = Desired {
            identity: Identity::of(agent),
            runtime: agent.runtime_name.clone(),
            role: agent.role.clone(),
            partition: session.partition,
            account: session.account.clone(),
            regions: sessions.keys().cloned().collect(),
            last_in,
            repository: scope.repository(declared),
            elsewhere: remembered
                .iter()
                .filter(|region| !sessions.contains_key(region))
                .cloned()
                .collect(),
            logs: options.logs,
            yaml: options.yaml,
            declared: declared.clone(),
        };
        let (mut kept, mut builds) = (Vec::new(), Vec::new());
        let mut regions = BTreeMap::new();
        for (region, session) in sessions {
            let bucket = buckets.get(&bucket_of(scope, region)).cloned();
            let there = match options.world {
                World::Asked => {
                    if desired.repository.is_some() {
                        let (build, also) =
                            build_project::to_clean(agent, session, options.logs).await?;
                        builds.extend(build);
                        kept.extend(also);
                    }
                    let runtimes = runtimes.get(region).cloned().unwrap_or_default();
                    let entry = entry.as_ref();
                    scope::region_of(&desired, session, runtimes, entry, bucket, &mut kept).await?
                }
                World::Empty => ObservedRegion::default(),
            };
            regions.insert(region.clone(), there);
        }
        let plan = clean::plan(
            &desired,
            &Observed {
                role: roles.configured.clone(),
                instance_profiles: roles.instance_profiles.clone(),
                former_roles: roles.former.clone(),
                regions,
                entry: entry.clone(),
            },
        );
        kept.extend(plan.kept.iter().cloned());
        let is_declared = declared.agents.contains(&agent.name);
        if is_declared {
            let folders: Vec<PathBuf> = agent.deployment_dir().into_iter().collect();
            let stage = agent.stage.as_ref();
            let place = (project, &agent.project, &folders[..]);
            kept.extend(former::on_disk(declared, stage, place)?);
        }
        let mut kept_on_disk = Vec::new();
        let place = (project, declared);
        let disk = Disk::observe(agent, place, sessions, &plan, &mut kept_on_disk)?;
        Ok(Self {
            agent,
            is_declared,
            sessions: sessions.clone(),
            traces: roles.traces.clone(),
            plan,
            disk,
            targets: Vec::new(),
            builds,
            resources: Vec::new(),
            kept,
            kept_on_disk,
        })
    }

    /// Returns what a later observation must include.
    fn found(&self) -> Before {
        Before {
            regions: self.sessions.keys().cloned().collect(),
            roles: self.traces.clone(),
        }
    }

    /// Warns that `--all-regions` may miss a region, because a role that the user provides does not
    /// list its regions.
    pub(crate) fn uncertain_regions(&self) -> Option<Message> {
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

    /// Returns the regions and the stage in which something is deleted.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&Session, Option<&StageName>)> {
        let stage = self.agent.stage.as_ref();
        self.sessions.values().map(move |session| (session, stage))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.plan.steps.is_empty()
            && self.targets.is_empty()
            && self.builds.is_empty()
            && self.resources.is_empty()
            && self.disk.changes().is_empty()
    }

    /// Returns every deletion, in order.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let steps = self.plan.steps.iter();
        let resources = self.resources.iter().flat_map(Deletion::changes);
        let targets = self.targets.iter().flat_map(Deletion::changes);
        targets
            .chain(steps.map(Step::change))
            .chain(self.builds.iter().flat_map(BuildDeletion::changes))
            .chain(resources)
            .chain(self.disk.changes())
            .collect()
    }

    /// Returns the former roles that are deleted.
    pub(crate) fn former_roles(&self) -> impl Iterator<Item = &RoleName> {
        self.plan.former_roles.iter()
    }

    /// Returns the agent if it is unknown in Cargo.toml and has nothing to delete.
    pub(crate) fn unknown(&self) -> Option<&AgentName> {
        (!self.is_declared && self.is_empty()).then_some(&self.agent.name)
    }

    pub(crate) fn kept(&self) -> impl Iterator<Item = &Kept> {
        self.kept.iter().chain(&self.kept_on_disk)
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

    /// Deletes in order. The disk comes last, because it records what was on AWS.
    pub(crate) async fn apply(&self, ui: &Ui) -> Result<(), Failure> {
        for deletion in &self.targets {
            deletion.apply(ui).await?;
        }
        for step in &self.plan.steps {
            let change = step.change();
            announce(&change, ui);
            let _work = ui.working(change.action.doing(), &change.object);
            self.step(step, ui).await?;
        }
        for deletion in &self.builds {
            deletion.apply(ui).await?;
        }
        for deletion in &self.resources {
            deletion.apply(ui).await?;
        }
        self.disk.apply(ui)
    }
}
