//! `cargo agentcore versions`: lists the versions of a runtime and the endpoints that use them.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::listing::{Listing, Part, Way};
use crate::{
    effects::aws::runtime::Runtimes,
    engine::runtime::find::{Deployed, Found},
    error::Failure,
    plan::table::{aligned, time},
    resources::runtime::{
        fields::Artifact,
        observed::{EndpointState, VersionState},
    },
    ui::Ui,
};

/// List the versions of the agents' runtimes, newest first
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Number of versions to show per runtime
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    listing: Listing,
}

/// A version with its artifact and endpoints.
struct Row {
    version: VersionState,
    artifact: Artifact,
    endpoints: Vec<String>,
}

/// How many versions are read in parallel.
const AT_ONCE: usize = 8;

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let part = async |deployed: &Deployed<'_>, found: &Found| {
        let (rows, more) = rows(deployed, found, args.limit).await?;
        if more > 0 {
            ui.note(&format!("{more} older versions are not shown (`--limit`)"));
        }
        Ok(Part {
            lines: vec![text(&rows)],
            fields: fields(&rows, more),
        })
    };
    let way = Way {
        nothing: fields(&[], 0),
        part,
        ui,
    };
    args.listing.run(way).await
}

fn fields(rows: &[Row], not_shown: usize) -> Value {
    let versions: Vec<Value> = rows.iter().map(Row::value).collect();
    json!({ "versions": versions, "not_shown": not_shown })
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
            // The version may be deleted after it was listed.
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
