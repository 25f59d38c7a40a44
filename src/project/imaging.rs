//! Builds an agent's image for every command that needs one.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use crate::{
    config::Agent,
    effects::{
        self, files,
        folder::{Folder, Mode},
        manifest::Project,
    },
    error::{Exit, Failure},
    package::{
        cargo::binary::{self, Origin},
        elf,
        image::{Image, agent, builder::Builder, layout},
    },
    project::{
        building::{self, CargoOptions, For, RUST},
        packaging,
        sbom::{self, Sbom},
    },
    text::byte_size,
    ui::Ui,
};

/// How an image is built.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub(crate) struct Options {
    /// Use this program instead of building one with cargo; it must be a static one for 64-bit ARM
    /// Linux
    #[arg(
        long,
        value_name = "FILE",
        help_heading = RUST,
        conflicts_with_all = ["features", "jobs", "cargo_profile"]
    )]
    binary: Option<PathBuf>,
    /// What builds the image of a Dockerfile: AWS CodeBuild, or a program on this machine
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "BUILDER",
        env = "CARGO_AGENTCORE_BUILDER"
    )]
    builder: BuildWith,
    #[command(flatten)]
    cargo: CargoOptions,
}

/// What builds the image of a Dockerfile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum BuildWith {
    /// AWS CodeBuild, on 64-bit ARM
    #[default]
    Codebuild,
    Docker,
    Podman,
    Buildah,
}

impl Options {
    /// Returns the program on this machine that builds images; `None` for CodeBuild.
    pub(crate) fn builder(&self) -> Option<Builder> {
        match self.builder {
            BuildWith::Codebuild => None,
            BuildWith::Docker => Some(Builder::Docker),
            BuildWith::Podman => Some(Builder::Podman),
            BuildWith::Buildah => Some(Builder::Buildah),
        }
    }

    /// Returns where the agent's program comes from.
    pub(crate) fn origin(&self) -> Origin {
        match self.binary {
            Some(_) => Origin::Given,
            None => Origin::Built,
        }
    }

    /// Refuses one program for several agents, and options for cargo if it builds none of them.
    pub(crate) fn check(&self, agents: &[Agent]) -> Result<(), Failure> {
        let is_built = |agent: &Agent| agent.rust().is_some() && agent.dockerfile.is_none();
        if let (Some(option), false) = (self.cargo.first(), agents.iter().any(is_built)) {
            return Err(Failure::usage(format!(
                "`{option}` is for Rust agents that cargo builds, and no such agent is selected"
            )));
        }
        let Some(binary) = &self.binary else {
            return Ok(());
        };
        let refused = |what: String| Err(Failure::usage(format!("`--binary` {what}")));
        match agents {
            [agent] if agent.dockerfile.is_some() => refused(format!(
                "has no effect on `{}`, whose image is built from a Dockerfile",
                agent.name
            )),
            [agent] if agent.rust().is_some() => Ok(()),
            [agent] => refused(format!(
                "is for a Rust agent, and `{}` is written in Python",
                agent.name
            )),
            _ => refused(format!(
                "gives one program (`{}`), but {} agents are selected",
                binary.display(),
                agents.len()
            ))
            .map_err(|failure| failure.help("select one with `--agent`")),
        }
    }
}

/// The options of a command that builds an image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How<'a> {
    pub(crate) packaging: &'a packaging::Options,
    pub(crate) image: &'a Options,
    /// Don't ask before a download.
    pub(crate) yes: bool,
}

/// An image, and what it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) image: Image,
    /// `None` for a program that was built elsewhere, or for this machine.
    pub(crate) sbom: Option<Sbom>,
}

/// Returns the agent's program: a given one, or one that is built with the packages that it is made
/// of.
pub(crate) async fn program(
    agent: &Agent,
    project: &Project,
    purpose: For,
    how: How<'_>,
    ui: &Ui,
) -> Result<(PathBuf, BTreeSet<String>), Failure> {
    if let Some(binary) = &how.image.binary {
        return Ok((binary.clone(), BTreeSet::new()));
    }
    let options = how.packaging.building(how.image.cargo.clone(), how.yes);
    let built = building::build(agent, project, purpose, &options, ui).await?;
    Ok((built.path, built.packages))
}

/// Builds the agent's program unless one is given, and the image around it. What belongs to the
/// image is written into the folder `output`.
pub(crate) async fn build(
    agent: &Agent,
    project: &Project,
    (purpose, output): (For, &Folder),
    how: How<'_>,
    ui: &Ui,
) -> Result<Made, Failure> {
    let (path, packages) = program(agent, project, purpose, how, ui).await?;
    let name = agent.name.to_string();
    ui.detail("Packaging", &format!("agent `{name}`"));
    let (owned, origin) = (agent.clone(), how.image.origin());
    let (image, size) = effects::runtime::aside(
        move |_: &(dyn Fn(()) + Sync)| -> Result<(Image, usize), Failure> {
            let program: Arc<[u8]> = files::read_bytes(&path)?.into();
            let shown = path.display().to_string();
            if purpose == For::Service {
                check(&shown, &program, ("image", origin))?;
            }
            let size = program.len();
            let image = agent::image(&owned, program).map_err(|error| {
                Failure::config(format!("`{shown}` cannot be put into an image"))
                    .note(error.to_string())
            })?;
            Ok((image, size))
        },
        |()| {},
    )
    .await?;
    within_limit(&image)?;
    ui.status(
        "Packaged",
        &format!(
            "`{name}`: image of {} with a program of {}",
            byte_size(image.size()),
            byte_size(size as u64),
        ),
    );
    let sbom = (!packages.is_empty()).then(|| sbom::of_rust(agent, &packages, output));
    Ok(Made {
        image,
        sbom: sbom.transpose()?,
    })
}

/// Refuses an image that is too large for the service.
pub(crate) fn within_limit(image: &Image) -> Result<(), Failure> {
    image.exceeded().map_or(Ok(()), |message| {
        Err(Failure {
            exit: Exit::Config,
            messages: vec![message],
        })
    })
}

/// Refuses a program that the service cannot run in an image or archive that contains nothing else.
pub(crate) fn check(
    shown: &str,
    program: &[u8],
    (artifact, origin): (&str, Origin),
) -> Result<(), Failure> {
    binary::check(shown, program, origin)?;
    match elf::loader(program) {
        None => Ok(()),
        Some(loader) => Err(Failure::config(format!(
            "`{shown}` is loaded by `{loader}`, and the {artifact} contains only the program"
        ))
        .help("build it for `aarch64-unknown-linux-musl`, which makes it static")),
    }
}

/// Writes an image as files that other tools read ("OCI image layout"), and returns their folder.
/// Replaces an earlier image.
pub(crate) fn write(image: &Image, output: &Folder) -> Result<PathBuf, Failure> {
    let folder = output.join(layout::FOLDER);
    folder.remove_whole()?;
    folder.create()?;
    for (path, content) in layout::files(image) {
        folder.write_below(&path, &content, Mode::Plain)?;
    }
    for layer in image.stored() {
        let path = layout::path(&layer.digest);
        if !folder.link_below(&path, &layer.path) {
            let content = files::read_bytes(&layer.path)?;
            folder.write_below(&path, &content, Mode::Plain)?;
        }
    }
    Ok(folder.path())
}
