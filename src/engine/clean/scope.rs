//! Where an agent's resources are searched, and what exists there.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Options, World,
    roles::{Roles, Traces},
};
use crate::{
    config::{Agent, Declared, RoleSettings},
    effects::{
        aws::{Kind, Session, ecr::Ecr, logs, runtime::Runtimes, s3::S3},
        manifest::Project,
    },
    engine::runtime::read::{self, Endpoint, Read},
    error::Failure,
    names::{Region, RuntimeName},
    package::toolkit_yaml::Entry,
    project::{on_disk, sessions::Placed},
    resources::{
        change::Subject,
        clean::{
            self, Desired, Kept, ObservedRegion, ObservedRuntime, OwnBucket, OwnRepository, Tags,
            Weight,
        },
        repository,
        runtime::replacement::records_repository,
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
    pub(crate) runtimes: BTreeMap<Region, Vec<ObservedRuntime>>,
    /// The regions of this account that the agent was deployed to from this folder.
    pub(crate) remembered: BTreeSet<Region>,
}

/// The result of an earlier observation, because its sources may be deleted by now.
#[derive(Default)]
pub(crate) struct Before {
    pub(crate) regions: BTreeSet<Region>,
    pub(crate) roles: Traces,
}

impl<'a> Scope<'a> {
    pub(crate) async fn observe(
        placed: &'a Placed<'a>,
        (project, declared): (&Project, &Declared),
        options: Options,
        before: Before,
    ) -> Result<Self, Failure> {
        let Placed { agent, session } = placed;
        let entry = on_disk::toolkit_file(agent)?
            .as_ref()
            .and_then(|file| file.entry(agent.runtime_name.as_str()));
        let roles = match options.world {
            World::Asked => Roles::observe(agent, session, before.roles).await?,
            World::Empty => Roles::none(agent, session),
        };
        let mut scope = Self {
            agent,
            session,
            roles,
            entry,
            sessions: BTreeMap::new(),
            runtimes: BTreeMap::new(),
            remembered: on_disk::remembered(project, agent, &session.account)?,
        };
        let mut regions = before.regions;
        regions.insert(session.region.clone());
        // A runtime reveals a role, and a role reveals more regions.
        while let Some(region) = regions.pop_first() {
            scope.enter(region, options.world).await?;
            if options.all_regions {
                regions.extend(scope.known_regions(declared));
                regions.retain(|region| !scope.sessions.contains_key(region));
            }
        }
        Ok(scope)
    }

    async fn enter(&mut self, region: Region, world: World) -> Result<(), Failure> {
        let session = self.session.in_region(&region);
        if world == World::Asked {
            let runtimes = runtimes(&session, &self.agent.runtime_name).await?;
            self.roles.follow(&runtimes).await?;
            self.runtimes.insert(region.clone(), runtimes);
        }
        self.sessions.insert(region, session);
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
}

impl Scope<'_> {
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
            let role = self.roles.configured.as_ref();
            role.is_some_and(|role| {
                let mut repositories = role.repositories();
                records_repository(&role.tags) || repositories.any(|one| one == name)
            })
        };
        let may_have =
            agent.has_image() || !declared.agents.contains(&agent.name) || runs() || reads();
        may_have.then_some(name)
    }
}

/// Returns the runtimes with this name in the session's region, with their endpoints.
async fn runtimes(session: &Session, name: &RuntimeName) -> Result<Vec<ObservedRuntime>, Failure> {
    let runtimes = Runtimes::new(session);
    let list = runtimes.list().await?;
    let mut found = Vec::new();
    for read in read::named(session, name, &list, Endpoint::Skipped).await? {
        let Read {
            state,
            tags,
            endpoint: _,
        } = read;
        let endpoints = runtimes.endpoints(&state.id).await?;
        let names = endpoints.into_iter().map(|endpoint| endpoint.name);
        found.push(ObservedRuntime::of(state, tags, names.collect()));
    }
    Ok(found)
}

pub(crate) async fn region_of(
    desired: &Desired,
    session: &Session,
    runtimes: Vec<ObservedRuntime>,
    entry: Option<&Entry>,
    bucket: Option<OwnBucket>,
    kept: &mut Vec<Kept>,
) -> Result<ObservedRegion, Failure> {
    let region = &session.region;
    let repository = match clean::repository_to_look_for(desired, region, entry) {
        Ok(name) => name,
        Err(why) => {
            kept.push(why);
            None
        }
    };
    let log_groups = logs::Logs::new(session).observe(&desired.runtime).await?;
    let s3 = S3::new(session);
    let mut objects = Vec::new();
    kept.extend(clean::objects_elsewhere(desired, region, &runtimes, entry));
    for object in clean::objects_to_look_for(desired, region, &runtimes) {
        if let Some(found) = s3.observe(&object).await? {
            kept.push(Kept {
                what: Subject::new("bucket", &found.object.bucket),
                why: "it is shared with other agents".to_owned(),
                weight: Weight::Fine,
            });
            objects.push(found);
        }
    }
    let repository = match repository {
        Some(name) => Ecr::new(session).observe(&name).await?,
        None => None,
    };
    let own_repository = match &desired.repository {
        Some(name) => own_repository(desired, session, name, kept).await?,
        None => None,
    };
    Ok(ObservedRegion {
        runtimes,
        log_groups,
        objects,
        repository,
        own_repository,
        bucket,
    })
}

/// Observes the repository for the agent's images. A deployer of an agent that was removed may not be
/// allowed to look for one, because it never had images.
async fn own_repository(
    desired: &Desired,
    session: &Session,
    name: &str,
    kept: &mut Vec<Kept>,
) -> Result<Option<OwnRepository>, Failure> {
    match Ecr::new(session).observe_own(name).await {
        Err(error)
            if error.kind == Kind::Denied
                && !desired
                    .declared
                    .agents
                    .iter()
                    .any(|agent| desired.identity.owner.is(agent)) =>
        {
            kept.push(Kept {
                what: Subject::new("repository", name).at(&session.region),
                why: format!(
                    "cannot check whether there is one: `{}` is denied",
                    error.operation
                ),
                weight: Weight::Fine,
            });
            Ok(None)
        }
        observed => Ok(observed?),
    }
}
