//! Builds the image of a Python agent: its archive's files on a base image.

use super::{
    base_image::{self, Pin},
    building::For,
    imaging::{Made, within_limit},
    last_image::{LastImage, MadeFrom},
    own_files::OwnFiles,
    packaging::{self, Options},
    sbom,
};
use crate::{
    config::Agent,
    effects::{self, aws::Session, folder::Folder, manifest::Project, packaging::Built},
    error::Failure,
    package::image::{
        Image,
        python::{self, Contents},
    },
    resources::runtime::entry_point,
    text::byte_size,
    ui::Ui,
};

/// Where and for what an image is built.
#[derive(Clone, Copy)]
pub(crate) struct How<'a> {
    pub(crate) options: &'a Options,
    /// Gives access to base images in the agent's account.
    pub(crate) session: Option<&'a Session>,
    pub(crate) purpose: For,
    pub(crate) pin: Pin,
}

/// Builds the agent's archive in the folder `output`, and the image from it.
pub(crate) async fn build(
    agent: &Agent,
    project: &Project,
    own: &OwnFiles,
    output: Folder,
    how: How<'_>,
    ui: &Ui,
) -> Result<(Made, Built), Failure> {
    let How {
        options,
        session,
        purpose,
        pin,
    } = how;
    let pulled = match purpose {
        For::Service => Some(base_image::pull(agent, session, (options.sources, pin), ui).await?),
        // This machine cannot run an image without a container engine.
        For::ThisMachine => None,
    };
    let (base, reference) = pulled.unzip();
    let built = packaging::build(agent, project, own, output.clone(), options, ui).await?;
    let name = &agent.name;
    let (owned, archive, size) = (
        agent.clone(),
        built.archive.clone(),
        base.as_ref().map(python::Base::size),
    );
    let working = ui.working("Packaging", &format!("agent `{name}`"));
    let image = effects::runtime::aside(
        move |_: &(dyn Fn(()) + Sync)| -> Result<Image, Failure> {
            let layers = effects::packaging::image_layers(&archive)?;
            let contents = Contents {
                entry_point: entry_point(&owned, &layers.names),
                packages: layers.packages,
                own: layers.own,
            };
            Ok(match &base {
                Some(base) => python::image(&owned, base, contents),
                None => python::local_image(&owned, contents),
            })
        },
        |()| {},
    )
    .await?;
    drop(working);
    within_limit(&image)?;
    let whole = byte_size(image.size());
    match size {
        Some(base) => ui.status(
            "Packaged",
            &format!(
                "`{name}`: image of {whole}, including a base image of {}",
                byte_size(base)
            ),
        ),
        None => ui.note(&format!(
            "`{name}` runs with this machine's own Python here, not in its base image"
        )),
    }
    let last = LastImage {
        digest: image.digest().to_owned(),
        python: Some(MadeFrom {
            archive: built.archive.id.clone(),
            base: reference.as_ref().map(ToString::to_string),
        }),
    };
    last.record(&output)?;
    let sbom = Some(sbom::of_python(agent, &built, reference.as_ref(), &output)?);
    Ok((Made { image, sbom }, built))
}
