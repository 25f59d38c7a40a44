//! An image, and the agent's repository.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Sending, Shipped, Store, StoreSteps, Then, Way, archive::how_far, live, warn_of_unknown,
};
use crate::{
    config::Agent,
    effects::{
        aws::{ecr::Ecr, registry::Registry, sent_bytes::Sent},
        clock,
    },
    engine::repository,
    error::Failure,
    names::image_uri::{self, EcrUri},
    package::{image::Image, sbom},
    project::{imaging::Made, progress::telling, sbom::Sbom, sessions::Placed},
    resources::{repository::prunable, runtime::fields::Artifact},
    text::byte_size,
    ui::Ui,
};

/// Returns how many bytes the repository lacks. A repository is only asked for its content once it
/// exists, because the deployer's policy depends on its tags.
async fn missing(image: &Image, placed: &Placed<'_>) -> Result<u64, Failure> {
    let Placed { agent: _, session } = placed;
    let name = repository::name(placed);
    if Ecr::new(session).repository(&name).await?.is_none() {
        return Ok(image.size());
    }
    let registry = Registry::open(session, &name).await?;
    Ok(registry.missing(image).await?)
}

/// An image, and how much of it the repository lacks. An error here only matters if something must
/// be sent.
pub(crate) struct Imaged {
    pub(crate) image: Arc<Image>,
    sbom: Option<Sbom>,
    missing: Result<u64, Failure>,
}

impl Imaged {
    /// Asks the repository how much of an image it lacks.
    pub(crate) async fn look(made: Made, placed: &Placed<'_>) -> Self {
        let Made { image, sbom } = made;
        let missing = missing(&image, placed).await;
        Self {
            image: Arc::new(image),
            sbom,
            missing,
        }
    }

    pub(super) fn artifact(&self, placed: &Placed<'_>) -> Artifact {
        let Placed { agent: _, session } = placed;
        Artifact::Container {
            uri: image_uri::image(
                &session.account,
                &session.region,
                &repository::name(placed),
                self.image.digest(),
            ),
        }
    }

    pub(super) fn is_missing(&self, agent: &Agent, ui: &Ui) -> bool {
        match &self.missing {
            Ok(bytes) => *bytes > 0,
            Err(error) => {
                warn_of_unknown(agent, ("image", "repository"), error, ui);
                false
            }
        }
    }

    pub(super) async fn foresee(
        &self,
        placed: &Placed<'_>,
        writes: bool,
        ui: &Ui,
    ) -> Result<Sending, Failure> {
        let sends = writes || self.is_missing(placed.agent, ui);
        let (bytes, steps) = if sends {
            // Another owner's repository explains why its content cannot be read.
            let steps = repository::steps(placed).await?;
            (Some(self.missing.clone()?), steps)
        } else {
            (None, Vec::new())
        };
        Ok(Sending {
            bytes,
            store: Some(Store {
                name: repository::name(placed),
                steps: StoreSteps::Repository(steps),
            }),
            sources: None,
        })
    }

    pub(super) async fn send(
        &self,
        placed: &Placed<'_>,
        sending: &Sending,
        ui: &Ui,
    ) -> Result<Shipped, Failure> {
        let Placed { agent, session } = placed;
        let store = sending.store.as_ref();
        if let Some(StoreSteps::Repository(steps)) = store.map(|store| &store.steps) {
            repository::prepare(placed, steps, ui).await?;
        }
        let bytes = self.missing.clone()?;
        if bytes == 0 {
            return Ok(Shipped {
                how: Way::Present,
                bytes: 0,
            });
        }
        ui.status(
            "Uploading",
            &format!(
                "agent `{}`: {} of {}",
                agent.name,
                byte_size(bytes),
                byte_size(self.image.size())
            ),
        );
        let registry = Registry::open(session, &repository::name(placed)).await?;
        let sent = Sent::default();
        let pushed = telling(
            Box::pin(registry.push(&self.image, &sent)),
            ("Uploading", &format!("agent `{}`", agent.name)),
            || Some(how_far(agent, sent.bytes(), bytes)),
            ui,
        )
        .await?;
        if let Some(sbom) = &self.sbom {
            let document = (sbom::MEDIA_TYPE, &sbom.content[..]);
            // Nothing depends on it, and not every registry accepts it.
            if let Err(why) = registry.attach(&self.image, document).await {
                let why = Failure::from(why);
                ui.detail("Skipping", &format!("the SBOM in the repository: {why}"));
            }
        }
        Ok(Shipped {
            how: Way::Pushed,
            bytes: pushed.bytes,
        })
    }

    pub(super) async fn old(
        &self,
        placed: &Placed<'_>,
        then: Then<'_>,
    ) -> Result<Vec<String>, Failure> {
        old(self.image.digest(), placed, then).await
    }
}

/// Returns the digests of the images that no version needs besides this one.
pub(super) async fn old(
    digest: &str,
    placed: &Placed<'_>,
    then: Then<'_>,
) -> Result<Vec<String>, Failure> {
    let stored = Ecr::new(&placed.session)
        .images(&repository::name(placed))
        .await?;
    let mut needed = BTreeSet::from([digest.to_owned()]);
    let now = clock::seconds();
    if prunable(&stored, &needed, now).is_empty() {
        return Ok(Vec::new());
    }
    let live = live(placed, then).await?;
    needed.extend(live.into_iter().filter_map(|artifact| match artifact {
        Artifact::Container { uri } => EcrUri::parse(&uri)?.digest,
        Artifact::Code { .. } | Artifact::Unknown => None,
    }));
    Ok(prunable(&stored, &needed, now))
}

/// Deletes images that no version needs.
pub(super) async fn prune(placed: &Placed<'_>, old: Vec<String>) -> Result<Vec<String>, Failure> {
    if !old.is_empty() {
        let name = repository::name(placed);
        Ecr::new(&placed.session).delete_images(&name, &old).await?;
    }
    Ok(old)
}
