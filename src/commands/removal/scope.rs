//! Where an agent's things are looked for, and what is there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Options, World, disk};
use crate::{
    commands::{deploy, session::Placed},
    config::{Agent, Declared, RoleSettings},
    effects::{
        aws::{Session, ecr::Ecr, iam::Iam, logs, runtime::Runtimes, s3::S3},
        manifest::Project,
    },
    error::Failure,
    names::Region,
    package::toolkit_yaml::Entry,
    plan::{
        clean::{self, Desired, Kept, ObservedRegion, OwnBucket, Subject, Weight},
        role::{ObservedRole, regions_served},
    },
};

/// An agent with its role, which says where else than here things of it are.
pub(super) struct Scope<'a> {
    pub(super) agent: &'a Agent,
    pub(super) session: &'a Session,
    pub(super) role: Option<ObservedRole>,
    pub(super) instance_profiles: Vec<String>,
    /// The toolkit's entry for the agent's runtime.
    pub(super) entry: Option<Entry>,
    /// A session for each region that is cleaned.
    pub(super) sessions: BTreeMap<Region, Session>,
    /// The regions of the account that the agent was deployed to from this folder.
    pub(super) remembered: BTreeSet<Region>,
}

impl<'a> Scope<'a> {
    /// `looked_into` are regions of an earlier look: what told of them may have gone with them.
    pub(super) async fn observe(
        placed: &'a Placed<'a>,
        (project, declared): (&Project, &Declared),
        options: Options,
        looked_into: BTreeSet<Region>,
    ) -> Result<Self, Failure> {
        let Placed { agent, session } = placed;
        let entry = disk::toolkit_file(agent)?
            .as_ref()
            .and_then(|file| file.entry(agent.runtime_name.as_str()));
        let role = match options.world {
            World::Asked => role(agent, session).await?,
            World::Empty => None,
        };
        let instance_profiles = instance_profiles(agent, role.as_ref(), session).await?;
        let remembered = deploy::remembered(project, agent, &session.account)?;
        let mut regions = looked_into;
        regions.insert(session.region.clone());
        if options.all_regions {
            regions.extend(match (&agent.role, &role) {
                (RoleSettings::Given { .. }, _) => &remembered | &declared.regions,
                (RoleSettings::Managed { .. }, Some(role)) => regions_served(role),
                (RoleSettings::Managed { .. }, None) => remembered.clone(),
            });
        }
        let session_in = |region: Region| (region.clone(), session.in_region(&region));
        Ok(Self {
            agent,
            session,
            role,
            instance_profiles,
            entry,
            sessions: regions.into_iter().map(session_in).collect(),
            remembered,
        })
    }
}

async fn role(agent: &Agent, session: &Session) -> Result<Option<ObservedRole>, Failure> {
    match &agent.role {
        RoleSettings::Given { .. } => Ok(None),
        RoleSettings::Managed { name, .. } => Ok(Iam::new(session).observe_role(name).await?),
    }
}

/// A role that stands in an instance profile cannot be deleted.
async fn instance_profiles(
    agent: &Agent,
    role: Option<&ObservedRole>,
    session: &Session,
) -> Result<Vec<String>, Failure> {
    match (&agent.role, role) {
        (RoleSettings::Managed { name, .. }, Some(_)) => {
            Ok(Iam::new(session).instance_profiles(name).await?)
        }
        _ => Ok(Vec::new()),
    }
}

pub(super) async fn region_of(
    desired: &Desired,
    session: &Session,
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
    let runtimes = Runtimes::new(session).observe(&desired.runtime).await?;
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
    Ok(ObservedRegion {
        runtimes,
        log_groups,
        objects,
        repository,
        bucket,
    })
}
