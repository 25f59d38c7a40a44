//! `cargo agentcore status`: what is deployed of each agent, and whether it is what is here.

mod json;
mod text;

use serde_json::{Value, json};

use super::starting::Opened;
use crate::{
    config::Config,
    effects::{local::Emulator, manifest::Project},
    engine::{
        declared::{self, DeclaredWork},
        status::{self, Report, Reporting},
    },
    error::Failure,
    names::EndpointUrl,
    options,
    project::{
        emulator::Reach,
        sessions::{self, Placed},
    },
    resources::change::Reveal,
    ui::{Ui, Verbosity},
};

/// Show what is deployed and whether it matches the project
///
/// Builds nothing: compares the code with the last archive built here and the files that changed since.
/// An agent that is not deployed is not an error. Values of environment variables are shown only with `-v`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: options::Output,
    #[command(flatten)]
    project: options::Project,
    #[command(flatten)]
    aws: options::Aws,
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let opened = Opened::load(&args.project, &args.aws, ui)?;
    if opened.is_empty()? {
        let agents = &opened.config.agents;
        let reports: Vec<Report<'_>> = agents
            .iter()
            .map(|agent| Report::never_deployed(agent, &args.aws))
            .collect();
        show(&args, (&reports, None), Reveal::Keys, ui);
        return Ok(());
    }
    let look = async |placed: &[Placed<'_>], emulator: Option<&Emulator>| {
        look(&args, opened.place(), (placed, emulator), ui).await
    };
    opened.with(Reach::Reads, look).await
}

async fn look(
    args: &Args,
    (project, config): (&Project, &Config),
    (placed, emulator): (&[Placed<'_>], Option<&Emulator>),
    ui: &Ui,
) -> Result<(), Failure> {
    let resources = declared::compare(placed).await?;
    let agents = resources.linked(placed);
    let placed = sessions::with_agents(placed, &agents);
    let base = emulator.map(|emulator| emulator.url.as_str());
    let base = base.or(args.aws.endpoint_url.as_ref().map(EndpointUrl::as_str));
    let reveal = if ui.verbosity() >= Verbosity::Verbose {
        Reveal::Values
    } else {
        Reveal::Keys
    };
    let _work = ui.working("Reading", "what is deployed");
    let reporting = Reporting {
        project,
        declared: &config.declared,
        resources: &resources,
        base,
        ui,
    };
    let reports = status::observe(&placed, reporting).await?;
    for report in &reports {
        report.tell(ui);
    }
    show(args, (&reports, Some(&resources)), reveal, ui);
    Ok(())
}

fn show(
    args: &Args,
    (reports, resources): (&[Report<'_>], Option<&DeclaredWork<'_>>),
    reveal: Reveal,
    ui: &Ui,
) {
    match args.output {
        options::Output::Json => {
            let values: Vec<Value> = reports.iter().map(|report| report.value(reveal)).collect();
            let resources = resources.map(DeclaredWork::values).unwrap_or_default();
            ui.document(json!({ "agents": values, "resources": resources }));
        }
        options::Output::Text => {
            for report in reports {
                ui.result(&report.text(reveal));
            }
            for text in resources.map(DeclaredWork::text).into_iter().flatten() {
                ui.result(&text);
            }
        }
    }
}

impl Report<'_> {
    fn text(&self, reveal: Reveal) -> String {
        match self {
            Self::Absent {
                agent,
                prepared,
                endpoints,
                ..
            } => {
                let state = match prepared {
                    Some(true) | None => "not deployed",
                    Some(false) => "not deployed, and no execution role is prepared",
                };
                let mut lines = vec![agent.name.to_string(), format!("  state  {state}")];
                lines.extend(endpoints.iter().map(|name| {
                    format!("         the next deploy creates the endpoint `{name}` again")
                }));
                lines.join("\n")
            }
            Self::There(there) => there.text(reveal),
        }
    }

    fn value(&self, reveal: Reveal) -> Value {
        let (agent, account, region) = match self {
            Self::Absent {
                agent,
                account,
                region,
                ..
            } => (*agent, account.as_str(), region.as_str()),
            Self::There(there) => {
                let Placed { agent, session } = there.placed;
                (*agent, session.account.as_str(), session.region.as_str())
            }
        };
        let state = match self {
            Self::Absent {
                prepared: Some(false),
                ..
            } => "not-prepared",
            Self::Absent { .. } => "not-deployed",
            Self::There(_) => "deployed",
        };
        let mut value = json!({
            "agent": agent.name,
            "stage": agent.stage,
            "account": account,
            "region": region,
            "state": state,
            "runtime": { "name": agent.runtime_name },
        });
        match self {
            Self::Absent { endpoints, .. } => value["restores_endpoints"] = json!(endpoints),
            Self::There(there) => {
                if let Some(fields) = value.as_object_mut() {
                    fields.extend(there.values(reveal));
                }
            }
        }
        value
    }
}
