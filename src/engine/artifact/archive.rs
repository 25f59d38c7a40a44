//! An archive, and the project's bucket.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
};

use futures_util::{
    FutureExt as _,
    future::{LocalBoxFuture, Shared},
};

use super::{
    Ahead, Chosen, Sending, Shipped, Store as Place, StoreSteps, Then, Way, live, warn_of_unknown,
};
use crate::{
    config::Agent,
    effects::{
        aws::{
            AwsError,
            store::{How, Store, Uploaded},
        },
        clock, packaging,
    },
    engine::runtime::own::{Seen, own_bucket},
    error::{Failure, Message},
    package::archive::Archive,
    project::{
        progress::{HowFar, telling},
        sessions::Placed,
    },
    resources::{
        bucket::{self, BucketStep, Held, Stored, Upload},
        runtime::{
            self as plan,
            fields::{Artifact, CodeObject},
        },
    },
    text::byte_size,
    ui::{Part, Ui},
};

/// An archive, and the parts of it that the bucket already has. An error here only matters if
/// something must be sent.
pub(crate) struct Archived {
    pub(crate) archive: Archive,
    pub(crate) held: Result<Held, AwsError>,
}

impl Archived {
    /// Asks the bucket which parts of an archive it has.
    pub(crate) async fn look(archive: Archive, placed: &Placed<'_>) -> Self {
        let Placed { agent, session } = placed;
        let store = Store::new(session, &agent.project);
        let held = store.held(&agent.runtime_name, &archive).await;
        Self { archive, held }
    }

    pub(super) async fn choose(
        &self,
        placed: &Placed<'_>,
        seen: Option<&Seen>,
    ) -> Result<Chosen, Failure> {
        let Placed { agent, session: _ } = placed;
        let archive = &self.archive;
        let kept = kept(placed, archive, seen).await;
        let ours = || CodeObject {
            bucket: own_bucket(placed),
            key: bucket::archive_key(&agent.runtime_name, archive),
            version: None,
        };
        let names: BTreeSet<String> = packaging::entries(&archive.path)?
            .into_iter()
            .map(|entry| entry.path)
            .collect();
        Ok(Chosen {
            artifact: Artifact::Code {
                object: Some(kept.clone().unwrap_or_else(ours)),
                runtime: agent.runtime.service_name().to_owned(),
                entry_point: plan::entry_point(agent, &names),
            },
            kept,
        })
    }

    /// Returns the upload that is needed even for an unchanged runtime, because its archive is no
    /// longer in the bucket.
    fn missing(&self, agent: &Agent, ui: &Ui) -> Option<Upload> {
        match &self.held {
            Ok(held) => {
                Some(Upload::of(&self.archive, held)).filter(|upload| *upload != Upload::Nothing)
            }
            Err(error) => {
                let why = error.clone().into();
                warn_of_unknown(agent, ("archive", "bucket"), &why, ui);
                None
            }
        }
    }

    pub(super) async fn foresee(
        &self,
        placed: &Placed<'_>,
        (writes, kept): (bool, bool),
        bucket: &SharedBucket<'_>,
        ui: &Ui,
    ) -> Result<Sending, Failure> {
        let archive = &self.archive;
        let (bytes, steps) = if kept {
            (writes.then_some(0), Vec::new())
        } else if writes {
            // Another owner's bucket explains why its content cannot be read.
            let steps = bucket.steps.clone().await?;
            let held = self.held.clone()?;
            (Some(Upload::of(archive, &held).bytes(archive)), steps)
        } else {
            match self.missing(placed.agent, ui) {
                Some(upload) => (Some(upload.bytes(archive)), bucket.steps.clone().await?),
                None => (None, Vec::new()),
            }
        };
        Ok(Sending {
            bytes,
            store: Some(Place {
                name: own_bucket(placed),
                steps: StoreSteps::Bucket(steps),
            }),
            sources: None,
        })
    }

    pub(super) async fn send(
        &self,
        placed: &Placed<'_>,
        bucket: &SharedBucket<'_>,
        ui: &Ui,
    ) -> Result<Shipped, Failure> {
        let uploaded = self.upload(placed, bucket, ui).await?;
        Ok(Shipped {
            how: match uploaded.how {
                How::Present => Way::Present,
                How::Composed => Way::Composed,
                How::Whole | How::WholeAfter(_) => Way::Whole,
            },
            bytes: uploaded.sent_bytes,
        })
    }

    async fn upload(
        &self,
        placed: &Placed<'_>,
        bucket: &SharedBucket<'_>,
        ui: &Ui,
    ) -> Result<Uploaded, Failure> {
        let Placed { agent, session } = placed;
        let store = Store::new(session, &agent.project);
        bucket.made.clone().await?;
        let held = self.held.clone()?;
        let bytes = Upload::of(&self.archive, &held).bytes(&self.archive);
        if bytes > 0 {
            ui.status(
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
            || Some(how_far(agent, sent.load(Ordering::Relaxed), bytes)),
            ui,
        )
        .await?;
        if let How::WholeAfter(why) = &uploaded.how {
            ui.warning(
                &Message::new(format!(
                    "the archive of `{}` was uploaded in full",
                    agent.name
                ))
                .note(why.clone()),
            );
        }
        Ok(uploaded)
    }

    /// Returns the archives that no version needs.
    pub(super) async fn old(
        &self,
        placed: &Placed<'_>,
        then: Then<'_>,
    ) -> Result<Vec<Stored>, Failure> {
        let Placed { agent, session } = placed;
        let store = Store::new(session, &agent.project);
        let name = &agent.runtime_name;
        let mut stored = store.list(&bucket::prefix(name)).await?;
        let now = clock::seconds();
        if then.ahead != Ahead::Nothing {
            let held = self.held.clone()?;
            for key in Upload::of(&self.archive, &held).keys(name, &self.archive) {
                stored.retain(|object| object.key != key);
                stored.push(Stored {
                    key,
                    modified: now,
                    versions: Vec::new(),
                });
            }
        }
        let mut needed = BTreeSet::from([
            bucket::archive_key(name, &self.archive),
            bucket::dependencies_key(name, &self.archive.dependencies),
        ]);
        if bucket::prunable(name, &stored, &needed, now).is_empty() {
            return Ok(Vec::new());
        }
        let live = live(placed, then).await?;
        needed.extend(live.into_iter().filter_map(|artifact| match artifact {
            Artifact::Code { object, .. } => Some(object?.key),
            Artifact::Container { .. } | Artifact::Unknown => None,
        }));
        let old = bucket::prunable(name, &stored, &needed, now);
        Ok(old.into_iter().cloned().collect())
    }

    pub(super) async fn prune(
        &self,
        placed: &Placed<'_>,
        then: Then<'_>,
    ) -> Result<Vec<Stored>, Failure> {
        let Placed { agent, session } = placed;
        let old = self.old(placed, then).await?;
        if !old.is_empty() {
            let store = Store::new(session, &agent.project);
            store.delete(&old.iter().collect::<Vec<_>>()).await?;
        }
        Ok(old)
    }
}

/// Returns the progress of an upload.
pub(super) fn how_far(agent: &Agent, sent: u64, bytes: u64) -> HowFar {
    HowFar {
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

/// A bucket that agents of a run share: the first agent that needs it has it observed, and prepared.
pub(crate) struct SharedBucket<'a> {
    /// The steps that prepare it.
    steps: Shared<LocalBoxFuture<'a, Result<Vec<BucketStep>, Failure>>>,
    /// Completes when the steps are carried out.
    made: Shared<LocalBoxFuture<'a, Result<(), Failure>>>,
}

impl SharedBucket<'_> {
    /// Returns the steps that prepare it.
    pub(super) async fn steps(&self) -> Result<Vec<BucketStep>, Failure> {
        self.steps.clone().await
    }

    pub(super) async fn prepare(&self) -> Result<(), Failure> {
        self.made.clone().await
    }
}

/// Returns the buckets of the agents by name.
pub(crate) fn buckets<'a>(
    placed: &'a [Placed<'a>],
    ui: &'a Ui,
) -> BTreeMap<String, SharedBucket<'a>> {
    let bucket = |one: &'a Placed<'a>| {
        let Placed { agent, session } = one;
        let name = own_bucket(one);
        let tags = tags(placed, &name);
        let store = || Store::new(session, &agent.project);
        let (asked, written) = (store(), store());
        let planning = async move { asked.bucket_steps(&tags).await };
        let steps = planning.boxed_local().shared();
        let planned = steps.clone();
        let making = async move { make(&written, &planned.await?, ui).await };
        let made = making.boxed_local().shared();
        (name, SharedBucket { steps, made })
    };
    placed.iter().map(bucket).collect()
}

/// Prepares the bucket, and reports the steps.
async fn make(store: &Store, steps: &[BucketStep], ui: &Ui) -> Result<(), Failure> {
    store.prepare_bucket(steps).await?;
    for step in bucket::worth_saying(steps) {
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
fn tags(placed: &[Placed<'_>], name: &str) -> BTreeMap<String, String> {
    placed
        .iter()
        .filter(|placed| own_bucket(placed) == name)
        .flat_map(|placed| placed.agent.shared_tags.clone())
        .collect()
}
