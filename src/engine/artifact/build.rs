//! Builds an agent's artifact, or looks up an existing image, and asks its store what it has.

use super::{Archived, Existing, Imaged, Ordered, Shipment};
use crate::{
    effects::folder::Folder,
    engine::run::Run,
    error::Failure,
    project::{
        artifact::{self, Artifact, How},
        base_image::Pin,
        building::For,
        dockerfile, imaging,
        own_files::OwnFiles,
        packaging,
        sessions::Placed,
    },
};

/// How artifacts are built.
#[derive(Clone, Copy)]
pub(crate) struct Building<'a> {
    pub(crate) packaging: &'a packaging::Options,
    pub(crate) image: &'a imaging::Options,
}

impl Shipment {
    /// Builds the artifact in `output`, and asks the store what it has of it.
    pub(crate) async fn build(
        placed: &Placed<'_>,
        own: Option<&OwnFiles>,
        output: Folder,
        (building, run): (Building<'_>, &Run<'_>),
    ) -> Result<Self, Failure> {
        let Placed { agent, session } = placed;
        let Building { packaging, image } = building;
        if let Some(image) = &agent.image {
            let existing = Existing::look(image, placed, run.ui).await?;
            return Ok(Self::Existing(existing));
        }
        if let Some(settings) = agent.builds_dockerfile()
            && image.builder().is_none()
        {
            let sources = dockerfile::sources(agent, settings, run.project, run.ui).await?;
            let ordered = Ordered::look(sources, output, placed, packaging.rebuild).await?;
            return Ok(Self::Ordered(Box::new(ordered)));
        }
        let how = How {
            options: imaging::How {
                packaging,
                image,
                yes: run.yes,
            },
            purpose: if session.capabilities().arm_machines {
                For::Service
            } else {
                For::ThisMachine
            },
            session: Some(session),
            pin: if run.changes_nothing() {
                Pin::Show
            } else {
                Pin::Write
            },
        };
        let building = artifact::build(agent, run.project, (own, &output), how, run.ui);
        Ok(match Box::pin(building).await? {
            Artifact::Archive { built, sbom: _ } => {
                let archived = Archived::look(built.archive, placed).await;
                Self::Archive(Box::new(archived))
            }
            Artifact::Image {
                made,
                archive: _,
                folder: _,
            } => Self::Image(Imaged::look(made, placed).await),
        })
    }
}
