//! Builds an agent's artifact, or looks up an existing image, and asks its store what it has.

use super::{Archived, Existing, Imaged, Shipment};
use crate::{
    effects::folder::Folder,
    engine::run::Run,
    error::Failure,
    project::{
        base_image::Pin,
        building::For,
        dockerfile,
        imaging::{self, How},
        own_files::OwnFiles,
        packaging, program_archive, python_image, sbom,
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
        let Building {
            packaging: options,
            image,
        } = building;
        let (project, ui) = (run.project, run.ui);
        if let Some(image) = &agent.image {
            let existing = Existing::look(image, placed, ui).await?;
            return Ok(Self::Existing(existing));
        }
        if let Some(settings) = agent.builds_dockerfile() {
            let sources = dockerfile::sources(agent, settings, project, ui).await?;
            let builder = dockerfile::builder(agent, image.builder)?;
            let how = (builder, options);
            let building = dockerfile::build(agent, project, &sources, &output, how, ui);
            let made = Box::pin(building).await?;
            return Ok(Self::Image(Imaged::look(made, placed).await));
        }
        let purpose = if session.is_local() {
            For::ThisMachine
        } else {
            For::Service
        };
        match own {
            Some(own) if agent.has_image() => {
                let how = python_image::How {
                    options,
                    session: Some(session),
                    purpose,
                    pin: if run.changes_nothing() {
                        Pin::Show
                    } else {
                        Pin::Write
                    },
                };
                let building = python_image::build(agent, project, own, output, how, ui);
                let (made, _) = Box::pin(building).await?;
                Ok(Self::Image(Imaged::look(made, placed).await))
            }
            Some(own) => {
                let place = output.clone();
                let built = packaging::build(agent, project, own, place, options, ui).await?;
                sbom::of_python(agent, &built, None, &output)?;
                let archived = Archived::look(built.archive, placed).await;
                Ok(Self::Archive(Box::new(archived)))
            }
            None => {
                let how = How {
                    packaging: options,
                    image,
                    yes: run.yes,
                };
                let purpose = (purpose, &output);
                if !agent.has_image() {
                    let building = program_archive::build(agent, project, purpose, how, ui);
                    let (built, _) = Box::pin(building).await?;
                    let archived = Archived::look(built.archive, placed).await;
                    return Ok(Self::Archive(Box::new(archived)));
                }
                let made = imaging::build(agent, project, purpose, how, ui).await?;
                Ok(Self::Image(Imaged::look(made, placed).await))
            }
        }
    }
}
