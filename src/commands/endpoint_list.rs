//! `cargo agentcore endpoint list`, and how an endpoint is shown.

use serde_json::{Value, json};

use super::{
    deployed, documents,
    local::{self, Reach},
    session,
};
use crate::{
    cli,
    config::{Agent, Config},
    effects::{aws::runtime::Runtimes, local::Emulator},
    error::Failure,
    plan::deployed::EndpointState,
    ui::Ui,
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The form of what goes to stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: cli::Output,
    #[command(flatten)]
    project: cli::Project,
    #[command(flatten)]
    aws: cli::Aws,
}

pub(super) async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
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
    documents::absent(agent, json!({ "endpoints": [] }))
}

fn document(args: &Args, agents: &[Value], ui: &Ui) {
    if args.output == cli::Output::Json {
        ui.document(json!({ "version": 1, "command": "endpoint list", "agents": agents }));
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
        let endpoints = Runtimes::new(&deployed.placed.session)
            .read_endpoints(&found.state.id)
            .await?;
        if args.output == cli::Output::Text {
            if placed.len() > 1 {
                ui.result(agent.name.as_str());
            }
            for endpoint in &endpoints {
                ui.result(&line(endpoint));
            }
        }
        let endpoints: Vec<_> = endpoints.iter().map(value).collect();
        let runtime = documents::runtime(&found.state);
        let rest = json!({ "runtime": runtime, "endpoints": endpoints });
        agents.push(documents::placed(deployed.placed, rest));
    }
    document(args, &agents, ui);
    Ok(())
}

/// `prod      version 2  READY`, with what is on its way and what went wrong.
pub(super) fn line(endpoint: &EndpointState) -> String {
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

pub(super) fn value(endpoint: &EndpointState) -> Value {
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
