//! `cargo agentcore package`: builds what is shipped. Makes no call to AWS.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::{
    config::Agent,
    effects::{
        self,
        packaging::{Built, Origin},
    },
    error::Failure,
    options,
    project::{
        self, consent, own_files,
        packaging::{self, Options},
    },
    ui::Ui,
};

/// Build the archive that `deploy` uploads
///
/// Prints to stdout the archive's path, one line per agent. Makes no requests to AWS.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Use the sources in this directory instead of the agent's `source`
    #[arg(long, value_name = "DIR")]
    source_dir: Option<PathBuf>,
    /// List the archive's files with their sizes instead, one per line
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    options: Options,
    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: options::Output,
    #[command(flatten)]
    project: options::Project,
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let stage = project::stage(&args.project, false);
    let (project, mut config) = project::load(&args.project, &stage, ui)?;
    consent::sources(&project, &mut config.agents, args.source_dir.as_deref(), ui)?;
    let _lock = project::lock(&project, ui)?;
    let mut documents = Vec::new();
    let mut failures = Vec::new();
    // Not in parallel, because each build uses all cores.
    for agent in &config.agents {
        let built = async {
            let own = own_files::observe(agent, &project, &config.declared)?;
            own.tell(ui);
            let output = packaging::directory(agent, &project)?;
            packaging::build(agent, &project, &own, output, &args.options, ui).await
        };
        match built.await {
            Ok(built) if args.output == options::Output::Json => {
                documents.push(document(agent, &built, args.list)?);
            }
            Ok(built) => show(&built, args.list, ui)?,
            Err(failure) => failures.push(failure),
        }
    }
    if args.output == options::Output::Json {
        ui.document(json!({ "agents": documents }));
    }
    Failure::all(failures).map_or(Ok(()), Err)
}

fn show(built: &Built, list: bool, ui: &Ui) -> Result<(), Failure> {
    if !list {
        ui.result(&built.archive.path.display().to_string());
        return Ok(());
    }
    let lines: Vec<String> = effects::packaging::entries(&built.archive.path)?
        .iter()
        .map(|entry| format!("{:>10} {}", entry.unzipped, entry.path))
        .collect();
    ui.result(&lines.join("\n"));
    Ok(())
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
