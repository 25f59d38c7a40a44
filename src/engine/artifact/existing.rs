//! An existing image, which is deployed as it is: nothing is built, sent or deleted.

use super::Sending;
use crate::{
    config::Agent,
    effects::aws::{Kind, ecr::Ecr},
    error::Failure,
    names::image_uri::ImageUri,
    project::sessions::Placed,
    resources::runtime::fields::Artifact,
    ui::Ui,
};

/// An existing image that is there, as far as the deployer may look.
pub(crate) struct Existing {
    pub(crate) image: ImageUri,
}

/// Makes the selected agent run from the image. Refuses one image for several agents.
pub(crate) fn choose(image: Option<&ImageUri>, agents: &mut [Agent]) -> Result<(), Failure> {
    let Some(image) = image else {
        return Ok(());
    };
    let count = agents.len();
    match agents {
        [agent] => {
            agent.run_from(image.clone());
            Ok(())
        }
        _ => Err(Failure::usage(format!(
            "`--image` gives one image, but {count} agents are selected"
        ))
        .help("select one with `--agent`")),
    }
}

/// Refuses an image that AgentCore does not read for the agent: it only reads registries of the
/// agent's own region, and its role is only allowed to read those of its own account.
pub(crate) fn check(placed: &[Placed<'_>]) -> Result<(), Failure> {
    for placed in placed {
        if let Some(image) = &placed.agent.image {
            check_place(image, placed)?;
        }
    }
    Ok(())
}

fn check_place(image: &ImageUri, placed: &Placed<'_>) -> Result<(), Failure> {
    let Placed { agent, session } = placed;
    let refused =
        |what: String| Failure::usage(format!("`--image`: {what}")).note(image.as_str().to_owned());
    let name = &agent.name;
    let Some(private) = image.private() else {
        return if session.capabilities().public_images {
            Ok(())
        } else {
            let what = "the local AgentCore only runs images of its own registry";
            Err(refused(what.to_owned()))
        };
    };
    if private.account != session.account {
        return Err(refused(format!(
            "the image is in account {}, but agent `{name}` is deployed to account {}",
            private.account, session.account
        ))
        .help("copy the image to a repository of that account"));
    }
    if private.region != session.region {
        return Err(refused(format!(
            "the image is in {}, but agent `{name}` is deployed to {}",
            private.region, session.region
        ))
        .note("AgentCore reads images from the agent's region only")
        .help("copy the image to a repository in that region"));
    }
    Ok(())
}

impl Existing {
    /// Checks that the repository has the image. The deployer may not be allowed to look, and a
    /// public registry is not asked.
    pub(crate) async fn look(
        image: &ImageUri,
        placed: &Placed<'_>,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        if let Some(private) = image.private() {
            let name = &private.repository;
            match Ecr::new(&placed.session)
                .has_image(name, image.digest())
                .await
            {
                Ok(true) => {}
                Ok(false) => {
                    return Err(Failure::world(format!(
                        "there is no image `{}` in repository `{name}`",
                        image.digest()
                    ))
                    .help("push the image first; `docker push` and `skopeo copy --digestfile FILE` tell its digest"));
                }
                Err(error) if error.kind == Kind::Denied => ui.note(&format!(
                    "cannot check whether repository `{name}` has the image: `{}` is denied",
                    error.operation
                )),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self {
            image: image.clone(),
        })
    }

    pub(super) fn artifact(&self) -> Artifact {
        Artifact::Container {
            uri: self.image.as_str().to_owned(),
        }
    }

    pub(super) fn foresee(writes: bool) -> Sending {
        Sending {
            bytes: writes.then_some(0),
            store: None,
            sources: None,
        }
    }
}
