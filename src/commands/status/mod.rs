//! `cargo agentcore status`: what is deployed of each agent, and whether it is what is here.

mod code;
mod json;
mod role;
mod text;
mod there;

use serde_json::{Value, json};

use self::{role::RoleHere, there::There};
use crate::{
    config::{Agent, Config, Declared},
    effects::{
        aws::{data_plane, emulated::ACCOUNT_ID, runtime::Runtimes, session::LOCAL_REGION},
        clock,
        local::Emulator,
        manifest::Project,
    },
    engine::{
        callers,
        declared::{self, DeclaredWork},
        former_agents, repository,
        runtime::find::{self, Deployed, Unread},
    },
    error::Failure,
    names::{EndpointUrl, Region},
    options,
    project::{
        self,
        emulator::{self, Reach},
        sessions::{self, Placed},
    },
    resources::{
        callers::CallersStep,
        change::Reveal,
        role::Adopt,
        runtime::{
            fields::Artifact,
            observed::{Code, difference, role_arn},
        },
    },
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

/// One agent's report.
enum Report<'a> {
    Absent {
        agent: &'a Agent,
        account: String,
        region: String,
        /// Whether its execution role exists; `None` without permission to look.
        prepared: Option<bool>,
    },
    There(Box<There<'a>>),
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let stage = project::stage(&args.project, args.aws.local);
    let (project, config) = project::load(&args.project, &stage, ui)?;
    if emulator::is_empty(&args.aws, &project, &config, ui)? {
        let reports: Vec<Report<'_>> = config
            .agents
            .iter()
            .map(|agent| Report::never_deployed(agent, &args.aws))
            .collect();
        show(&args, (&reports, None), Reveal::Keys, ui);
        return Ok(());
    }
    let place = (&project, &config);
    emulator::with(Reach::Reads, &args.aws, place, ui, async |emulator| {
        look(&args, place, emulator, ui).await
    })
    .await
}

async fn look(
    args: &Args,
    (project, config): (&Project, &Config),
    emulator: Option<&Emulator>,
    ui: &Ui,
) -> Result<(), Failure> {
    let placed = sessions::place((project, &config.agents), &args.aws, emulator, ui).await?;
    let resources = declared::compare(&placed).await?;
    let agents = resources.linked(&placed);
    let placed = sessions::with_agents(&placed, &agents);
    let base = emulator.map(|emulator| emulator.url.as_str());
    let base = base.or(args.aws.endpoint_url.as_ref().map(EndpointUrl::as_str));
    let reveal = if ui.verbosity() >= Verbosity::Verbose {
        Reveal::Values
    } else {
        Reveal::Keys
    };
    let _work = ui.working("Reading", "what is deployed");
    let lists = find::lists(&placed).await?;
    let former = async {
        for (at, list) in &lists {
            if let Some(one) = placed.iter().find(|one| find::place(one) == *at) {
                former_agents::notice(one, (project, &config.declared), list, ui).await;
            }
        }
    };
    let observing = find::observe_in(&placed, &lists, Unread::ProvesNothing);
    let (all, ()) = tokio::join!(observing, former);
    let all = all?;
    let mut reports = Vec::new();
    for deployed in &all {
        let report = Report::of(deployed, (project, &config.declared), base, ui).await?;
        if let Report::There(there) = &report {
            there.found.say_whose(ui);
        }
        reports.push(report);
    }
    show(args, (&reports, Some(&resources)), reveal, ui);
    Ok(())
}

/// Returns the agent with the image that `deploy --image` gave its runtime, if any.
fn as_running(agent: &Agent, deployed: &Deployed<'_>, artifact: &Artifact) -> Agent {
    let mut running = agent.clone();
    if let Some(image) = repository::existing(deployed.placed, artifact) {
        running.run_from(image);
    }
    running
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

impl<'a> Report<'a> {
    /// Returns the report for an emulator that has never run.
    fn never_deployed(agent: &'a Agent, options: &options::Aws) -> Self {
        let region = options.region.as_ref().or(agent.region.as_ref());
        Self::Absent {
            agent,
            account: ACCOUNT_ID.to_owned(),
            region: region.map_or(LOCAL_REGION, Region::as_str).to_owned(),
            prepared: Some(false),
        }
    }

    async fn of(
        deployed: &'a Deployed<'a>,
        place: (&Project, &Declared),
        base: Option<&'a str>,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let placed = deployed.placed;
        let Placed { agent, session } = placed;
        let Some(found) = deployed.one()? else {
            let prepared = Box::pin(role::is_there(placed, ui)).await?;
            return Ok(Self::Absent {
                agent,
                account: session.account.to_string(),
                region: session.region.to_string(),
                prepared,
            });
        };
        let runtimes = Runtimes::new(session);
        let fields = &found.state.fields;
        let running = as_running(agent, deployed, &fields.artifact);
        let placed = &Placed {
            agent: &running,
            session: session.clone(),
        };
        let (endpoints, age, role) = tokio::join!(
            runtimes.read_endpoints(&found.state.id),
            code::age(placed, &fields.artifact, ui),
            Box::pin(role::compare(placed, ui)),
        );
        let RoleHere {
            differences: of_role,
            unknown: unread_role,
        } = role?;
        let arn = role_arn(&agent.role, session.partition, &session.account);
        let capabilities = session.capabilities();
        let mut differences = difference(agent, arn, fields, &found.tags, |setting| {
            capabilities.keeps(setting)
        });
        let callers = callers::decide(placed, &found.state, &found.tags, Adopt::Yes).await?;
        differences.extend(callers.steps.iter().map(CallersStep::callers));
        differences.extend(of_role);
        differences.extend(age.difference(&fields.artifact));
        let code = code::compare(placed, place, &fields.artifact, ui);
        if let Code::Differs(change) = &code {
            differences.push(change.clone());
        }
        Ok(Self::There(Box::new(There {
            placed: deployed.placed,
            found,
            endpoints: endpoints?,
            code,
            unread_role,
            differences,
            age,
            base: data_plane::endpoint(base, session.partition, &session.region),
            now: clock::seconds(),
        })))
    }

    fn text(&self, reveal: Reveal) -> String {
        match self {
            Self::Absent {
                agent, prepared, ..
            } => {
                let state = match prepared {
                    Some(true) | None => "not deployed",
                    Some(false) => "not deployed, and no execution role is prepared",
                };
                format!("{}\n  state  {state}", agent.name)
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
        if let (Self::There(there), Some(fields)) = (self, value.as_object_mut()) {
            fields.extend(there.values(reveal));
        }
        value
    }
}
