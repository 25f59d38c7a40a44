//! The image that a Python agent's image starts from: found in its registry, written into Cargo.toml
//! by its digest, and kept in the user's cache.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    config::Agent,
    effects::{
        aws::{
            Session,
            registry::{
                cached::Document,
                source::{Reach, Source},
            },
            sent_bytes::Sent,
        },
        files,
        folder::Folder,
        manifest,
    },
    error::Failure,
    names::image_reference::ImageReference,
    package::{
        image::{
            digest,
            python::{Base, default_base},
            stored::{Descriptor, Manifest, for_service},
        },
        installer::minor_version,
    },
    plan::base_image::with_base,
    project::{
        packaging::Sources,
        progress::{HowFar, telling},
    },
    text::byte_size,
    ui::{Part, Ui},
};

/// How many layers are pulled at once.
const AT_ONCE: usize = 3;

/// Whether the digest of the base image may be written into Cargo.toml.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pin {
    Write,
    /// Only say that it would be written.
    Show,
}

/// Returns the agent's base image, and its reference with a digest. `session` is asked for images in the agent's own account.
pub(crate) async fn pull(
    agent: &Agent,
    session: Option<&Session>,
    (sources, pin): (Sources, Pin),
    ui: &Ui,
) -> Result<(Base, ImageReference), Failure> {
    let named = agent.base_image.clone();
    let named = named.unwrap_or_else(|| default_base(agent.runtime));
    let pulled = pull_named(agent, &named, session, (sources, pin), ui).await;
    pulled.map_err(|failure| located(agent, &named, failure))
}

/// Adds the line that names the base image, or where its name comes from.
fn located(agent: &Agent, named: &ImageReference, failure: Failure) -> Failure {
    if agent.base_image.is_none() {
        return failure.note(format!(
            "it is the default for `runtime = \"{}\"`, and `image = {{ base = \"…\" }}` in the agent's table names another one",
            agent.runtime.as_str()
        ));
    }
    manifest::located(&agent.dir, &named.to_string(), failure)
}

async fn pull_named(
    agent: &Agent,
    named: &ImageReference,
    session: Option<&Session>,
    (sources, pin): (Sources, Pin),
    ui: &Ui,
) -> Result<(Base, ImageReference), Failure> {
    let reach = if sources.is_offline() {
        Reach::Nothing
    } else {
        Reach::Registry
    };
    let source = Arc::new(Source::open(named, session, reach).await?);
    let found = match named.digest() {
        Some(digest) => digest.to_owned(),
        None => resolve(agent, named, &source, sources, ui).await?,
    };
    let (base, layers) = read(agent, named, &source, &found).await?;
    let bytes: u64 = layers.iter().map(|layer| layer.size).sum();
    let received = Sent::default();
    let pulling = stream::iter(&layers)
        .map(|layer| source.cached_layer(layer, &received))
        .buffered(AT_ONCE)
        .try_collect();
    let how_far = || {
        let done = received.bytes();
        (done > 0).then(|| HowFar {
            verb: "Pulling",
            words: format!("base image: {} of {}", byte_size(done), byte_size(bytes)),
            part: Some(Part {
                done,
                of: bytes.max(done),
            }),
        })
    };
    let pulled = telling(pulling, ("Pulling", &format!("`{named}`")), how_far, ui).await?;
    let pinned = named.pinned(&found);
    if named.digest().is_none() {
        write(agent, &pinned, pin, ui)?;
    }
    Ok((base.with(pulled), pinned))
}

/// Returns the base image without its layers, and what must be pulled for them. Refuses one that the
/// agent cannot run on.
async fn read(
    agent: &Agent,
    named: &ImageReference,
    source: &Arc<Source>,
    found: &str,
) -> Result<(Base, Vec<Descriptor>), Failure> {
    let unfit = |why: String| {
        Failure::config(format!(
            "`{named}` cannot be the base image of `{}`",
            agent.name
        ))
        .note(why)
    };
    let mut manifest = source.cached(Document::Manifest, found).await?;
    if let Some(of_platform) = for_service(&manifest).map_err(unfit)? {
        manifest = source.cached(Document::Manifest, &of_platform).await?;
    }
    let Manifest { config, layers } = Manifest::parse(&manifest).map_err(unfit)?;
    let config = source
        .cached(Document::Configuration, &config.digest)
        .await?;
    let base = Base::read(&config, layers.len()).map_err(unfit)?;
    let wanted = minor_version(agent.runtime);
    if base.is_alpine() || named.wanted().contains("alpine") {
        return Err(unfit(
            "it is Alpine Linux, whose C library is musl, and the dependencies are installed for glibc"
                .to_owned(),
        )
        .help(format!("choose a base image with glibc, such as `{}`", default_base(agent.runtime))));
    }
    match base.python() {
        Some(python) if python != wanted => Err(unfit(format!(
            "it has Python {python}, and `runtime` of the agent is Python {wanted}, for which the dependencies are installed"
        ))
        .help(format!(
            "set `runtime = \"python{python}\"`, or choose a base image with Python {wanted}"
        ))),
        _ => Ok((base, layers)),
    }
}

/// Returns the digest of the image that a tag names now.
async fn resolve(
    agent: &Agent,
    named: &ImageReference,
    source: &Source,
    sources: Sources,
    ui: &Ui,
) -> Result<String, Failure> {
    if sources.is_locked() {
        return Err(Failure::config(format!(
            "the base image `{named}` of `{}` has no digest, and `--locked` and `--frozen` need one",
            agent.name
        ))
        .help("run this once without the option, which writes the digest into Cargo.toml"));
    }
    ui.status("Resolving", &format!("base image `{named}`"));
    Ok(digest(&source.manifest(named.wanted()).await?))
}

/// Writes the exact base image into Cargo.toml.
fn write(agent: &Agent, pinned: &ImageReference, pin: Pin, ui: &Ui) -> Result<(), Failure> {
    let what = format!(
        "the base image of `{}` to `{pinned}` in Cargo.toml",
        agent.name
    );
    if pin == Pin::Show {
        ui.status("Would pin", &what);
        return Ok(());
    }
    let text = files::read_text(&agent.dir.join("Cargo.toml"))?.unwrap_or_default();
    match with_base(&text, (agent.scope, &agent.name), pinned) {
        Some(edited) => {
            Folder::of_project(agent.dir.clone()).write("Cargo.toml", edited.as_bytes())?;
            ui.status("Pinned", &what);
        }
        None => ui.note(&format!(
            "add `image = {{ base = \"{pinned}\" }}` to the table of `{}` to build from the same image again",
            agent.name
        )),
    }
    Ok(())
}
