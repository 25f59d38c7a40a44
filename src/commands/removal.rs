//! What `clean` takes away of one agent: observed, planned, deleted.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::session::Placed;
use crate::{
    config::{Agent, RoleSettings},
    effects::{
        aws::{
            AwsError, Kind, Session,
            ecr::Ecr,
            iam::Iam,
            logs,
            runtime::{Presence, Runtimes},
            s3::S3,
        },
        clock, files,
    },
    error::{Exit, Failure},
    names::Region,
    package::toolkit_yaml::{self, Entry, Shortened, ToolkitFile},
    plan::{
        clean::{
            self, CleanPlan, CleanStep, Desired, Kept, Logs, Observed, ObservedRegion, RoleRemoval,
            Trust, Weight,
        },
        files::{self as file_plan, FilePlan},
        ownership::Identity,
        retry,
        role::{ObservedRole, regions_served},
    },
    ui::Ui,
};

#[derive(Debug, Clone, Copy)]
pub(super) struct Options {
    pub(super) logs: Logs,
    pub(super) yaml: Trust,
    pub(super) all_regions: bool,
}

/// One agent's part.
pub(super) struct Removal<'a> {
    agent: &'a Agent,
    /// A session for each region that is cleaned.
    sessions: BTreeMap<Region, Session>,
    plan: CleanPlan,
    copy: FilePlan,
    kept: Vec<Kept>,
}

impl<'a> Removal<'a> {
    /// Looks at AWS and at the disk, and decides; deletes nothing.
    pub(super) async fn observe(placed: &'a Placed<'a>, options: Options) -> Result<Self, Failure> {
        let Placed { agent, session } = placed;
        let toolkit = toolkit_file(agent)?;
        let entry = toolkit
            .as_ref()
            .and_then(|file| file.entry(agent.runtime_name.as_str()));
        let role = role(agent, session).await?;
        let instance_profiles = instance_profiles(agent, role.as_ref(), session).await?;
        let sessions = sessions(session, role.as_ref(), options.all_regions);
        let desired = Desired {
            identity: Identity::of(agent),
            runtime: agent.runtime_name.clone(),
            role: agent.role.clone(),
            partition: session.partition,
            account: session.account.clone(),
            regions: sessions.keys().cloned().collect::<BTreeSet<_>>(),
            logs: options.logs,
            yaml: options.yaml,
        };
        let mut kept = Vec::new();
        let mut regions = BTreeMap::new();
        for (region, session) in &sessions {
            regions.insert(
                region.clone(),
                region_of(&desired, session, entry.as_ref(), &mut kept).await?,
            );
        }
        let plan = clean::plan(
            &desired,
            &Observed {
                role,
                instance_profiles,
                regions,
                entry,
            },
        );
        kept.extend(plan.kept.iter().cloned());
        let copy = copied_sources(agent, &plan, &mut kept)?;
        Ok(Self {
            agent,
            sessions,
            plan,
            copy,
            kept,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words().is_empty()
    }

    /// Every deletion, in words that promise nothing.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self
            .plan
            .steps
            .iter()
            .map(|step| {
                let (_, verb, object) = step.words();
                format!("{verb} {object}")
            })
            .collect();
        if !self.copy.steps.is_empty() || self.copy.record_changes {
            words.push(format!(
                "remove the copied sources `{}`",
                self.copied().display()
            ));
        }
        if self.plan.entry_goes {
            words.push(format!(
                "remove the entry `{}` of `{}`",
                self.agent.runtime_name,
                self.yaml().display()
            ));
        }
        words
    }

    pub(super) fn kept(&self) -> &[Kept] {
        &self.kept
    }

    fn copied(&self) -> PathBuf {
        self.agent
            .dir
            .join(&self.agent.deployment)
            .join(self.agent.name.as_str())
    }

    fn yaml(&self) -> PathBuf {
        self.agent.dir.join(toolkit_yaml::FILE)
    }

    /// Deletes in order: what is on disk goes last, because it says what was on AWS.
    pub(super) async fn apply(&self, ui: &Ui) -> Result<(), Failure> {
        for step in &self.plan.steps {
            let (verb, _, object) = step.words();
            ui.status(verb, &object);
            self.step(step, ui).await?;
        }
        if !self.copy.steps.is_empty() || self.copy.record_changes {
            ui.status(
                "Removing",
                &format!("the copied sources `{}`", self.copied().display()),
            );
            files::apply(
                &self.agent.dir.join(&self.agent.deployment),
                &self.copy,
                &BTreeMap::new(),
            )?;
        }
        if self.plan.entry_goes {
            self.forget(ui)?;
        }
        Ok(())
    }

    async fn step(&self, step: &CleanStep, ui: &Ui) -> Result<(), Failure> {
        match step {
            CleanStep::TagLogGroup {
                region,
                name,
                arn,
                tags,
            } => Ok(logs::Logs::new(self.session(region))
                .tag(name, arn, tags)
                .await?),
            CleanStep::DeleteEndpoint {
                region,
                runtime,
                endpoint,
            } => {
                let runtimes = Runtimes::new(self.session(region));
                take_down(
                    &format!("endpoint `{endpoint}` of runtime `{runtime}`"),
                    async || runtimes.delete_endpoint(runtime, endpoint).await,
                    async || runtimes.endpoint_presence(runtime, endpoint).await,
                    ui,
                )
                .await
            }
            CleanStep::DeleteRuntime { region, runtime } => {
                let runtimes = Runtimes::new(self.session(region));
                take_down(
                    &format!("runtime `{runtime}`"),
                    async || runtimes.delete(runtime).await,
                    async || runtimes.presence(runtime).await,
                    ui,
                )
                .await
            }
            CleanStep::DeleteImages {
                region,
                repository,
                digests,
            } => Ok(Ecr::new(self.session(region))
                .delete_images(repository, digests)
                .await?),
            CleanStep::DeleteRepository { region, repository } => {
                Ok(Ecr::new(self.session(region)).delete(repository).await?)
            }
            CleanStep::DeleteObject {
                region,
                object,
                versions,
            } => Ok(S3::new(self.session(region))
                .delete(object, versions)
                .await?),
            CleanStep::DeleteLogGroup { region, name } => {
                Ok(logs::Logs::new(self.session(region)).delete(name).await?)
            }
            CleanStep::Role(removal) => self.role(removal).await,
        }
    }

    async fn role(&self, removal: &RoleRemoval) -> Result<(), Failure> {
        let session = self
            .sessions
            .values()
            .next()
            .expect("at least one region is cleaned");
        Ok(Iam::new(session).take_away(removal).await?)
    }

    fn session(&self, region: &Region) -> &Session {
        &self.sessions[region]
    }

    /// Takes the agent out of the toolkit's file, and its cache away.
    fn forget(&self, ui: &Ui) -> Result<(), Failure> {
        // Read again: another agent's entry may have gone from the same file a moment ago.
        let Some(file) = toolkit_file(self.agent)? else {
            return Ok(());
        };
        let name = self.agent.runtime_name.as_str();
        let yaml = self.yaml();
        ui.status(
            "Removing",
            &format!("the entry `{name}` of `{}`", yaml.display()),
        );
        let cache = self.agent.dir.join(toolkit_yaml::CACHE);
        files::remove_tree(&cache.join(name))?;
        files::remove_empty_dir(&cache)?;
        match file.without(name) {
            Shortened::Nothing => files::remove_file(&yaml)?,
            Shortened::Text(text) => {
                files::write_atomic(&yaml, &self.agent.dir, text.as_bytes(), false)?;
            }
        }
        Ok(())
    }
}

fn toolkit_file(agent: &Agent) -> Result<Option<ToolkitFile>, Failure> {
    let path = agent.dir.join(toolkit_yaml::FILE);
    let Some(text) = files::read_text(&path)? else {
        return Ok(None);
    };
    let file = ToolkitFile::parse(&path, &text).map_err(|message| Failure {
        exit: Exit::Config,
        messages: vec![message],
    })?;
    Ok(Some(file))
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

/// The session's own region, and with `--all-regions` those that the role serves.
fn sessions(
    session: &Session,
    role: Option<&ObservedRole>,
    all: bool,
) -> BTreeMap<Region, Session> {
    let served = role.filter(|_| all).map(regions_served).unwrap_or_default();
    served
        .into_iter()
        .chain([session.region.clone()])
        .map(|region| (region.clone(), session.in_region(&region)))
        .collect()
}

async fn region_of(
    desired: &Desired,
    session: &Session,
    entry: Option<&Entry>,
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
    for object in clean::objects_to_look_for(desired, region, &runtimes, entry) {
        if let Some(found) = s3.observe(&object).await? {
            kept.push(Kept {
                what: format!("bucket `{}`", found.object.bucket),
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
    })
}

fn copied_sources(
    agent: &Agent,
    plan: &CleanPlan,
    kept: &mut Vec<Kept>,
) -> Result<FilePlan, Failure> {
    let deployment = agent.dir.join(&agent.deployment);
    let observed = files::observe_copy(&deployment, agent.name.as_str())?;
    if !plan.copy_goes {
        if !observed.record.files.is_empty() {
            kept.push(Kept {
                what: format!(
                    "copied sources `{}`",
                    deployment.join(agent.name.as_str()).display()
                ),
                why: "other regions are still served from them".to_owned(),
                weight: Weight::Fine,
            });
        }
        return Ok(FilePlan::default());
    }
    let removal = file_plan::plan_removal(&observed.files, &observed.record);
    kept.extend(removal.kept.iter().map(|path| Kept {
        what: format!("`{}`", deployment.join(path).display()),
        why: "it was edited by hand, or not copied by this tool".to_owned(),
        weight: Weight::Fine,
    }));
    Ok(removal)
}

/// Deletes and waits until it is gone. What is on its way out already, from an earlier run, is only
/// waited for: the service refuses to delete it twice.
async fn take_down(
    what: &str,
    delete: impl AsyncFn() -> Result<(), AwsError>,
    look: impl AsyncFn() -> Result<Presence, AwsError>,
    ui: &Ui,
) -> Result<(), Failure> {
    if !look().await?.is_going() {
        match delete().await {
            Err(error) if error.kind == Kind::Conflict && look().await?.is_going() => {}
            other => other?,
        }
    }
    gone(what, look, ui).await
}

/// Waits until something that is being deleted is gone, and says now and then that it does.
async fn gone<E: Into<Failure>>(
    what: &str,
    look: impl AsyncFn() -> Result<Presence, E>,
    ui: &Ui,
) -> Result<(), Failure> {
    let start = clock::now();
    let mut said = 0;
    for attempt in 1.. {
        let waited = start.elapsed();
        match look().await.map_err(Into::into)? {
            Presence::Gone => return Ok(()),
            Presence::There { status, failure } if status == "DELETE_FAILED" => {
                let failed = Failure::world(format!("{what} could not be deleted"));
                return Err(match failure {
                    Some(reason) => failed.note(reason),
                    None => failed,
                });
            }
            Presence::There { status, .. } if waited > retry::DELETION => {
                return Err(Failure::world(format!(
                    "{what} is still {status} after {} minutes",
                    waited.as_secs() / 60
                )));
            }
            Presence::There { status, .. } => {
                if waited.as_secs() >= said {
                    said = waited.as_secs() + 10;
                    let limit = retry::DELETION.as_secs() / 60;
                    ui.status(
                        "Waiting",
                        &format!(
                            "for {what} to go ({status}, {} s of at most {limit} min)",
                            waited.as_secs()
                        ),
                    );
                }
            }
        }
        clock::sleep(retry::look(attempt, clock::jitter())).await;
    }
    unreachable!("the loop ends by itself")
}
