//! `cargo agentcore rollback`: returns a named endpoint to its previous version.

use crate::{
    commands::set_version::Writing,
    effects::aws::runtime::Runtimes,
    engine::{
        endpoint::{Pin, history},
        target::not_found::{LISTED, no_endpoint},
    },
    error::Failure,
    names::EndpointName,
    resources::{
        endpoint::{self as plan, Previous},
        runtime::observed::DEFAULT_ENDPOINT,
    },
    ui::Ui,
};

/// Point an endpoint back to its previous version
///
/// The previous version is recorded in a tag of the endpoint. Callers get that version as soon as it is
/// ready. The endpoint `DEFAULT` always uses the newest version and cannot be rolled back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Endpoint [default: the only one besides DEFAULT]
    #[arg(long, value_name = "NAME", value_parser = EndpointName::from_option)]
    endpoint: Option<EndpointName>,
    /// Version to use [default: the previous one; if it is not recorded, the newest usable one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99_999))]
    to: Option<u32>,
    #[command(flatten)]
    writing: Writing,
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let Args {
        endpoint,
        to,
        writing,
    } = &args;
    if let Some(name) = endpoint {
        plan::refuse_default(name, "taken back")?;
    }
    writing
        .on_ours(ui, async |deployed, found| {
            let runtimes = Runtimes::new(&deployed.placed.session);
            let id = &found.state.id;
            let name = match endpoint {
                Some(name) => name.clone(),
                None => only(&runtimes, id).await?,
            };
            let there = writing
                .settled(&runtimes, (id, &name), ui)
                .await?
                .ok_or_else(|| no_endpoint(id, &name).help(LISTED))?;
            let versions = runtimes.versions(id).await?;
            let history = history(&runtimes, &there).await;
            let version = match to {
                Some(version) => plan::usable(*version, &versions)?,
                None => {
                    let known = history.clone().unwrap_or_default();
                    match plan::previous(&there, &known, &versions)? {
                        Previous::Known(version) => version,
                        Previous::Below { now, version } => {
                            ui.note(&format!("the version before {now} is not recorded on `{name}`; using version {version}, the newest usable one before it"));
                            version
                        }
                    }
                }
            };
            let pin = Pin {
                deployed,
                found,
                name: &name,
                there: Some(&there),
                history,
                version,
                description: None,
            };
            writing.carry_out(&pin, ui).await
        })
        .await
}

/// Returns the only endpoint besides `DEFAULT`.
async fn only(runtimes: &Runtimes, id: &str) -> Result<EndpointName, Failure> {
    let named: Vec<String> = runtimes
        .read_endpoints(id)
        .await?
        .into_iter()
        .map(|endpoint| endpoint.name)
        .filter(|name| name != DEFAULT_ENDPOINT)
        .collect();
    match &named[..] {
        [one] => EndpointName::parse(one).map_err(|error| Failure::world(error.to_string())),
        [] => Err(Failure::world(
            "there is only the endpoint `DEFAULT`, and it always follows the newest version",
        )
        .help("deploy the older sources again, or give callers an endpoint of their own: `cargo agentcore endpoint set prod --version N`")),
        several => Err(Failure::usage("there are several endpoints")
            .note(format!("the endpoints are `{}`", several.join("`, `")))
            .help("name one with `--endpoint`")),
    }
}
