//! `cargo agentcore endpoint list`, and the line that describes an endpoint.

use serde_json::{Value, json};

use crate::{
    commands::listing::{Listing, Part, Way},
    effects::aws::runtime::Runtimes,
    engine::runtime::find::{Deployed, Found},
    error::Failure,
    resources::runtime::observed::EndpointState,
    ui::Ui,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    listing: Listing,
}

pub(crate) async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let part = async |deployed: &Deployed<'_>, found: &Found| {
        let runtimes = Runtimes::new(&deployed.placed.session);
        let endpoints = runtimes.read_endpoints(&found.state.id).await?;
        Ok(Part {
            lines: endpoints.iter().map(line).collect(),
            fields: fields(&endpoints),
        })
    };
    let way = Way {
        nothing: fields(&[]),
        part,
        ui,
    };
    args.listing.run(way).await
}

fn fields(endpoints: &[EndpointState]) -> Value {
    let endpoints: Vec<Value> = endpoints.iter().map(value).collect();
    json!({ "endpoints": endpoints })
}

/// Returns `prod      version 2  READY`, with a pending version and an error, if any.
pub(crate) fn line(endpoint: &EndpointState) -> String {
    let EndpointState {
        name,
        arn: _,
        live,
        target,
        status,
        failure,
        description,
    } = endpoint;
    let mut line = match live {
        Some(live) => format!("{name:<16} version {live}"),
        None => format!("{name:<16} no version yet"),
    };
    if let Some(target) = target
        && Some(target) != live.as_ref()
    {
        line.extend([" -> ", target]);
    }
    line.extend(["  ", status]);
    for text in [failure, description].into_iter().flatten() {
        line.extend(["  ", text]);
    }
    line
}

pub(crate) fn value(endpoint: &EndpointState) -> Value {
    let EndpointState {
        name,
        arn,
        live,
        target,
        status,
        failure,
        description,
    } = endpoint;
    json!({
        "name": name,
        "arn": arn,
        "live_version": live,
        "target_version": target,
        "status": status,
        "failure_reason": failure,
        "description": description,
    })
}
