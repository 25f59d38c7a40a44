//! Where an agent's resources are searched, and what exists there.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    World,
    roles::{Roles, Traces},
};
use crate::{
    config::{Agent, Declared, RoleSettings},
    effects::{
        aws::{Kind, Session, ecr::Ecr, logs, runtime::Runtimes, s3::S3},
        manifest::Project,
    },
    engine::{
        build_project, declared,
        runtime::{
            lists::Lists,
            read::{self, Read, Wanted},
        },
    },
    error::Failure,
    names::{Region, RuntimeName},
    package::toolkit_yaml::Entry,
    project::{on_disk, sessions::Placed},
    resources::{
        bucket::OwnBucket,
        change::Subject,
        clean::{self, Desired, ObservedObject, ObservedRegion},
        deletion::Kept,
        repository::{self, Content, OwnRepository},
        runtime::deletion::NamedRuntime,
        tags::{Tags, replaced_runtime::records_repository},
    },
};

/// An agent with its roles and runtimes, which reveal other regions.
pub(crate) struct Scope<'a> {
    pub(crate) agent: &'a Agent,
    pub(crate) session: &'a Session,
    pub(crate) roles: Roles<'a>,
    /// The toolkit's entry for the agent's runtime.
    pub(crate) entry: Option<Entry>,
    /// A session for each region to clean.
    pub(crate) sessions: BTreeMap<Region, Session>,
    /// The runtimes with the agent's name in each region.
    pub(crate) runtimes: BTreeMap<Region, Vec<NamedRuntime>>,
    /// The regions of this account that the agent was deployed to from this folder.
    pub(crate) remembered: BTreeSet<Region>,
    /// Resources that are no longer declared, as an earlier observation found them.
    pub(crate) undeclared: Vec<Kept>,
    /// The regions to enter next.
    unseen: BTreeSet<Region>,
}

/// The result of an earlier observation, because its sources may be deleted by now.
#[derive(Default)]
pub(crate) struct Before {
    pub(crate) regions: BTreeSet<Region>,
    pub(crate) roles: Traces,
    /// Resources that are no longer declared, which the roles revealed.
    pub(crate) undeclared: Vec<Kept>,
}

impl<'a> Scope<'a> {
    /// Observes the agent's roles.
    pub(crate) async fn of(
        placed: &'a Placed<'a>,
        project: &Project,
        world: World,
        before: Before,
    ) -> Result<Self, Failure> {
        let Placed { agent, session } = placed;
        let entry = on_disk::toolkit_file(agent)?
            .as_ref()
            .and_then(|file| file.entry(agent.runtime_name.as_str()));
        let mut unseen = before.regions;
        unseen.insert(session.region.clone());
        let roles = match world {
            World::Asked => Roles::observe(agent, session, before.roles).await?,
            World::Empty => Roles::none(agent, session),
        };
        Ok(Self {
            agent,
            session,
            roles,
            entry,
            sessions: BTreeMap::new(),
            runtimes: BTreeMap::new(),
            remembered: on_disk::remembered(project, agent, &session.account)?,
            undeclared: before.undeclared,
            unseen,
        })
    }

    /// Returns a session for each region that is new.
    pub(crate) fn unseen(&mut self) -> Vec<Session> {
        let regions = std::mem::take(&mut self.unseen).into_iter();
        regions
            .map(|region| self.session.in_region(&region))
            .collect()
    }

    /// Adds regions with their runtimes. A runtime reveals a role, and a role reveals more regions,
    /// which are taken too with `all_regions`.
    pub(crate) async fn enter(
        &mut self,
        found: Vec<(Session, Vec<NamedRuntime>)>,
        (declared, all_regions): (&Declared, bool),
    ) -> Result<(), Failure> {
        for (session, runtimes) in found {
            self.roles.follow(&runtimes).await?;
            self.runtimes.insert(session.region.clone(), runtimes);
            self.sessions.insert(session.region.clone(), session);
        }
        if all_regions {
            self.unseen = self.known_regions(declared);
            self.unseen
                .retain(|region| !self.sessions.contains_key(region));
        }
        Ok(())
    }

    fn known_regions(&self, declared: &Declared) -> BTreeSet<Region> {
        let told = self.roles.regions();
        match &self.agent.role {
            RoleSettings::Given { .. } => {
                let named = &self.remembered | &declared.regions;
                &named | &told.unwrap_or_default()
            }
            RoleSettings::Managed { .. } => told.unwrap_or_else(|| self.remembered.clone()),
        }
    }

    /// Returns the agent's repository if it has or may have one. The table of an agent that was
    /// removed does not tell. An agent that is an archive now may have been an image: then its
    /// runtime or its role still uses the repository, or one of them records it.
    pub(crate) fn repository(&self, declared: &Declared) -> Option<String> {
        let agent = self.agent;
        let name = repository::name(&agent.project, &agent.runtime_name);
        let runs = || {
            let mut runtimes = self.runtimes.values().flatten();
            runtimes.any(|runtime| {
                let tags = match &runtime.tags {
                    Tags::Known(tags) => records_repository(tags),
                    Tags::Unknown => false,
                };
                tags || runtime.repository.as_ref() == Some(&name)
            })
        };
        let reads = || {
            let whole = self.roles.configured.as_ref();
            whole.is_some_and(|whole| {
                let mut repositories = whole.role.repositories();
                records_repository(&whole.role.tags) || repositories.any(|one| one == name)
            })
        };
        let may_have =
            agent.has_image() || !declared.agents.contains(&agent.name) || runs() || reads();
        may_have.then_some(name)
    }
}

/// Returns the runtimes with this name in the session's region, with their endpoints.
pub(crate) async fn runtimes(
    session: &Session,
    name: &RuntimeName,
    lists: &Lists,
) -> Result<Vec<NamedRuntime>, Failure> {
    let runtimes = Runtimes::new(session);
    let list = lists.of(session).await?;
    let mut found = Vec::new();
    for read in read::named(session, name, &list, Wanted::Nothing).await? {
        let Read {
            state,
            tags,
            endpoints: _,
        } = read;
        let endpoints = runtimes.endpoints(&state.id).await?;
        let names = endpoints.into_iter().map(|endpoint| endpoint.name);
        found.push(NamedRuntime::of(state, tags?, names.collect()));
    }
    Ok(found)
}

/// Observes what an agent has in a region besides its runtimes and the project's bucket, which are
/// given. Also returns what is not looked at.
pub(crate) async fn region_of(
    (agent, roles): (&Agent, &Roles<'_>),
    desired: &Desired,
    session: &Session,
    runtimes: &[NamedRuntime],
    entry: Option<&Entry>,
    bucket: Option<&OwnBucket>,
) -> Result<(ObservedRegion, Vec<Kept>), Failure> {
    let region = &session.region;
    let mut kept = clean::objects_elsewhere(desired, region, runtimes, entry);
    let toolkits = match clean::repository_to_look_for(desired, region, entry) {
        Ok(name) => name,
        Err(why) => {
            kept.push(why);
            None
        }
    };
    let logs = logs::Logs::new(session);
    let log_groups = async { Ok(logs.observe(&desired.runtime).await?) };
    let builds = async {
        match &desired.repository {
            Some(_) => build_project::observe_to_clean(agent, session).await,
            None => Ok(None),
        }
    };
    let role = roles.configured.as_ref().map(|whole| &whole.role);
    let resources = &desired.declared.resources;
    let (log_groups, objects, repository, (own_repository, unknown), builds, undeclared) = tokio::try_join!(
        log_groups,
        objects(desired, session, runtimes),
        content(session, toolkits.as_deref()),
        own_repository(desired, session),
        builds,
        async { Ok(declared::undeclared(agent, session, role, resources).await) },
    )?;
    kept.extend(undeclared);
    kept.extend(objects.iter().map(|found| {
        let bucket = Subject::new("bucket", &found.object.bucket);
        Kept::fine(bucket, "it is shared with other agents")
    }));
    kept.extend(unknown);
    let there = ObservedRegion {
        runtimes: runtimes.to_vec(),
        log_groups,
        objects,
        repository,
        own_repository,
        builds,
        bucket: bucket.cloned(),
    };
    Ok((there, kept))
}

/// Observes what the toolkit has uploaded for the agent.
async fn objects(
    desired: &Desired,
    session: &Session,
    runtimes: &[NamedRuntime],
) -> Result<Vec<ObservedObject>, Failure> {
    let s3 = S3::new(session);
    let mut objects = Vec::new();
    for object in clean::objects_to_look_for(desired, &session.region, runtimes) {
        objects.extend(s3.observe(&object).await?);
    }
    Ok(objects)
}

async fn content(session: &Session, name: Option<&str>) -> Result<Option<Content>, Failure> {
    match name {
        Some(name) => Ok(Ecr::new(session).observe(name).await?),
        None => Ok(None),
    }
}

/// Observes the repository for the agent's images. A deployer of an agent that was removed may not be
/// allowed to look for one, because it never had images.
async fn own_repository(
    desired: &Desired,
    session: &Session,
) -> Result<(Option<OwnRepository>, Option<Kept>), Failure> {
    let Some(name) = &desired.repository else {
        return Ok((None, None));
    };
    let is_declared = || {
        let mut agents = desired.declared.agents.iter();
        agents.any(|agent| desired.identity.owner.is(agent))
    };
    match Ecr::new(session).observe_own(name).await {
        Err(error) if error.kind == Kind::Denied && !is_declared() => {
            let what = Subject::new("repository", name).at(&session.region);
            let denied = &error.operation;
            let why = format!("cannot check whether there is one: `{denied}` is denied");
            Ok((None, Some(Kept::fine(what, why))))
        }
        observed => Ok((observed?, None)),
    }
}
