//! What is shipped for an agent, and where: an archive in the project's bucket, an image in the
//! agent's repository, or an existing image.

pub(crate) mod archive;
pub(crate) mod build;
pub(crate) mod delivery;
pub(crate) mod existing;
mod image;
mod ordered;

use std::collections::BTreeSet;

use futures_util::future::join_all;

use self::archive::SharedBucket;
pub(crate) use self::{archive::Archived, existing::Existing, image::Imaged, ordered::Ordered};
use crate::{
    config::Agent,
    effects::aws::runtime::Runtimes,
    engine::{
        build_project::BuildWork,
        endpoint::history,
        runtime::{own::Seen, write::Outcome},
    },
    error::{Failure, Message},
    project::sessions::Placed,
    resources::{
        bucket::{self, BucketStep, Stored},
        change::{Action, Change, Step},
        endpoint,
        repository::{self, RepositoryStep},
        runtime::{
            RuntimeStep,
            fields::{Artifact, CodeObject},
            observed::DEFAULT_ENDPOINT,
        },
    },
    ui::Ui,
};

/// A finished artifact.
pub(crate) enum Shipment {
    Archive(Box<Archived>),
    Image(Imaged),
    Ordered(Box<Ordered>),
    Existing(Existing),
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shipped {
    pub(crate) how: Way,
    pub(crate) bytes: u64,
}

/// How an artifact came to its store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It was there.
    Present,
    /// The archive is made of parts that the bucket had, and of what was sent.
    Composed,
    /// The whole archive was sent.
    Whole,
    /// The layers of the image that the repository lacked were sent.
    Pushed,
    /// CodeBuild built the image.
    Built,
}

impl Way {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Composed => "composed",
            Self::Whole => "whole",
            Self::Pushed => "pushed",
            Self::Built => "built",
        }
    }
}

/// The artifact that the runtime gets.
pub(crate) struct Chosen {
    pub(crate) artifact: Artifact,
    /// The deployed archive, if it stays because it is made from the same files.
    pub(crate) kept: Option<CodeObject>,
}

/// Where artifacts are stored, and what is prepared there.
pub(crate) struct Store {
    pub(crate) name: String,
    pub(crate) steps: StoreSteps,
}

pub(crate) enum StoreSteps {
    Bucket(Vec<BucketStep>),
    Repository(Vec<RepositoryStep>),
}

impl Store {
    pub(crate) fn kind(&self) -> &'static str {
        match self.steps {
            StoreSteps::Bucket(_) => "bucket",
            StoreSteps::Repository(_) => "repository",
        }
    }

    /// Returns the changes that are worth a line.
    pub(crate) fn changes(&self) -> Vec<Change> {
        match &self.steps {
            StoreSteps::Bucket(steps) => {
                let steps = bucket::worth_saying(steps).iter();
                steps.map(|step| step.change(&self.name)).collect()
            }
            StoreSteps::Repository(steps) => {
                let steps = repository::worth_saying(steps).iter();
                steps.map(Step::change).collect()
            }
        }
    }

    /// Returns true if it does not exist yet.
    pub(crate) fn is_new(&self) -> bool {
        let creates = |change: &Change| change.action == Action::Create;
        self.changes().iter().any(creates)
    }
}

/// What sending takes.
pub(crate) struct Sending {
    /// `None` if nothing is sent, because nothing is missing.
    pub(crate) bytes: Option<u64>,
    /// `None` for an existing image, whose place is not ours.
    pub(crate) store: Option<Store>,
    /// Where the sources of a build are stored, if there is one.
    pub(crate) sources: Option<Store>,
}

impl Shipment {
    /// Returns the size in bytes; `None` for an existing image.
    pub(crate) fn size(&self) -> Option<u64> {
        match self {
            Self::Archive(archived) => Some(archived.archive.size),
            Self::Image(imaged) => Some(imaged.image.size()),
            Self::Ordered(ordered) => ordered.size(),
            Self::Existing(_) => None,
        }
    }

    /// Equal IDs mean equal bytes.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Archive(archived) => &archived.archive.id,
            Self::Image(imaged) => imaged.image.digest(),
            Self::Ordered(ordered) => ordered.id(),
            Self::Existing(existing) => existing.image.digest(),
        }
    }

    /// Chooses the artifact: what was built, or what is deployed and made from the same files.
    pub(crate) async fn choose(
        &self,
        placed: &Placed<'_>,
        seen: Option<&Seen>,
    ) -> Result<Chosen, Failure> {
        match self {
            Self::Archive(archived) => archived.choose(placed, seen).await,
            Self::Image(imaged) => Ok(Chosen {
                artifact: imaged.artifact(placed),
                kept: None,
            }),
            Self::Ordered(ordered) => Ok(Chosen {
                artifact: ordered.artifact(placed),
                kept: None,
            }),
            Self::Existing(existing) => Ok(Chosen {
                artifact: existing.artifact(),
                kept: None,
            }),
        }
    }

    /// Returns what sending takes. `writes` is true if the runtime is changed, `kept` if the deployed
    /// archive stays.
    pub(crate) async fn foresee(
        &self,
        placed: &Placed<'_>,
        (writes, kept): (bool, bool),
        bucket: &SharedBucket<'_>,
        ui: &Ui,
    ) -> Result<Sending, Failure> {
        match self {
            Self::Archive(archived) => archived.foresee(placed, (writes, kept), bucket, ui).await,
            Self::Image(imaged) => imaged.foresee(placed, writes, ui).await,
            Self::Ordered(ordered) => ordered.foresee(placed, writes, bucket).await,
            Self::Existing(_) => Ok(Existing::foresee(writes)),
        }
    }

    /// Prepares the store, and sends what it lacks. Returns `None` for an existing image.
    pub(crate) async fn send(
        &self,
        placed: &Placed<'_>,
        (sending, bucket): (&Sending, &SharedBucket<'_>),
        build: Option<&BuildWork>,
        ui: &Ui,
    ) -> Result<Option<Shipped>, Failure> {
        let shipped = match self {
            Self::Archive(archived) => Box::pin(archived.send(placed, bucket, ui)).await?,
            Self::Image(imaged) => Box::pin(imaged.send(placed, sending, ui)).await?,
            Self::Ordered(ordered) => {
                let place = (sending, bucket);
                Box::pin(ordered.send(placed, place, build, ui)).await?
            }
            Self::Existing(_) => return Ok(None),
        };
        Ok(Some(shipped))
    }

    /// Returns the names of the old artifacts that a run deletes when the runtime is as given. A
    /// failure is only a warning.
    pub(crate) async fn old(&self, placed: &Placed<'_>, then: Then<'_>, ui: &Ui) -> Vec<String> {
        let old = match self {
            Self::Archive(archived) => archived.old(placed, then).await.map(keys),
            Self::Image(imaged) => imaged.old(placed, then).await,
            Self::Ordered(ordered) => ordered.old(placed, then).await,
            Self::Existing(_) => return Vec::new(),
        };
        let (kind, store) = (self.kind(), self.store());
        or_warn(
            old,
            || format!("cannot look for old {kind}s in the {store}"),
            ui,
        )
    }

    /// Deletes old artifacts, and returns their names. A failure is only a warning.
    pub(crate) async fn prune(
        &self,
        placed: &Placed<'_>,
        outcome: &Outcome,
        ui: &Ui,
    ) -> Vec<String> {
        let then = Then::now(&outcome.state.id);
        let pruned = match self {
            Self::Archive(archived) => archived.prune(placed, then).await.map(keys),
            Self::Image(imaged) => match imaged.old(placed, then).await {
                Ok(old) => image::prune(placed, old).await,
                Err(why) => Err(why),
            },
            Self::Ordered(ordered) => match ordered.old(placed, then).await {
                Ok(old) => image::prune(placed, old).await,
                Err(why) => Err(why),
            },
            Self::Existing(_) => return Vec::new(),
        };
        let (kind, store) = (self.kind(), self.store());
        let what = || format!("old {kind}s could not be removed from the {store}");
        or_warn(pruned, what, ui)
    }

    /// Names the kind of artifact in messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Archive(_) => "archive",
            Self::Image(_) | Self::Ordered(_) | Self::Existing(_) => "image",
        }
    }

    /// Names the kind of store in messages.
    pub(crate) fn store(&self) -> &'static str {
        match self {
            Self::Archive(_) => "bucket",
            Self::Image(_) | Self::Ordered(_) | Self::Existing(_) => "repository",
        }
    }
}

/// Reports that it is unknown whether the store still has an artifact. Missing permission to look
/// is not an error.
fn warn_of_unknown(agent: &Agent, (what, store): (&str, &str), why: &Failure, ui: &Ui) {
    let name = &agent.name;
    ui.warning(
        &Message::new(format!(
            "cannot check whether the {what} of `{name}` is still in the {store}"
        ))
        .note(why.to_string()),
    );
}

fn or_warn(
    names: Result<Vec<String>, Failure>,
    what: impl FnOnce() -> String,
    ui: &Ui,
) -> Vec<String> {
    names.unwrap_or_else(|failure| {
        ui.warning(&Message::new(what()).note(failure.to_string()));
        Vec::new()
    })
}

fn keys(objects: Vec<Stored>) -> Vec<String> {
    objects.into_iter().map(|object| object.key).collect()
}

/// The runtime when old artifacts are deleted, which is after everything else.
#[derive(Clone, Copy)]
pub(crate) struct Then<'a> {
    /// `None` if the runtime does not exist yet.
    id: Option<&'a str>,
    ahead: Ahead,
}

/// What a run does before it deletes old artifacts, and has not done yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ahead {
    Nothing,
    Upload,
    UploadAndVersion,
}

impl<'a> Then<'a> {
    /// Everything else is done.
    fn now(id: &'a str) -> Self {
        Self {
            id: Some(id),
            ahead: Ahead::Nothing,
        }
    }

    /// The artifact will be uploaded, and the runtime changed in these steps.
    pub(crate) fn after(seen: Option<&'a Seen>, steps: &[RuntimeStep]) -> Self {
        let creates = |step: &RuntimeStep| matches!(step, RuntimeStep::Create { .. });
        let updates = |step: &RuntimeStep| matches!(step, RuntimeStep::Update { .. });
        let id = seen.map(|seen| seen.observed.state.id.as_str());
        Self {
            id: id.filter(|_| !steps.iter().any(creates)),
            ahead: if steps.iter().any(updates) {
                Ahead::UploadAndVersion
            } else {
                Ahead::Upload
            },
        }
    }
}

/// Returns the artifacts of the versions that endpoints have or would return to, because it is not
/// documented whether the service keeps a copy for a rollback.
async fn live(placed: &Placed<'_>, then: Then<'_>) -> Result<Vec<Artifact>, Failure> {
    let Then { id, ahead } = then;
    let Some(id) = id else {
        return Ok(Vec::new());
    };
    let runtimes = Runtimes::new(&placed.session);
    let (endpoints, mut versions) =
        tokio::try_join!(runtimes.read_endpoints(id), runtimes.versions(id))?;
    let with_history = endpoints.into_iter().map(async |endpoint| {
        let history = match endpoint.name.as_str() {
            // It always follows the newest version.
            DEFAULT_ENDPOINT => None,
            _ => history(&runtimes, &endpoint).await,
        };
        (endpoint, history.unwrap_or_default())
    });
    let mut endpoints = join_all(with_history).await;
    if ahead == Ahead::UploadAndVersion {
        endpoint::update(&mut endpoints, &mut versions);
    }
    let needed: BTreeSet<u32> = endpoint::needed(&endpoints, &versions);
    let mut artifacts = Vec::new();
    for version in needed {
        if let Some(state) = runtimes.read(id, Some(version)).await? {
            artifacts.push(state.fields.artifact);
        }
    }
    Ok(artifacts)
}
