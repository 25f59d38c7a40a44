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
    package::image::Image,
    project::{
        self,
        building::For,
        consent,
        imaging::{self, How},
        own_files,
        packaging::{self, Options},
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
    /// List the files in the archive or image with their sizes instead, one per line
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
            if agent.has_image() {
                let how = How {
                    packaging: &args.options,
                    image: &args.image,
                    yes: args.yes,
                };
                let image = imaging::build(agent, &project, For::Service, how, ui).await?;
                let folder = imaging::write(&image, &output)?;
                return Ok(Shown::of_image(agent, &image, &folder, args.list));
            }
            let own = own_files::observe(agent, &project, &config.declared)?;
            own.tell(ui);
            let built = packaging::build(agent, &project, &own, output, &args.options, ui).await?;
            Shown::of_archive(agent, &built, args.list)
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
    fn of_archive(agent: &Agent, built: &Built, list: bool) -> Result<Self, Failure> {
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
        Ok(Self {
            text,
            document: document(agent, built, list)?,
        })
    }

    fn of_image(agent: &Agent, image: &Image, folder: &Path, list: bool) -> Self {
        let entries = image.entries();
        let mut document = json!({
            "agent": agent.name.as_str(),
            "image": folder,
            "digest": image.digest(),
            "bytes": image.size(),
            "layers": image
                .layers
                .iter()
                .map(|layer| json!({ "digest": layer.digest, "bytes": layer.size() }))
                .collect::<Vec<_>>(),
        });
        if list {
            document["entries"] = entries
                .iter()
                .map(|(bytes, path)| json!({ "path": path, "bytes": bytes }))
                .collect();
        }
        let text = if list {
            lines(entries.iter().map(|(bytes, path)| (*bytes, path.as_str())))
        } else {
            folder.display().to_string()
        };
        Self { text, document }
    }
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
