//! `cargo agentcore deploy`: packages, uploads and deploys agents in one command.

mod preparing;
mod report;
mod show;
mod smoke;
mod variables;

use std::path::PathBuf;

use self::smoke::Smoke;
use super::{invoke::read_payload, starting::Asked};
use crate::{
    config::Config,
    effects::{local::Emulator, manifest::Project},
    engine::{
        agent::Agents,
        artifact::{build::Building, existing},
        declared::{self, DeclaredWork},
        run::Run,
        runtime::write::Outcome,
        tracing,
    },
    error::Failure,
    names::image_uri::ImageUri,
    options,
    project::{
        self, consent, dockerfile,
        emulator::{self, Reach},
        imaging, packaging,
        sessions::Placed,
    },
    protocol::invocation,
    resources::role::Adopt,
    ui::Ui,
};

/// Package and upload the agent, and create or update its runtime
///
/// Creates or updates the execution role first, and waits until the runtime is ready. Uploads only what
/// changed, and writes nothing if nothing changed. Prints to stdout the runtime's ARN, one line per agent.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Use the sources in this directory instead of the agent's `source`
    #[arg(long, value_name = "DIR")]
    source_dir: Option<PathBuf>,
    /// Set an environment variable of the runtime for this deploy (repeatable)
    ///
    /// Overrides `env` in Cargo.toml. `NAME` without a value takes it from the environment, which keeps it
    /// out of the process list. The next deploy without this option restores the value in Cargo.toml.
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Invoke the deployed agent once with this payload (JSON, `@FILE`, or `-` for stdin), and fail if it
    /// does not answer
    #[arg(long, value_name = "PAYLOAD")]
    smoke: Option<String>,
    #[command(flatten)]
    bearer: options::Bearer,
    /// Enable CloudWatch Transaction Search for the whole account in this region
    #[arg(long)]
    enable_tracing: bool,
    /// Take over an existing role or resource policy that this tool did not create
    #[arg(long)]
    adopt: bool,
    /// Don't ask for confirmation
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    packaging: packaging::Options,
    /// Deploy this existing image instead of building one: `REPOSITORY@sha256:…` in ECR, of the agent's
    /// account and region or of public.ecr.aws
    ///
    /// The image must be for 64-bit ARM Linux and serve on port 8080. Nothing is built or uploaded, and its
    /// repository is never changed.
    #[arg(
        long,
        value_name = "URI",
        value_parser = ImageUri::parse,
        conflicts_with_all = ["binary", "source_dir", "features", "jobs", "cargo_profile", "rebuild"]
    )]
    image: Option<ImageUri>,
    #[command(flatten)]
    building: imaging::Options,
    #[command(flatten)]
    applying: options::Applying,
    /// Output format
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: options::Output,
    #[command(flatten)]
    project: options::Project,
    #[command(flatten)]
    aws: options::Aws,
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let stage = project::stage(&args.project, args.aws.local);
    let variables = variables::variables(&args.env)?;
    let (project, mut config) = project::load_to_run(&args.project, &stage, ui)?;
    variables::warn_of_secrets(&args.env, ui);
    for agent in &mut config.agents {
        agent.env.extend(variables.iter().cloned());
    }
    args.building.check(&config.agents)?;
    existing::choose(args.image.as_ref(), &mut config.agents)?;
    if args.aws.local {
        dockerfile::refuse_local(&config.agents)?;
    }
    consent::sources(&project, &mut config.agents, args.source_dir.as_deref(), ui)?;
    let (reach, place) = (Reach::of(&args.applying), (&project, &config));
    emulator::with(reach, &args.aws, place, ui, async |emulator| {
        deploy(&args, place, emulator, ui).await
    })
    .await
}

async fn deploy(
    args: &Args,
    place: (&Project, &Config),
    emulator: Option<&Emulator>,
    ui: &Ui,
) -> Result<(), Failure> {
    let smoke = args.smoke(emulator)?;
    let check = |placed: &[Placed<'_>]| {
        existing::check(placed)?;
        smoke.as_ref().map_or(Ok(()), |smoke| smoke.check(placed))
    };
    let asked = Asked {
        place,
        aws: &args.aws,
        emulator,
        applying: &args.applying,
        adopt: if args.adopt { Adopt::Yes } else { Adopt::No },
        yes: args.yes,
        ui,
    };
    let deliver = async |run: Run<'_>, resources: DeclaredWork<'_>| {
        Box::pin(deliver(args, run, resources, (smoke.as_ref(), emulator))).await
    };
    asked.run(check, deliver).await
}

async fn deliver(
    args: &Args,
    run: Run<'_>,
    mut resources: DeclaredWork<'_>,
    (smoke, emulator): (Option<&Smoke>, Option<&Emulator>),
) -> Result<(), Failure> {
    let ui = run.ui;
    let building = Building {
        packaging: &args.packaging,
        image: &args.building,
    };
    let agents = Agents::new(run, building);
    let (work, mut failures) = Failure::split(agents.observe().await);
    let roles = work
        .iter()
        .map(|work| (work.compared.placed, &work.compared.role));
    declared::note_undeclared(&run, roles).await;
    if args.applying.changes_nothing() {
        return show::show(args, &agents, (work, &resources), failures, ui).await;
    }
    agents.agree(&work)?;
    let call = async |placed: &Placed<'_>, outcome: &Outcome| match smoke {
        Some(smoke) => Some(smoke.call(placed, outcome, ui).await),
        None => None,
    };
    let (done, failed) = Failure::split(agents.deliver(work, call).await);
    failures.extend(failed);
    failures.extend(resources.settle_targets(&run).await.err());
    let smoked = done.iter().filter_map(|done| done.smoked.clone());
    failures.extend(smoked.filter_map(Result::err));
    if args.enable_tracing {
        // Only where an agent was deployed.
        tracing::enable(done.iter().map(|done| done.plan.compared.placed), ui).await;
    }
    if let Some(emulator) = emulator {
        preparing::prepare(emulator, &done, ui).await;
    }
    let resources = resources.values();
    let agents = (&args.project, run.placed.len());
    report::report((&done, &resources), args.output, agents, ui);
    Failure::all(failures).map_or(Ok(()), Err)
}

impl Args {
    /// Returns the call of the deployed agents, if it was asked for.
    fn smoke(&self, emulator: Option<&Emulator>) -> Result<Option<Smoke>, Failure> {
        let payload = self.smoke.as_deref().map(read_payload).transpose()?;
        let url = emulator.map(|emulator| emulator.url.clone());
        Ok(payload.map(|payload| Smoke {
            payload: invocation::without_mark(payload, invocation::JSON, false),
            token: self.bearer.given().map(str::to_owned),
            endpoint_url: url.or_else(|| self.aws.endpoint_url.as_ref().map(ToString::to_string)),
        }))
    }
}
