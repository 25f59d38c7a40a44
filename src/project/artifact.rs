//! What is shipped for an agent, built from its files: an archive or an image.

use std::path::PathBuf;

use super::{
    base_image::Pin,
    building::For,
    dockerfile,
    imaging::{self, Made},
    last_image::LastImage,
    own_files::OwnFiles,
    packaging, program_archive, python_image,
    sbom::{self, Sbom},
};
use crate::{
    config::Agent,
    effects::{aws::Session, folder::Folder, manifest::Project, packaging::Built},
    error::Failure,
    package::image::layout,
    ui::Ui,
};

/// Where and for what an artifact is built.
#[derive(Clone, Copy)]
pub(crate) struct How<'a> {
    pub(crate) options: imaging::How<'a>,
    pub(crate) purpose: For,
    /// Gives access to base images in the agent's account.
    pub(crate) session: Option<&'a Session>,
    pub(crate) pin: Pin,
}

/// A finished artifact.
pub(crate) enum Artifact {
    /// There is no bill of materials for a program that was built elsewhere.
    Archive { built: Built, sbom: Option<Sbom> },
    Image {
        made: Made,
        /// What the image of a Python agent is made from.
        archive: Option<Built>,
        /// The folder with the image, if it is written already.
        folder: Option<PathBuf>,
    },
}

/// Builds the artifact in the folder `output`. `own` is `None` for an agent whose sources are not
/// shipped.
pub(crate) async fn build(
    agent: &Agent,
    project: &Project,
    (own, output): (Option<&OwnFiles>, &Folder),
    how: How<'_>,
    ui: &Ui,
) -> Result<Artifact, Failure> {
    let How {
        options,
        purpose,
        session,
        pin,
    } = how;
    if let Some(settings) = agent.builds_dockerfile() {
        let sources = dockerfile::sources(agent, settings, project, ui).await?;
        let builder = dockerfile::builder(agent, options.image.builder())?;
        let how = (builder, options.packaging);
        let building = dockerfile::build(agent, project, &sources, output, how, ui);
        return Ok(Artifact::Image {
            made: Box::pin(building).await?,
            archive: None,
            folder: Some(output.join(layout::FOLDER).path()),
        });
    }
    let place = output.clone();
    let to = (purpose, output);
    Ok(match (own, agent.has_image()) {
        (Some(own), true) => {
            let how = python_image::How {
                options: options.packaging,
                session,
                purpose,
                pin,
            };
            let building = python_image::build(agent, project, own, place, how, ui);
            let (made, built) = Box::pin(building).await?;
            Artifact::Image {
                made,
                archive: Some(built),
                folder: None,
            }
        }
        (Some(own), false) => {
            let building = packaging::build(agent, project, own, place, options.packaging, ui);
            let built = building.await?;
            let sbom = sbom::of_python(agent, &built, None, output)?;
            Artifact::Archive {
                built,
                sbom: Some(sbom),
            }
        }
        (None, true) => {
            let made = imaging::build(agent, project, to, options, ui).await?;
            let last = LastImage {
                digest: made.image.digest().to_owned(),
                python: None,
            };
            last.record(output)?;
            Artifact::Image {
                made,
                archive: None,
                folder: None,
            }
        }
        (None, false) => {
            let building = program_archive::build(agent, project, to, options, ui);
            let (built, sbom) = Box::pin(building).await?;
            Artifact::Archive { built, sbom }
        }
    })
}
