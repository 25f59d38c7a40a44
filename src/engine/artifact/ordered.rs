//! An image that CodeBuild builds from the user's Dockerfile. Its digest is only known afterwards.

use std::sync::OnceLock;

use super::{Sending, Shipped, Store, StoreSteps, Then, Way, archive::SharedBucket, image};
use crate::{
    effects::{aws::ecr::Ecr, folder::Folder},
    engine::{
        build_project::{self, BuildWork, Order},
        repository,
        runtime::own::own_bucket,
    },
    error::{Exit, Failure},
    names::image_uri,
    package::{build_context::Kind, image::exceeded},
    project::{dockerfile::Sources, sessions::Placed},
    resources::{repository::StoredImage, runtime::fields::Artifact},
    ui::Ui,
};

/// Sources, and the image that was built from them, if there is one.
pub(crate) struct Ordered {
    sources: Sources,
    output: Folder,
    anew: bool,
    image: OnceLock<StoredImage>,
}

impl Ordered {
    /// Looks for an image that was built from the same sources.
    pub(crate) async fn look(
        sources: Sources,
        output: Folder,
        placed: &Placed<'_>,
        anew: bool,
    ) -> Result<Self, Failure> {
        let image = OnceLock::new();
        // A repository is only asked for its content once it exists, because the deployer's policy
        // depends on its tags.
        let name = repository::name(placed);
        let ecr = Ecr::new(&placed.session);
        if !anew
            && ecr.repository(&name).await?.is_some()
            && let Some(found) = build_project::find(placed, &sources.digest).await?
        {
            let _ = image.set(found);
        }
        Ok(Self {
            sources,
            output,
            anew,
            image,
        })
    }

    /// Returns true if the image must be built first.
    pub(super) fn is_unbuilt(&self) -> bool {
        self.image.get().is_none()
    }

    pub(crate) fn size(&self) -> Option<u64> {
        self.image.get().map(|image| image.bytes)
    }

    /// Returns the digest of the image, once it is known.
    pub(crate) fn id(&self) -> &str {
        self.image.get().map_or("", |image| image.digest.as_str())
    }

    /// Returns how many files the Dockerfile can copy, and their size.
    pub(super) fn context(&self) -> (usize, u64) {
        let entries = self.sources.context.entries.iter();
        let sizes = entries.filter_map(|entry| match entry.kind {
            Kind::File { bytes, .. } => Some(bytes),
            Kind::Folder | Kind::Link(_) => None,
        });
        sizes.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes))
    }

    pub(super) fn artifact(&self, placed: &Placed<'_>) -> Artifact {
        let Placed { agent: _, session } = placed;
        let name = repository::name(placed);
        let uri = match self.image.get() {
            Some(image) => {
                image_uri::image(&session.account, &session.region, &name, &image.digest)
            }
            None => {
                let host = image_uri::host(&session.account, &session.region);
                format!("{host}/{name} (known after it is built)")
            }
        };
        Artifact::Container { uri }
    }

    pub(super) async fn foresee(
        &self,
        placed: &Placed<'_>,
        writes: bool,
        bucket: &SharedBucket<'_>,
    ) -> Result<Sending, Failure> {
        let is_unbuilt = self.is_unbuilt();
        let steps = if writes || is_unbuilt {
            repository::steps(placed).await?
        } else {
            Vec::new()
        };
        let sources = if is_unbuilt {
            Some(Store {
                name: own_bucket(placed),
                steps: StoreSteps::Bucket(bucket.steps().await?),
            })
        } else {
            None
        };
        Ok(Sending {
            bytes: if is_unbuilt {
                Some(self.context().1)
            } else {
                writes.then_some(0)
            },
            store: Some(Store {
                name: repository::name(placed),
                steps: StoreSteps::Repository(steps),
            }),
            sources,
        })
    }

    /// Has the image built unless that was done before.
    pub(super) async fn send(
        &self,
        placed: &Placed<'_>,
        (sending, bucket): (&Sending, &SharedBucket<'_>),
        work: Option<&BuildWork>,
        ui: &Ui,
    ) -> Result<Shipped, Failure> {
        let store = sending.store.as_ref();
        if let Some(StoreSteps::Repository(steps)) = store.map(|store| &store.steps) {
            repository::prepare(placed, steps, ui).await?;
        }
        if !self.is_unbuilt() {
            build_project::tidy(placed, &self.sources.digest, ui).await;
            return Ok(Shipped {
                how: Way::Present,
                bytes: 0,
            });
        }
        bucket.prepare().await?;
        let order = Order {
            sources: &self.sources,
            output: &self.output,
            anew: self.anew,
            role_was_written: work.is_some_and(|work| !work.role_steps().is_empty()),
        };
        let ended = Box::pin(build_project::build(placed, order, ui)).await?;
        if let Some(message) = exceeded(ended.image.bytes) {
            return Err(Failure {
                exit: Exit::Config,
                messages: vec![message],
            });
        }
        let _ = self.image.set(ended.image);
        Ok(Shipped {
            how: Way::Built,
            bytes: ended.sent,
        })
    }

    pub(super) async fn old(
        &self,
        placed: &Placed<'_>,
        then: Then<'_>,
    ) -> Result<Vec<String>, Failure> {
        image::old(self.id(), placed, then).await
    }
}
