//! Builds the image of the user's Dockerfile with a program on this machine.

use serde_json::json;

use crate::{
    config::{Agent, Dockerfile},
    effects::{
        self,
        build_context::{self, CONTEXT, Context, DOCKERFILE, Request},
        folder::Folder,
        image_archive, image_builder,
        manifest::Project,
        programs::{Checkout, Programs},
    },
    error::{Failure, Message},
    package::{
        build_context::digest,
        image::{
            Image,
            builder::{Builder, Task},
            built, layout, python,
        },
    },
    project::{
        imaging::{Made, within_limit},
        last_image, packaging,
    },
    protocol::contract::Contract,
    text::byte_size,
    ui::{Ui, Verbosity},
};

/// What the agent's image is built from, and a digest of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sources {
    pub(crate) settings: Dockerfile,
    pub(crate) context: Context,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) digest: String,
}

/// The file that says what the image next to it was built from.
const MADE_FROM: &str = "image.json";
/// The folder that the program works in.
const STAGED: &str = "building";
/// The archive that the program writes.
const ARCHIVE: &str = "image.tar";

/// Returns true for the name of a file or folder that a build creates next to the image.
pub(crate) fn is_built(name: &str) -> bool {
    [MADE_FROM, STAGED, last_image::FILE].contains(&name)
}

/// Finds the Dockerfile and its context, and reports what is left out.
pub(crate) async fn sources(
    agent: &Agent,
    settings: &Dockerfile,
    project: &Project,
    ui: &Ui,
) -> Result<Sources, Failure> {
    let sources = observe(agent, settings, project).await?;
    for warning in &sources.context.warnings {
        ui.warning(warning);
    }
    for note in &sources.context.notes {
        ui.note(note);
    }
    Ok(sources)
}

/// Finds the Dockerfile and its context.
pub(crate) async fn observe(
    agent: &Agent,
    settings: &Dockerfile,
    project: &Project,
) -> Result<Sources, Failure> {
    let request = Request {
        agent: agent.name.to_string(),
        dockerfile: settings.clone(),
        directory: agent.dir.clone(),
        workspace: project.root.clone(),
        target: project.target_dir.clone(),
    };
    let context = effects::runtime::aside(
        move |_: &(dyn Fn(()) + Sync)| build_context::observe(&request),
        |()| {},
    )
    .await?;
    let labels: Vec<_> = python::labels(agent).into_iter().collect();
    Ok(Sources {
        digest: digest(settings, &context.dockerfile, &context.entries, &labels),
        settings: settings.clone(),
        context,
        labels,
    })
}

/// Refuses a Dockerfile's image for the local AgentCore, which starts programs without a container.
pub(crate) fn refuse_local(agents: &[Agent]) -> Result<(), Failure> {
    let mut agents = agents.iter();
    match agents.find(|agent| agent.builds_dockerfile().is_some()) {
        Some(agent) => Err(Failure::config(format!(
            "the local AgentCore cannot run the image of `{}`, which is built from a Dockerfile",
            agent.name
        ))
        .note("it has no container engine")
        .help("`cargo agentcore dev` runs the agent from its sources; docker and podman run the image that `cargo agentcore package --builder` builds")),
        None => Ok(()),
    }
}

/// Returns the builder of an agent's image for a command that does not call AWS.
pub(crate) fn builder(agent: &Agent, builder: Option<Builder>) -> Result<Builder, Failure> {
    builder.ok_or_else(|| {
        Failure::usage(format!(
            "the image of agent `{}` is built by CodeBuild, and `package` makes no requests to AWS",
            agent.name
        ))
        .help("add `--builder docker`, `--builder podman` or `--builder buildah`")
    })
}

/// Builds the image into a folder in `output`, unless one that was built from the same is there.
pub(crate) async fn build(
    agent: &Agent,
    project: &Project,
    sources: &Sources,
    output: &Folder,
    (builder, options): (Builder, &packaging::Options),
    ui: &Ui,
) -> Result<Made, Failure> {
    let name = &agent.name;
    if options.sources.is_offline() {
        return Err(Failure::usage(format!(
            "`{}` cannot be kept from downloading what the Dockerfile of `{name}` asks for",
            builder.program()
        ))
        .help("leave out `--offline` and `--frozen`"));
    }
    let kept = packaging::directory(agent, project)?;
    let earlier = if options.rebuild {
        None
    } else {
        earlier(&kept, &sources.digest)?
    };
    if let Some(image) = earlier {
        ui.status(
            "Fresh",
            &format!(
                "`{name}`: image of {}, built before",
                byte_size(image.size())
            ),
        );
        return Ok(Made { image, sbom: None });
    }
    let place = output.join(STAGED);
    build_context::stage(&sources.context, &place)?;
    ui.status(
        "Building",
        &format!("image of `{name}` with {}", builder.program()),
    );
    let image_name = format!("localhost/{}/{name}:latest", agent.project);
    let task = Task {
        dockerfile: DOCKERFILE,
        context: CONTEXT,
        archive: ARCHIVE,
        name: &image_name.to_lowercase(),
        target: sources.settings.target.as_deref(),
        args: &sources.settings.args,
        labels: &sources.labels,
        anew: options.rebuild,
        quiet: ui.verbosity() == Verbosity::Quiet,
    };
    let programs = Programs::outside(Checkout::around(&project.root));
    let working = place.path();
    let built = image_builder::build(builder, &task, &working, &programs, |line| {
        ui.plain(line);
    });
    built
        .await
        .map_err(|failure| failure.note(format!("the image of agent `{name}` was not built")))?;
    let image = read(agent, (&place, output), ui).await?;
    place.remove_whole()?;
    let made_from = json!({ "from": sources.digest, "image": image.digest() });
    output.write(MADE_FROM, made_from.to_string().as_bytes())?;
    ui.status(
        "Packaged",
        &format!("`{name}`: image of {}", byte_size(image.size())),
    );
    Ok(Made { image, sbom: None })
}

/// Returns the image that was built last, if it was built from this.
fn earlier(output: &Folder, sources: &str) -> Result<Option<Image>, Failure> {
    let Some(bytes) = output.read(MADE_FROM)? else {
        return Ok(None);
    };
    let made_from: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let digest = made_from["image"].as_str();
    match digest.filter(|_| made_from["from"] == sources) {
        Some(digest) => Ok(image_archive::read(&output.join(layout::FOLDER), digest)?),
        None => Ok(None),
    }
}

/// Reads the archive, and refuses an image that the service cannot run.
async fn read(
    agent: &Agent,
    (place, output): (&Folder, &Folder),
    ui: &Ui,
) -> Result<Image, Failure> {
    let (archive, folder) = (place.path().join(ARCHIVE), output.join(layout::FOLDER));
    // What was there before is replaced now.
    output.remove_file(MADE_FROM)?;
    let image = effects::runtime::aside(
        move |_: &(dyn Fn(()) + Sync)| image_archive::unpack(&archive, &folder),
        |()| {},
    )
    .await?;
    let name = &agent.name;
    let port = Contract::of_agent(agent).port;
    let warning = built::check(&image.config.bytes, port).map_err(|why| {
        Failure::config(format!("AgentCore cannot run the image of `{name}`")).note(why)
    })?;
    if let Some(warning) = warning {
        ui.warning(&Message::new(format!("agent `{name}`: {warning}")));
    }
    within_limit(&image)?;
    Ok(image)
}
