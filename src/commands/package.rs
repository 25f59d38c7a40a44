//! `cargo agentcore package`: builds what is shipped. Makes no call to AWS.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{
    config::Agent,
    effects::{
        self,
        packaging::{Built, Origin},
    },
    error::Failure,
    options,
    package::{
        build_context::{Entry, Kind},
        image::{LayerOf, layout, python},
    },
    project::{
        self,
        base_image::Pin,
        building::For,
        consent, dockerfile,
        imaging::{self, How, Made},
        own_files,
        packaging::{self, Options},
        program_archive, python_image,
        sbom::{self, Sbom},
    },
    ui::Ui,
};

/// Build the archive or image that `deploy` uploads
///
/// Prints to stdout the path of the archive, or of the folder with the image ("OCI image layout"), one
/// line per agent. Makes no requests to AWS.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Use the sources in this directory instead of the agent's `source`
    #[arg(long, value_name = "DIR")]
    source_dir: Option<PathBuf>,
    /// List the files in the archive or image with their sizes instead, one per line; for a Dockerfile, those
    /// that it can copy
    #[arg(long)]
    list: bool,
    /// Don't ask for confirmation
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    image: imaging::Options,
    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: options::Output,
    #[command(flatten)]
    project: options::Project,
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let stage = project::stage(&args.project, false);
    let (project, mut config) = project::load(&args.project, &stage, ui)?;
    args.image.check(&config.agents)?;
    consent::sources(&project, &mut config.agents, args.source_dir.as_deref(), ui)?;
    let _lock = project::lock(&project, ui)?;
    let mut documents = Vec::new();
    let mut failures = Vec::new();
    // Not in parallel, because each build uses all cores.
    for agent in &config.agents {
        let shown = async {
            let output = packaging::directory(agent, &project)?;
            if let Some(settings) = agent.builds_dockerfile() {
                let sources = dockerfile::sources(agent, settings, &project, ui).await?;
                if args.list {
                    return Ok(Shown::of_context(agent, &sources));
                }
                let builder = dockerfile::builder(agent, args.image.builder)?;
                let how = (builder, &args.options);
                let made = dockerfile::build(agent, &project, &sources, &output, how, ui).await?;
                let folder = output.join(layout::FOLDER).path();
                return Ok(Shown::of_image(agent, &made, &folder, None));
            }
            if !agent.ships_sources() {
                let how = How {
                    packaging: &args.options,
                    image: &args.image,
                    yes: args.yes,
                };
                let purpose = (For::Service, &output);
                if !agent.has_image() {
                    let building = program_archive::build(agent, &project, purpose, how, ui);
                    let (built, sbom) = Box::pin(building).await?;
                    return Shown::of_archive(agent, (&built, sbom.as_ref()), args.list);
                }
                let made = imaging::build(agent, &project, purpose, how, ui).await?;
                let folder = imaging::write(&made.image, &output)?;
                let entries = args.list.then(|| made.image.entries());
                return Ok(Shown::of_image(agent, &made, &folder, entries));
            }
            let own = own_files::observe(agent, &project, &config.declared)?;
            own.tell(ui);
            if agent.has_image() {
                let how = python_image::How {
                    options: &args.options,
                    session: None,
                    purpose: For::Service,
                    pin: Pin::Write,
                };
                let place = output.clone();
                let (made, built) =
                    python_image::build(agent, &project, &own, place, how, ui).await?;
                let folder = imaging::write(&made.image, &output)?;
                let entries = args.list.then(|| of_python(&built)).transpose()?;
                return Ok(Shown::of_image(agent, &made, &folder, entries));
            }
            let place = output.clone();
            let built = packaging::build(agent, &project, &own, place, &args.options, ui).await?;
            let sbom = sbom::of_python(agent, &built, None, &output)?;
            Shown::of_archive(agent, (&built, Some(&sbom)), args.list)
        };
        match shown.await {
            Ok(shown) if args.output == options::Output::Json => documents.push(shown.document),
            Ok(shown) => ui.result(&shown.text),
            Err(failure) => failures.push(failure),
        }
    }
    if args.output == options::Output::Json {
        ui.document(json!({ "agents": documents }));
    }
    Failure::all(failures).map_or(Ok(()), Err)
}

/// What is printed for an agent.
struct Shown {
    text: String,
    document: Value,
}

impl Shown {
    fn of_archive(
        agent: &Agent,
        (built, sbom): (&Built, Option<&Sbom>),
        list: bool,
    ) -> Result<Self, Failure> {
        let mut document = document(agent, built, list)?;
        document["sbom"] = json!(sbom.map(|sbom| &sbom.path));
        let text = if list {
            let entries = effects::packaging::entries(&built.archive.path)?;
            lines(
                entries
                    .iter()
                    .map(|entry| (entry.unzipped, entry.path.as_str())),
            )
        } else {
            built.archive.path.display().to_string()
        };
        Ok(Self { text, document })
    }

    fn of_context(agent: &Agent, sources: &dockerfile::Sources) -> Self {
        let entries: Vec<(u64, &str)> = sources
            .context
            .entries
            .iter()
            .filter_map(|Entry { path, kind }| match kind {
                Kind::Folder => None,
                Kind::File { bytes, .. } => Some((*bytes, path.as_str())),
                Kind::Link(text) => Some((text.len() as u64, path.as_str())),
            })
            .collect();
        let listed: Vec<Value> = entries
            .iter()
            .map(|(bytes, path)| json!({ "path": path, "bytes": bytes }))
            .collect();
        Self {
            text: lines(entries.into_iter()),
            document: json!({
                "agent": agent.name.as_str(),
                "sources": sources.digest,
                "context": listed,
            }),
        }
    }

    /// With `entries`, shows them instead of the folder.
    fn of_image(
        agent: &Agent,
        made: &Made,
        folder: &Path,
        entries: Option<Vec<(u64, String)>>,
    ) -> Self {
        let Made { image, sbom } = made;
        let mut document = json!({
            "agent": agent.name.as_str(),
            "image": folder,
            "sbom": sbom.as_ref().map(|sbom| &sbom.path),
            "digest": image.digest(),
            "bytes": image.size(),
            "layers": image
                .described()
                .iter()
                .map(|LayerOf { digest, bytes, made_by }| {
                    json!({ "digest": digest, "bytes": bytes, "created_by": made_by })
                })
                .collect::<Vec<_>>(),
        });
        let Some(entries) = entries else {
            let text = folder.display().to_string();
            return Self { text, document };
        };
        document["entries"] = entries
            .iter()
            .map(|(bytes, path)| json!({ "path": path, "bytes": bytes }))
            .collect();
        let text = lines(entries.iter().map(|(bytes, path)| (*bytes, path.as_str())));
        Self { text, document }
    }
}

/// Returns what the image of a Python agent adds to its base image.
fn of_python(built: &Built) -> Result<Vec<(u64, String)>, Failure> {
    let entries = effects::packaging::entries(&built.archive.path)?.into_iter();
    let entries = entries.map(|entry| (entry.unzipped, python::placed(&entry.path)));
    Ok(entries.collect())
}

fn lines<'a>(entries: impl Iterator<Item = (u64, &'a str)>) -> String {
    let lines: Vec<String> = entries
        .map(|(bytes, path)| format!("{bytes:>10} {path}"))
        .collect();
    lines.join("\n")
}

fn document(agent: &Agent, built: &Built, list: bool) -> Result<Value, Failure> {
    let mut document = json!({
        "agent": agent.name.as_str(),
        "runtime": agent.runtime,
        "archive": built.archive.path,
        "id": built.archive.id,
        "bytes": built.archive.size,
        "unzipped_bytes": built.unzipped,
        "own_files": built.own_files,
        "dependencies": {
            "files": built.dependency_files,
            "bytes": built.archive.dependencies.size,
            "sha256": built.archive.dependencies.sha256,
            "from": match built.dependencies {
                Origin::None => "nothing",
                Origin::Cache => "cache",
                Origin::Installed => "index",
                Origin::Archive => "archive",
            },
        },
        "compiled_by": built.compiled_by,
        "excluded": built.left_out,
    });
    if list {
        let entries = effects::packaging::entries(&built.archive.path)?;
        document["entries"] = entries
            .iter()
            .map(|entry| {
                json!({
                    "path": entry.path,
                    "bytes": entry.unzipped,
                    "zipped_bytes": entry.zipped,
                })
            })
            .collect();
    }
    Ok(document)
}
