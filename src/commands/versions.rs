//! `cargo agentcore versions`: every version of a runtime, and which endpoints answer with it.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::{
    deployed::{self, Deployed, Found},
    documents,
    local::{self, Reach},
    session,
};
use crate::{
    cli,
    config::{Agent, Config},
    effects::{aws::runtime::Runtimes, local::Emulator},
    error::Failure,
    plan::{
        deployed::{EndpointState, VersionState},
        runtime_diff::Artifact,
        table::{aligned, time},
    },
    ui::Ui,
};

/// List the versions of the agents' runtimes, the newest first
#[derive(Debug, clap::Args)]
pub struct Args {
    /// How many of each runtime are shown
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// The form of what goes to stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: cli::Output,
    #[command(flatten)]
    project: cli::Project,
    #[command(flatten)]
    aws: cli::Aws,
}

/// A version with what it runs and who answers with it.
struct Row {
    version: VersionState,
    artifact: Artifact,
    endpoints: Vec<String>,
}

/// How many versions are read at once.
const AT_ONCE: usize = 8;

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let stage = super::stage(&args.project, args.aws.local);
    let (project, config) = super::load(&args.project, &stage, ui)?;
    if local::is_empty(&args.aws, &project, &config, ui)? {
        let agents: Vec<Value> = config.agents.iter().map(not_deployed).collect();
        document(&args, &agents, ui);
        return Ok(());
    }
    let place = (&project, &config);
    local::with(Reach::Reads, &args.aws, place, ui, async |emulator| {
        look(&args, &config, emulator, ui).await
    })
    .await
}

fn not_deployed(agent: &Agent) -> Value {
    documents::absent(agent, json!({ "versions": [], "not_shown": 0 }))
}

fn document(args: &Args, agents: &[Value], ui: &Ui) {
    if args.output == cli::Output::Json {
        ui.document(json!({ "version": 1, "command": "versions", "agents": agents }));
    }
}

async fn look(
    args: &Args,
    config: &Config,
    emulator: Option<&Emulator>,
    ui: &Ui,
) -> Result<(), Failure> {
    let placed = session::place(&config.agents, &args.aws, emulator, ui).await?;
    let mut agents = Vec::new();
    for deployed in deployed::observe(&placed).await? {
        let agent = deployed.placed.agent;
        let Some(found) = deployed.one()? else {
            ui.note(&format!("the agent `{}` is not deployed", agent.name));
            agents.push(not_deployed(agent));
            continue;
        };
        found.say_whose(ui);
        let (rows, more) = rows(&deployed, found, args.limit).await?;
        if more > 0 {
            ui.note(&format!("{more} older versions are not shown (`--limit`)"));
        }
        if args.output == cli::Output::Text {
            if placed.len() > 1 {
                ui.result(agent.name.as_str());
            }
            ui.result(&text(&rows));
        }
        let rest = json!({
            "runtime": documents::runtime(&found.state),
            "versions": rows.iter().map(Row::value).collect::<Vec<_>>(),
            "not_shown": more,
        });
        agents.push(documents::placed(deployed.placed, rest));
    }
    document(args, &agents, ui);
    Ok(())
}

async fn rows(
    deployed: &Deployed<'_>,
    found: &Found,
    limit: u32,
) -> Result<(Vec<Row>, usize), Failure> {
    let runtimes = Runtimes::new(&deployed.placed.session);
    let id = found.state.id.as_str();
    let (mut versions, endpoints) =
        tokio::try_join!(runtimes.versions(id), runtimes.read_endpoints(id))?;
    let shown = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = versions.len().saturating_sub(shown);
    versions.truncate(shown);
    let (runtimes, endpoints) = (&runtimes, &endpoints);
    let rows = stream::iter(versions)
        .map(|version| async move {
            // A version may be deleted between the list and this look.
            let state = runtimes.read(id, Some(version.number)).await?;
            Ok::<_, Failure>(Row {
                artifact: state.map_or(Artifact::Unknown, |state| state.fields.artifact),
                endpoints: endpoints
                    .iter()
                    .filter(|endpoint| answers_with(endpoint, version.number))
                    .map(|endpoint| endpoint.name.clone())
                    .collect(),
                version,
            })
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok((rows, more))
}

fn answers_with(endpoint: &EndpointState, version: u32) -> bool {
    endpoint.live.as_deref() == Some(version.to_string().as_str())
}

fn text(rows: &[Row]) -> String {
    let mut cells =
        vec![["VERSION", "STATUS", "CREATED", "ENDPOINTS", "ARTIFACT"].map(str::to_owned)];
    cells.extend(rows.iter().map(|row| {
        [
            row.version.number.to_string(),
            row.version.status.clone(),
            time(row.version.created),
            if row.endpoints.is_empty() {
                "-".to_owned()
            } else {
                row.endpoints.join(", ")
            },
            row.artifact.to_string(),
        ]
    }));
    aligned(&cells)
}

impl Row {
    fn value(&self) -> Value {
        let Self {
            version,
            artifact,
            endpoints,
        } = self;
        json!({
            "version": version.number.to_string(),
            "status": version.status,
            "created": time(version.created),
            "endpoints": endpoints,
            "artifact": artifact.value(),
        })
    }
}
