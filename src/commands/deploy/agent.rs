//! Delivers one agent's archive: uploads it, updates the runtime, and deletes old archives.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use futures_util::future::{LocalBoxFuture, Shared};
use serde_json::Value;

use super::{Work, smoke::Smoke};
use crate::{
    config::{Agent, settings::key_of},
    effects::{
        aws::{
            AwsError,
            store::{How, Store, Uploaded},
        },
        folder::FolderFile,
        packaging,
    },
    engine::{
        callers,
        role::RoleWork,
        runtime::{
            own::{Seen, own_bucket},
            write::{Did, Outcome, Rollout},
        },
    },
    error::{Failure, Message},
    package::archive::Archive,
    project::{
        progress::{HowFar, telling},
        sessions::Placed,
    },
    resources::{
        bucket::{self, BucketStep, Held, Upload},
        callers::{CallersPlan, CallersStep},
        ownership::Identity,
        role::{Adopt, RoleStep},
        runtime::{
            self as plan, DesiredRuntime, RuntimeStep,
            fields::{Artifact, Circumstances, CodeObject, RuntimeFields},
            observed,
        },
    },
    text::byte_size,
    ui::{Part, Ui},
};

/// Completes when the bucket is ready; the first agent of a run prepares it.
pub(crate) type BucketMade<'a> = Shared<LocalBoxFuture<'a, Result<(), Failure>>>;

/// What to deliver, and where.
pub(crate) struct Delivery<'a, 'run> {
    pub(crate) placed: &'a Placed<'a>,
    pub(crate) role: &'a RoleWork,
    pub(crate) role_arn: String,
    pub(crate) archive: Archive,
    /// The parts of the archive that the bucket already has.
    pub(crate) held: Result<Held, AwsError>,
    /// The copied files, for the report.
    pub(crate) files: Value,
    pub(crate) memory: FolderFile,
    pub(crate) bucket: BucketMade<'run>,
    pub(crate) callers: CallersPlan,
    pub(crate) adopt: Adopt,
    pub(crate) started: Instant,
    pub(crate) ui: &'a Ui,
}

/// The result of a delivery.
pub(crate) struct Done {
    pub(crate) agent: String,
    pub(crate) stage: Option<String>,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) role_arn: String,
    pub(crate) role_steps: Vec<RoleStep>,
    pub(crate) files: Value,
    pub(crate) desired: DesiredRuntime,
    pub(crate) size: u64,
    pub(crate) archive_id: String,
    pub(crate) callers: Vec<CallersStep>,
    pub(crate) outcome: Outcome,
    /// `None` if both the bucket and the runtime already have the archive.
    pub(crate) uploaded: Option<Uploaded>,
    pub(crate) pruned: Vec<String>,
    /// The result of the smoke call, if one was made.
    pub(crate) smoked: Option<Result<(), Failure>>,
    /// When the run began to look at the agent.
    pub(crate) started: Instant,
}

/// What a real run would do, as far as it is known.
pub(crate) struct Foreseen {
    pub(crate) desired: DesiredRuntime,
    pub(crate) steps: Vec<RuntimeStep>,
    pub(crate) size: u64,
    /// How many bytes would be sent if the runtime would be changed or its archive is missing.
    pub(crate) sending: Option<u64>,
    /// The project's bucket and the steps to prepare it.
    pub(crate) bucket: (String, Vec<BucketStep>),
}

/// Returns all environment variables of the runtime.
pub(crate) fn variables(placed: &Placed<'_>) -> BTreeMap<String, String> {
    let mut variables = plan::own_variables(&placed.session.region);
    variables.extend(placed.agent.env.clone());
    variables
}

pub(crate) fn desired(
    placed: &Placed<'_>,
    role_arn: &str,
    archive: &Archive,
    kept: Option<&CodeObject>,
) -> Result<DesiredRuntime, Failure> {
    let Placed { agent, session } = placed;
    let ours = || CodeObject {
        bucket: own_bucket(placed),
        key: bucket::archive_key(&agent.runtime_name, archive),
        version: None,
    };
    let names: BTreeSet<String> = packaging::entries(&archive.path)?
        .into_iter()
        .map(|entry| entry.path)
        .collect();
    let artifact = Artifact::Code {
        object: Some(kept.cloned().unwrap_or_else(ours)),
        runtime: agent.runtime.service_name().to_owned(),
        entry_point: plan::entry_point(agent, &names),
    };
    let mut fields = RuntimeFields::wanted(
        agent,
        Circumstances {
            role_arn: role_arn.to_owned(),
            artifact,
            env: plan::own_variables(&session.region),
        },
    );
    let capabilities = session.capabilities();
    fields.settings.retain(|place| capabilities.keeps(place));
    Ok(DesiredRuntime {
        name: agent.runtime_name.clone(),
        identity: Identity::of(agent),
        tags: agent.tags.clone(),
        fields,
        has_callers: capabilities.resource_policies && !agent.callers.is_empty(),
    })
}

/// Notes the settings that the local AgentCore does not keep.
pub(crate) fn note_not_kept(placed: &Placed<'_>, ui: &Ui) {
    let capabilities = placed.session.capabilities();
    let settings = placed.agent.settings.iter();
    let mut keys: Vec<String> = settings
        .filter(|(place, _)| !capabilities.keeps(place))
        .map(|(place, _)| format!("`{}`", key_of(place)))
        .collect();
    keys.dedup();
    if !capabilities.resource_policies && !placed.agent.callers.is_empty() {
        keys.push("`callers`".to_owned());
    }
    if !keys.is_empty() {
        ui.note(&format!(
            "the local AgentCore ignores {} of agent `{}`",
            keys.join(", "),
            placed.agent.name
        ));
    }
}

/// Returns the deployed archive if it is still in the bucket and made from the same files as this
/// one. A different result of another machine's Python does not justify a new version.
async fn kept(placed: &Placed<'_>, archive: &Archive, seen: Option<&Seen>) -> Option<CodeObject> {
    let Placed { agent, session } = placed;
    let Artifact::Code {
        object: Some(there),
        ..
    } = &seen?.observed.state.fields.artifact
    else {
        return None;
    };
    let runtime = &agent.runtime_name;
    let is_another = there.key != bucket::archive_key(runtime, archive);
    if !is_another
        || there.bucket != own_bucket(placed)
        || !bucket::stays(&there.key, runtime, archive)
    {
        return None;
    }
    let store = Store::new(session, &agent.project);
    let is_there = matches!(store.put_at(&there.key).await, Ok(Some(_)));
    is_there.then(|| there.clone())
}

fn writes(steps: &[RuntimeStep]) -> bool {
    steps.iter().any(|step| {
        matches!(
            step,
            RuntimeStep::Create { .. } | RuntimeStep::Update { .. }
        )
    })
}

/// Plans like a real run, from the same observation.
pub(crate) async fn foresee(
    work: &Work<'_>,
    archive: &Archive,
    bucket_tags: &BTreeMap<String, String>,
    ui: &Ui,
) -> Result<Foreseen, Failure> {
    let Placed { agent, session } = work.placed;
    let role_arn = observed::role_arn(&agent.role, session.partition, &session.account);
    let kept = kept(work.placed, archive, work.seen.as_ref()).await;
    let desired = desired(work.placed, &role_arn, archive, kept.as_ref())?;
    let steps = plan::plan(&desired, work.seen.as_ref().map(|seen| &seen.observed))?;
    let store = Store::new(session, &agent.project);
    let held = store.held(&agent.runtime_name, archive);
    let (sending, bucket_steps) = if kept.is_some() {
        (writes(&steps).then_some(0), Vec::new())
    } else if writes(&steps) {
        let held = async { Ok(held.await?) };
        let (held, steps) = tokio::try_join!(held, store.bucket_steps(bucket_tags))?;
        (Some(Upload::of(archive, &held).bytes(archive)), steps)
    } else {
        match missing(agent, archive, &held.await, ui) {
            Some(upload) => {
                let steps = store.bucket_steps(bucket_tags).await?;
                (Some(upload.bytes(archive)), steps)
            }
            None => (None, Vec::new()),
        }
    };
    Ok(Foreseen {
        desired,
        steps,
        size: archive.size,
        sending,
        bucket: (store.bucket().to_owned(), bucket_steps),
    })
}

/// Returns the upload that is needed even for an unchanged runtime, because its archive is no
/// longer in the bucket. Missing permission to look is not an error.
fn missing(
    agent: &Agent,
    archive: &Archive,
    held: &Result<Held, AwsError>,
    ui: &Ui,
) -> Option<Upload> {
    match held {
        Ok(held) => Some(Upload::of(archive, held)).filter(|upload| *upload != Upload::Nothing),
        Err(error) => {
            let name = &agent.name;
            ui.warning(
                &Message::new(format!(
                    "cannot check whether the archive of `{name}` is still in the bucket"
                ))
                .note(Failure::from(error.clone()).to_string()),
            );
            None
        }
    }
}

/// Prepares the bucket, and reports the steps.
pub(crate) async fn make_bucket(
    store: &Store,
    tags: &BTreeMap<String, String>,
    ui: &Ui,
) -> Result<(), Failure> {
    let steps = store.ensure_bucket(tags).await?;
    for step in bucket::worth_saying(&steps) {
        let change = step.change(store.bucket());
        let verb = match step {
            BucketStep::Create => "Created",
            _ => change.action.doing(),
        };
        ui.status(verb, &change.object);
    }
    Ok(())
}

/// Returns the tags of a bucket: those that its agents' tables declare for all resources. If tables
/// differ, the last agent's value is used.
pub(crate) fn bucket_tags(placed: &[Placed<'_>], name: &str) -> BTreeMap<String, String> {
    placed
        .iter()
        .filter(|placed| own_bucket(placed) == name)
        .flat_map(|placed| placed.agent.shared_tags.clone())
        .collect()
}

impl Delivery<'_, '_> {
    pub(crate) async fn run(
        self,
        seen: Option<Seen>,
        smoke: Option<&Smoke>,
    ) -> Result<Done, Failure> {
        let Placed { agent, session } = self.placed;
        let kept = kept(self.placed, &self.archive, seen.as_ref()).await;
        let desired = desired(self.placed, &self.role_arn, &self.archive, kept.as_ref())?;
        if kept.is_some() {
            self.ui.note(&format!(
                "the deployed archive of `{}` contains the same files and is kept; only the bytecode differs, because another Python compiled it",
                agent.name
            ));
        }
        if seen.is_none() {
            self.notice_absence()?;
        }
        let steps = plan::plan(&desired, seen.as_ref().map(|seen| &seen.observed))?;
        let sends = kept.is_none()
            && (writes(&steps) || missing(agent, &self.archive, &self.held, self.ui).is_some());
        let uploaded = if sends {
            Some(Box::pin(self.upload()).await?)
        } else {
            None
        };
        let rollout = Rollout {
            placed: self.placed,
            desired: &desired,
            role_was_written: !self.role.steps().is_empty(),
            ui: self.ui,
        };
        callers::withdraw(self.placed, &self.callers, self.ui).await?;
        let outcome = Box::pin(rollout.run(seen)).await?;
        let granted = Box::pin(callers::grant(
            self.placed,
            &outcome.state,
            self.adopt,
            self.ui,
        ))
        .await?;
        self.say(&outcome, uploaded.as_ref());
        self.remember(&outcome)?;
        let smoked = match smoke {
            Some(smoke) => Some(smoke.call(self.placed, &outcome, self.ui).await),
            None => None,
        };
        let pruned = match &uploaded {
            Some(_) => self.prune(&outcome).await,
            None => Vec::new(),
        };
        Ok(Done {
            agent: agent.name.to_string(),
            stage: agent.stage.as_ref().map(ToString::to_string),
            account: session.account.to_string(),
            region: session.region.to_string(),
            role_steps: self.role.steps().to_vec(),
            role_arn: self.role_arn,
            files: self.files,
            desired,
            size: self.archive.size,
            archive_id: self.archive.id,
            callers: self.callers.carried_out(granted),
            outcome,
            uploaded,
            pruned,
            smoked,
            started: self.started,
        })
    }

    async fn upload(&self) -> Result<Uploaded, Failure> {
        let Placed { agent, session } = self.placed;
        let store = Store::new(session, &agent.project);
        self.bucket.clone().await?;
        let held = self.held.clone()?;
        let bytes = Upload::of(&self.archive, &held).bytes(&self.archive);
        if bytes > 0 {
            self.ui.status(
                "Uploading",
                &format!(
                    "agent `{}`: {} of {}",
                    agent.name,
                    byte_size(bytes),
                    byte_size(self.archive.size)
                ),
            );
        }
        let sent = AtomicU64::new(0);
        let count = |bytes| {
            sent.fetch_add(bytes, Ordering::Relaxed);
        };
        let uploaded = telling(
            Box::pin(store.put(&agent.runtime_name, &self.archive, &held, &count)),
            ("Uploading", &format!("agent `{}`", agent.name)),
            || {
                let sent = sent.load(Ordering::Relaxed);
                Some(HowFar {
                    verb: "Uploading",
                    words: format!(
                        "agent `{}`: {} of {}",
                        agent.name,
                        byte_size(sent),
                        byte_size(bytes)
                    ),
                    part: (bytes > 0).then_some(Part {
                        done: sent,
                        of: bytes,
                    }),
                })
            },
            self.ui,
        )
        .await?;
        if let How::WholeAfter(why) = &uploaded.how {
            self.ui.warning(
                &Message::new(format!(
                    "the archive of `{}` was uploaded in full",
                    agent.name
                ))
                .note(why.clone()),
            );
        }
        Ok(uploaded)
    }

    fn say(&self, outcome: &Outcome, uploaded: Option<&Uploaded>) {
        let state = &outcome.state;
        let (verb, more) = match (outcome.did, uploaded) {
            (Did::Created, _) => ("Created", "READY"),
            (Did::Updated, _) => ("Updated", "READY"),
            (Did::Tagged, None) => ("Tagged", "nothing else differs; nothing was uploaded"),
            (Did::Tagged, Some(_)) => ("Tagged", "and its archive is in the bucket again"),
            (Did::Nothing, None) => ("Unchanged", "up to date"),
            (Did::Nothing, Some(_)) => (
                "Restored",
                "its archive is in the bucket again; nothing was updated",
            ),
        };
        self.ui.status(
            verb,
            &format!(
                "agent `{}`: runtime `{}`, version {}, {more}",
                self.placed.agent.name, state.id, state.version
            ),
        );
    }

    /// Reports a runtime that this project deployed and that no longer exists.
    fn notice_absence(&self) -> Result<(), Failure> {
        if let Some(id) = self.memory.read_text()? {
            self.ui.note(&format!(
                "the runtime `{}` of agent `{}` no longer exists; it is created again",
                id.trim(),
                self.placed.agent.name
            ));
        }
        Ok(())
    }

    fn remember(&self, outcome: &Outcome) -> Result<(), Failure> {
        let line = format!("{}\n", outcome.state.id);
        if self.memory.read_text()?.as_deref() == Some(&line) {
            return Ok(());
        }
        Ok(self.memory.write(line.as_bytes())?)
    }
}
