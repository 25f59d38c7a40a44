//! `cargo agentcore package`: builds what is shipped. Makes no call to AWS.

mod shown;

use std::path::PathBuf;

use serde_json::json;

use self::shown::{Shown, of_python};
use crate::{
    error::Failure,
    options,
    project::{
        self,
        artifact::{self, Artifact, How},
        base_image::Pin,
        building::For,
        consent, dockerfile, imaging, own_files,
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
            if let Some(settings) = agent.builds_dockerfile().filter(|_| args.list) {
                let sources = dockerfile::sources(agent, settings, &project, ui).await?;
                return Ok(Shown::of_context(agent, &sources));
            }
            let own = agent
                .ships_sources()
                .then(|| own_files::observe(agent, &project, &config.declared))
                .transpose()?;
            if let Some(own) = &own {
                own.tell(ui);
            }
            let building =
                artifact::build(agent, &project, (own.as_ref(), &output), args.how(), ui);
            match Box::pin(building).await? {
                Artifact::Archive { built, sbom } => {
                    Shown::of_archive(agent, (&built, sbom.as_ref()), args.list)
                }
                Artifact::Image {
                    made,
                    archive,
                    folder,
                } => {
                    let folder = match folder {
                        Some(folder) => folder,
                        None => imaging::write(&made.image, &output)?,
                    };
                    let entries = || match &archive {
                        Some(built) => of_python(built),
                        None => Ok(made.image.entries()),
                    };
                    let entries = args.list.then(entries).transpose()?;
                    Ok(Shown::of_image(agent, &made, &folder, entries))
                }
            }
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

impl Args {
    fn how(&self) -> How<'_> {
        How {
            options: imaging::How {
                packaging: &self.options,
                image: &self.image,
                yes: self.yes,
            },
            purpose: For::Service,
            session: None,
            pin: Pin::Write,
        }
    }
}
