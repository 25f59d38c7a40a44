//! Observes AWS and the disk, and plans for all agents; deletes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    AT_ONCE, Cleaning, Options, Removal, SharedRemoval, World,
    disk::Disk,
    former,
    scope::{self, Scope},
};
use crate::{
    config::Declared,
    effects::{
        aws::{Session, store::Store},
        manifest::Project,
    },
    engine::{declared, runtime::lists::Lists},
    error::Failure,
    names::{AgentName, Region, RuntimeName, ours},
    project::sessions::Placed,
    resources::{
        bucket::OwnBucket,
        clean::{self, CleanPlan, Desired, Observed, ObservedRegion},
        deletion::Kept,
        ownership::Identity,
    },
};

/// `before` is the result of an earlier observation.
pub(crate) async fn observe<'a>(
    placed: &'a [Placed<'a>],
    (project, declared): (&Project, &Declared),
    options: Options,
    before: Option<&Cleaning<'_>>,
) -> Result<Cleaning<'a>, Failure> {
    let scopes = scopes(placed, (project, declared), options, before).await?;
    let desired: Vec<Desired> = scopes
        .iter()
        .map(|scope| desired(scope, declared, options))
        .collect();
    let is_asked = options.world == World::Asked;
    let mut there = BTreeMap::new();
    let mut resources = Vec::new();
    if is_asked {
        let resources_of = resources_to_clean(placed, declared);
        (there, resources) = tokio::try_join!(regions(&scopes, &desired), resources_of)?;
    }
    let mut emptied: BTreeMap<String, BTreeSet<RuntimeName>> = BTreeMap::new();
    let mut agents = Vec::new();
    for (at, (scope, mut desired)) in scopes.iter().zip(desired).enumerate() {
        desired.last_in = last_in(&scopes[at..], &emptied);
        let mut observed = Observed {
            role: scope.roles.configured.clone(),
            former_roles: scope.roles.former.clone(),
            regions: BTreeMap::new(),
            entry: scope.entry.clone(),
        };
        let mut kept = Vec::new();
        for (region, (found, also)) in there.remove(&at).unwrap_or_default() {
            observed.regions.insert(region, found);
            kept.extend(also);
        }
        let plan = clean::plan(&desired, &observed);
        for region in &plan.emptied {
            let gone = emptied.entry(bucket_of(scope, region)).or_default();
            gone.insert(scope.agent.runtime_name.clone());
        }
        agents.push(removal(scope, plan, kept, (project, declared))?);
    }
    let mut warnings = Vec::new();
    if is_asked && resources.is_empty() && before.is_none() {
        let gone = agents
            .iter()
            .filter(|removal| removal.plan.deletes_a_runtime());
        let gone = gone.map(|removal| &removal.agent.name).collect();
        warnings = declared::broken_targets(placed, &declared.resources, &gone).await;
    }
    Ok(Cleaning {
        agents,
        resources,
        warnings,
    })
}

/// Finds the roles, the regions and the runtimes of all agents.
async fn scopes<'a>(
    placed: &'a [Placed<'a>],
    (project, declared): (&Project, &Declared),
    options: Options,
    before: Option<&Cleaning<'_>>,
) -> Result<Vec<Scope<'a>>, Failure> {
    let mut scopes: Vec<Scope<'a>> = stream::iter(placed.iter().enumerate())
        .map(|(at, placed)| {
            let before = before.and_then(|before| before.agents.get(at));
            let before = before.map(Removal::found).unwrap_or_default();
            Scope::of(placed, project, options.world, before)
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let lists = Lists::default();
    loop {
        let mut unseen: Vec<(usize, Session, &RuntimeName)> = Vec::new();
        for (at, scope) in scopes.iter_mut().enumerate() {
            let name = &scope.agent.runtime_name;
            let sessions = scope.unseen().into_iter();
            unseen.extend(sessions.map(|session| (at, session, name)));
        }
        if unseen.is_empty() {
            return Ok(scopes);
        }
        let found: Vec<_> = stream::iter(unseen)
            .map(async |(at, session, name)| {
                let runtimes = match options.world {
                    World::Asked => scope::runtimes(&session, name, &lists).await?,
                    World::Empty => Vec::new(),
                };
                Ok::<_, Failure>((at, (session, runtimes)))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let mut of_agents = BTreeMap::<usize, Vec<_>>::new();
        for (at, found) in found {
            of_agents.entry(at).or_default().push(found);
        }
        stream::iter(scopes.iter_mut().enumerate())
            .filter_map(|(at, scope)| {
                let found = of_agents.remove(&at);
                std::future::ready(found.map(|found| (scope, found)))
            })
            .map(|(scope, found)| scope.enter(found, (declared, options.all_regions)))
            .buffered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
    }
}

/// Returns what to clean for an agent, as far as it does not depend on other agents.
fn desired(scope: &Scope<'_>, declared: &Declared, options: Options) -> Desired {
    let Scope {
        agent,
        session,
        sessions,
        remembered,
        ..
    } = scope;
    Desired {
        identity: Identity::of(agent),
        runtime: agent.runtime_name.clone(),
        role: agent.role.clone(),
        partition: session.partition,
        account: session.account.clone(),
        regions: sessions.keys().cloned().collect(),
        last_in: BTreeMap::new(),
        repository: scope.repository(declared),
        elsewhere: remembered
            .iter()
            .filter(|region| !sessions.contains_key(region))
            .cloned()
            .collect(),
        logs: options.logs,
        yaml: options.yaml,
        declared: declared.clone(),
    }
}

/// What an agent has in each region, and what is not looked at.
type Regions = Vec<(Region, (ObservedRegion, Vec<Kept>))>;

/// Observes what all agents have in their regions, by the number of the agent.
async fn regions(
    scopes: &[Scope<'_>],
    desired: &[Desired],
) -> Result<BTreeMap<usize, Regions>, Failure> {
    let buckets = buckets(scopes).await?;
    let all = scopes.iter().zip(desired).enumerate();
    let all = all.flat_map(|(at, (scope, desired))| {
        let sessions = scope.sessions.iter();
        sessions.map(move |(region, session)| (at, scope, desired, region, session))
    });
    let found: Vec<_> = stream::iter(all)
        .map(async |(at, scope, desired, region, session)| {
            let runtimes = scope.runtimes.get(region).map_or(&[][..], Vec::as_slice);
            let bucket = buckets.get(&bucket_of(scope, region));
            let entry = scope.entry.as_ref();
            let who = (scope.agent, &scope.roles);
            let found = scope::region_of(who, desired, session, runtimes, entry, bucket);
            let found = Box::pin(found).await?;
            Ok::<_, Failure>((at, (region.clone(), found)))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let mut of_agents = BTreeMap::<usize, Regions>::new();
    for (at, found) in found {
        of_agents.entry(at).or_default().push(found);
    }
    Ok(of_agents)
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
    let found: Vec<_> = stream::iter(stores)
        .map(async |(name, store)| {
            let bucket = store.observe_content().await?;
            Ok::<_, Failure>(bucket.map(|bucket| (name, bucket)))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

fn bucket_of(scope: &Scope<'_>, region: &Region) -> String {
    ours::bucket(&scope.agent.project, &scope.session.account, region)
}

/// Returns the regions in whose bucket the first of these agents is the last one of the run that may
/// have objects, with the runtimes whose objects are deleted by then.
fn last_in(
    scopes: &[Scope<'_>],
    emptied: &BTreeMap<String, BTreeSet<RuntimeName>>,
) -> BTreeMap<Region, BTreeSet<RuntimeName>> {
    let Some((scope, later)) = scopes.split_first() else {
        return BTreeMap::new();
    };
    let later: BTreeSet<String> = later
        .iter()
        .flat_map(|later| later.sessions.keys().map(|region| bucket_of(later, region)))
        .collect();
    let regions = scope.sessions.keys();
    regions
        .map(|region| (region, bucket_of(scope, region)))
        .filter(|(_, bucket)| !later.contains(bucket))
        .map(|(region, bucket)| {
            let gone = emptied.get(&bucket).cloned().unwrap_or_default();
            (region.clone(), gone)
        })
        .collect()
}

/// Plans for the declared resources if all agents are cleaned.
async fn resources_to_clean<'a>(
    placed: &'a [Placed<'a>],
    declared: &Declared,
) -> Result<Vec<SharedRemoval<'a>>, Failure> {
    let is_cleaned = |name: &AgentName| placed.iter().any(|placed| placed.agent.name == *name);
    let (true, Some(first)) = (declared.agents.iter().all(is_cleaned), placed.first()) else {
        return Ok(Vec::new());
    };
    let plans = declared::plan_to_clean(placed, &declared.resources).await?;
    let shared = plans.into_iter().map(|(session, plan)| SharedRemoval {
        project: &first.agent.project,
        session: BTreeMap::from([(session.region.clone(), session)]),
        plan,
    });
    Ok(shared.collect())
}

fn removal<'a>(
    scope: &Scope<'a>,
    plan: CleanPlan,
    mut kept: Vec<Kept>,
    (project, declared): (&Project, &Declared),
) -> Result<Removal<'a>, Failure> {
    let Scope {
        agent,
        roles,
        sessions,
        undeclared,
        ..
    } = scope;
    kept.extend(plan.kept.iter().chain(undeclared).cloned());
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
    Ok(Removal {
        agent,
        is_declared,
        sessions: sessions.clone(),
        traces: roles.traces.clone(),
        plan,
        disk,
        kept,
        kept_on_disk,
    })
}
