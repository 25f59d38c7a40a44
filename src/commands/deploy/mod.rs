//! `cargo agentcore deploy`: packages, uploads and deploys agents in one command.

pub(super) mod agent;
mod preparing;
mod report;
mod show;
mod smoke;
mod tracing;
mod variables;

use std::{collections::BTreeMap, path::PathBuf, time::Instant};

use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{LocalBoxFuture, Shared},
    stream,
};
use serde_json::Value;

use self::{
    agent::{Delivery, Done},
    smoke::Smoke,
};
use super::invoke::read_payload;
use crate::{
    config::{Config, Declared},
    effects::{
        self,
        aws::{AwsError, runtime::Runtimes, runtime_read::Named, store::Store},
        clock,
        folder::Folder,
        local::Emulator,
        manifest::Project,
    },
    engine::{
        artifact::{Archived, BucketMade, Existing, Imaged, Shipment, archive, existing},
        callers, declared, former_agents, former_role,
        role::{self, RoleWork},
        runtime::own::{self, Seen},
    },
    error::Failure,
    names::image_uri::ImageUri,
    options,
    project::{
        self,
        base_image::Pin,
        building::For,
        consent,
        emulator::{self, Reach},
        imaging::{self, How},
        on_disk,
        own_files::{self, OwnFiles},
        packaging, partition, python_image, sbom,
        sessions::{self, Placed},
    },
    protocol::invocation,
    resources::{callers::CallersPlan, ownership::Identity, role::Adopt, runtime as plan},
    ui::Ui,
};

/// How many agents are deployed in parallel.
const AT_ONCE: usize = 8;

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
    pub(super) packaging: packaging::Options,
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

/// The work for one agent.
pub(super) struct Work<'a> {
    pub(super) placed: &'a Placed<'a>,
    /// `None` for an image, which has no files of the project.
    pub(super) own: Option<OwnFiles>,
    pub(super) role: RoleWork,
    pub(super) seen: Option<Seen>,
    pub(super) callers: CallersPlan,
    started: Instant,
    /// Set if the artifact could be built before the user was asked.
    packed: Option<Shipment>,
}

/// The runtimes of each account and region, listed once for all agents.
type Lists<'a> =
    BTreeMap<(String, String), Shared<LocalBoxFuture<'a, Result<Vec<Named>, AwsError>>>>;

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
    consent::sources(&project, &mut config.agents, args.source_dir.as_deref(), ui)?;
    let (reach, place) = (Reach::of(&args.applying), (&project, &config));
    emulator::with(reach, &args.aws, place, ui, async |emulator| {
        deploy(&args, place, emulator, ui).await
    })
    .await
}

async fn deploy(
    args: &Args,
    (project, config): (&Project, &Config),
    emulator: Option<&Emulator>,
    ui: &Ui,
) -> Result<(), Failure> {
    let placed = sessions::place((project, &config.agents), &args.aws, emulator, ui).await?;
    existing::check(&placed)?;
    partition::warn_of_gaps(&placed, ui);
    let url = emulator.map(|emulator| emulator.url.clone());
    let payload = args.smoke.as_deref().map(read_payload).transpose()?;
    let smoke = payload.map(|payload| Smoke {
        payload: invocation::without_mark(payload, invocation::JSON, false),
        token: args.bearer.given().map(str::to_owned),
        endpoint_url: url.or_else(|| args.aws.endpoint_url.as_ref().map(ToString::to_string)),
    });
    if let Some(smoke) = &smoke {
        smoke.check(&placed)?;
    }
    let _lock = project::lock_to_apply(&args.applying, project, ui)?;
    let settling = declared::settle(&placed, adopt(args), &args.applying, args.yes, ui);
    let (resources, agents) = settling.await?;
    let placed = sessions::with_agents(&placed, &agents);
    let deploy = Deploy {
        args,
        place: (project, &config.declared),
        placed: &placed,
        lists: lists(&placed),
        buckets: buckets(&placed, ui),
        ui,
    };
    let looking = ui.working("Comparing", "the agents with what is deployed");
    let deciding = stream::iter(&placed)
        .map(|placed| deploy.decide(placed))
        .buffered(AT_ONCE)
        .collect::<Vec<_>>();
    let (decided, ()) = tokio::join!(deciding, deploy.notice_former_agents());
    drop(looking);
    let (work, mut failures) = Failure::split(decided);
    if args.applying.changes_nothing() {
        return deploy.show(&work, &resources, failures).await;
    }
    let roles = work.iter().map(|work| (work.placed, &work.role));
    role::agree(roles, args.yes, ui)?;
    let plans = work.iter().map(|work| (work.placed, &work.callers));
    callers::agree(plans, args.yes, ui)?;
    let delivered: Vec<Result<Done, Failure>> = stream::iter(work)
        .map(|work| deploy.deliver(work, smoke.as_ref()))
        .buffered(AT_ONCE)
        .collect()
        .await;
    let (done, failed) = Failure::split(delivered);
    failures.extend(failed);
    let smoked = done.iter().filter_map(|done| done.smoked.clone());
    failures.extend(smoked.filter_map(Result::err));
    if args.enable_tracing {
        // Only where an agent was deployed.
        let made = |placed: &&Placed<'_>| {
            let session = &placed.session;
            let place = (session.account.as_str(), session.region.as_str());
            done.iter()
                .any(|done| (done.account.as_str(), done.region.as_str()) == place)
        };
        tracing::enable(placed.iter().filter(made), ui).await;
    }
    if let Some(emulator) = emulator {
        preparing::prepare(emulator, &done, ui).await;
    }
    let resources = resources.values();
    report::report(
        (&done, &resources),
        args.output,
        &args.project,
        placed.len(),
        ui,
    );
    Failure::all(failures).map_or(Ok(()), Err)
}

fn lists<'a>(placed: &'a [Placed<'a>]) -> Lists<'a> {
    let mut lists = Lists::new();
    for Placed { session, .. } in placed {
        lists.entry(place(session)).or_insert_with(|| {
            let runtimes = Runtimes::new(session);
            async move { runtimes.list().await }.boxed_local().shared()
        });
    }
    lists
}

fn buckets<'a>(placed: &'a [Placed<'a>], ui: &'a Ui) -> BTreeMap<String, BucketMade<'a>> {
    placed
        .iter()
        .map(|Placed { agent, session }| {
            let store = Store::new(session, &agent.project);
            let name = store.bucket().to_owned();
            let tags = archive::bucket_tags(placed, &name);
            let making = async move { archive::make_bucket(&store, &tags, ui).await };
            (name, making.boxed_local().shared())
        })
        .collect()
}

fn place(session: &effects::aws::Session) -> (String, String) {
    (session.account.to_string(), session.region.to_string())
}

struct Deploy<'a> {
    args: &'a Args,
    place: (&'a Project, &'a Declared),
    placed: &'a [Placed<'a>],
    lists: Lists<'a>,
    /// Agents share a bucket; the first agent that needs it prepares it.
    buckets: BTreeMap<String, BucketMade<'a>>,
    ui: &'a Ui,
}

fn adopt(args: &Args) -> Adopt {
    if args.adopt { Adopt::Yes } else { Adopt::No }
}

impl<'a> Deploy<'a> {
    fn adopt(&self) -> Adopt {
        adopt(self.args)
    }

    /// Observes the disk and AWS in parallel. Also builds the archive, unless nothing may be
    /// written.
    async fn decide(&self, placed: &'a Placed<'a>) -> Result<Work<'a>, Failure> {
        let started = clock::now();
        let agent = placed.agent;
        let variables = plan::check_variables(agent, &agent::variables(placed)).err();
        let (project, declared) = self.place;
        let own = agent
            .ships_sources()
            .then(|| own_files::observe(agent, project, declared))
            .transpose();
        let wrong = own.as_ref().err().cloned();
        if let Some(failure) = Failure::all([variables, wrong].into_iter().flatten()) {
            return Err(failure);
        }
        let own = own?;
        if let Some(own) = &own {
            own.tell(self.ui);
        }
        agent::note_not_kept(placed, self.ui);
        let list = self.lists[&place(&placed.session)].clone();
        let looking = async {
            let list = list.await?;
            own::look(placed, &list).await
        };
        let deciding = role::decide(agent, &placed.session, self.adopt());
        let (role, looked, packed) =
            tokio::try_join!(deciding, looking, self.pack_early(placed, own.as_ref()))?;
        role::tell_reasons(agent, self.ui);
        for warning in role.warnings() {
            self.ui.warning(warning);
        }
        let seen = own::judge(placed, looked, &role.proof())?;
        if let Some(seen) = &seen {
            // Before anything is written.
            plan::check_kind(
                &seen.observed.state,
                agent.has_image(),
                &Identity::of(agent),
            )?;
            let runs_with = &seen.observed.state.fields.role_arn;
            former_role::notice(placed, runs_with, self.ui).await;
        }
        let callers = match &seen {
            Some(Seen { observed, .. }) => {
                callers::decide(placed, &observed.state, &observed.tags, self.adopt()).await?
            }
            None => CallersPlan::default(),
        };
        for kept in &callers.kept {
            self.ui.note(&format!(
                "the resource policy of {} was written by someone else and is kept",
                kept.name
            ));
        }
        Ok(Work {
            placed,
            own,
            role,
            seen,
            callers,
            started,
            packed,
        })
    }

    /// Reports former agents from the lists that are read anyway. Errors of the lists are reported
    /// with the agents.
    async fn notice_former_agents(&self) {
        for (at, list) in &self.lists {
            let one = self.placed.iter().find(|one| place(&one.session) == *at);
            if let (Some(one), Ok(list)) = (one, list.clone().await) {
                former_agents::notice(one, self.place, &list, self.ui).await;
            }
        }
    }

    /// Builds the artifact unless nothing may be written yet: `--adopt` asks for confirmation first.
    async fn pack_early(
        &self,
        placed: &Placed<'_>,
        own: Option<&OwnFiles>,
    ) -> Result<Option<Shipment>, Failure> {
        if self.args.applying.changes_nothing() || self.args.adopt {
            return Ok(None);
        }
        let output = packaging::directory(placed.agent, self.place.0)?;
        self.pack(placed, own, output).await.map(Some)
    }

    /// Builds the artifact, and asks the store in parallel with the requests to the service.
    async fn pack(
        &self,
        placed: &Placed<'_>,
        own: Option<&OwnFiles>,
        output: Folder,
    ) -> Result<Shipment, Failure> {
        let Placed { agent, session } = placed;
        let (project, options) = (self.place.0, &self.args.packaging);
        if let Some(image) = &agent.image {
            let existing = Existing::look(image, placed, self.ui).await?;
            return Ok(Shipment::Existing(existing));
        }
        let purpose = if session.is_local() {
            For::ThisMachine
        } else {
            For::Service
        };
        match own {
            Some(own) if agent.has_image() => {
                let how = python_image::How {
                    options,
                    session: Some(session),
                    purpose,
                    pin: if self.args.applying.changes_nothing() {
                        Pin::Show
                    } else {
                        Pin::Write
                    },
                };
                let building = python_image::build(agent, project, own, output, how, self.ui);
                let (made, _) = Box::pin(building).await?;
                Ok(Shipment::Image(Imaged::look(made, placed).await))
            }
            Some(own) => {
                let place = output.clone();
                let built = packaging::build(agent, project, own, place, options, self.ui).await?;
                sbom::of_python(agent, &built, None, &output)?;
                let archived = Archived::look(built.archive, placed).await;
                Ok(Shipment::Archive(Box::new(archived)))
            }
            None => {
                let how = How {
                    packaging: options,
                    image: &self.args.building,
                    yes: self.args.yes,
                };
                let purpose = (purpose, &output);
                let made = imaging::build(agent, project, purpose, how, self.ui).await?;
                Ok(Shipment::Image(Imaged::look(made, placed).await))
            }
        }
    }

    async fn deliver(&self, work: Work<'a>, smoke: Option<&Smoke>) -> Result<Done, Failure> {
        let Work {
            placed,
            own,
            role,
            seen,
            callers,
            started,
            packed,
        } = work;
        let packing = async {
            match packed {
                Some(packed) => Ok(packed),
                None => {
                    let output = packaging::directory(placed.agent, self.place.0)?;
                    self.pack(placed, own.as_ref(), output).await
                }
            }
        };
        let writing = role::apply(&role, &placed.session, self.adopt(), self.ui);
        let (shipment, role_arn) = tokio::try_join!(packing, writing)?;
        let delivery = Delivery {
            placed,
            role: &role,
            role_arn,
            shipment,
            files: own.as_ref().map_or(Value::Null, OwnFiles::document),
            memory: on_disk::memory(self.place.0, placed)?,
            bucket: self.buckets[&own::own_bucket(placed)].clone(),
            callers,
            adopt: self.adopt(),
            started,
            ui: self.ui,
        };
        Box::pin(delivery.run(seen, smoke)).await
    }
}
