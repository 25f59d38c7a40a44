//! `cargo agentcore endpoint`: names that callers use, each pinned to a version of the runtime.

use std::time::Duration;

use serde_json::json;

use super::{
    Applying,
    deployed::{self, Deployed, Found},
    documents, endpoint_list,
    local::{self, Reach},
    planned::Planned,
    session,
    waiting::{State, wait},
};
use crate::{
    cli,
    config::Config,
    effects::{
        aws::{Session, runtime::Runtimes, runtime_read::EndpointWish},
        local::Emulator,
    },
    error::{Exit, Failure},
    names::EndpointName,
    plan::{
        deployed::{EndpointState, READY},
        endpoint::{self as plan, EndpointStep},
        ownership::Identity,
        retry,
    },
    ui::Ui,
};

/// Show, pin and delete the endpoints of an agent
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show every endpoint with the version that answers there
    List(endpoint_list::Args),
    /// Pin an endpoint to a version; make the endpoint where there is none of this name
    Set(SetArgs),
    /// Delete an endpoint
    Delete(DeleteArgs),
}

#[derive(Debug, clap::Args)]
struct SetArgs {
    /// The endpoint's name, such as `prod`
    #[arg(value_parser = |text: &str| EndpointName::parse(text))]
    name: EndpointName,
    /// The version that is to answer there
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99_999))]
    version: u32,
    /// What the endpoint is for
    #[arg(long, value_name = "TEXT", value_parser = description)]
    description: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

#[derive(Debug, clap::Args)]
struct DeleteArgs {
    /// The endpoint's name
    #[arg(value_parser = |text: &str| EndpointName::parse(text))]
    name: EndpointName,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    writing: Writing,
}

/// What every command that changes an endpoint understands.
#[derive(Debug, clap::Args)]
pub(super) struct Writing {
    /// How long to wait for the endpoint
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    pub(super) applying: Applying,
    /// The form of what goes to stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: cli::Output,
    #[command(flatten)]
    pub(super) project: cli::Project,
    #[command(flatten)]
    pub(super) aws: cli::Aws,
}

/// The version that an endpoint of a runtime of ours is to have.
pub(super) struct Pin<'a> {
    pub(super) deployed: &'a Deployed<'a>,
    pub(super) found: &'a Found,
    pub(super) name: &'a EndpointName,
    pub(super) there: Option<&'a EndpointState>,
    pub(super) version: u32,
    pub(super) description: Option<&'a str>,
}

fn description(text: &str) -> Result<String, &'static str> {
    if (1..=256).contains(&text.chars().count()) {
        Ok(text.to_owned())
    } else {
        Err("an endpoint's description has 1 to 256 characters")
    }
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    match args.action {
        Action::List(args) => endpoint_list::run(args, ui).await,
        Action::Set(args) => set(args, ui).await,
        Action::Delete(args) => delete(args, ui).await,
    }
}

async fn set(args: SetArgs, ui: &Ui) -> Result<(), Failure> {
    plan::refuse_default(&args.name, "pinned to a version")?;
    let writing = &args.writing;
    let stage = super::stage(&writing.project, writing.aws.local);
    let (project, config) = super::load(&writing.project, &stage, ui)?;
    deployed::single(&config.agents)?;
    let (reach, place) = (Reach::of(&writing.applying), (&project, &config));
    local::with(reach, &writing.aws, place, ui, async |emulator| {
        pin(&args, &config, emulator, ui).await
    })
    .await
}

async fn pin(
    args: &SetArgs,
    config: &Config,
    emulator: Option<&Emulator>,
    ui: &Ui,
) -> Result<(), Failure> {
    let SetArgs {
        name,
        version,
        description,
        writing,
    } = args;
    let placed = session::place(&config.agents, &writing.aws, emulator, ui).await?;
    let all = deployed::observe(&placed).await?;
    let [deployed] = &all[..] else {
        unreachable!("one agent was selected")
    };
    let found = deployed.ours()?;
    let runtimes = Runtimes::new(&deployed.placed.session);
    let id = &found.state.id;
    let there = settled(&runtimes, id, name, writing, ui).await?;
    let version = plan::usable(*version, &runtimes.versions(id).await?)?;
    let pin = Pin {
        deployed,
        found,
        name,
        there: there.as_ref(),
        version,
        description: description.as_deref(),
    };
    pin.carry_out("endpoint set", writing, ui).await
}

/// The endpoint, once nobody else is at work on it: what is being changed cannot be changed.
pub(super) async fn settled(
    runtimes: &Runtimes,
    id: &str,
    name: &EndpointName,
    writing: &Writing,
    ui: &Ui,
) -> Result<Option<EndpointState>, Failure> {
    let look = async || -> Result<State<Option<EndpointState>>, Failure> {
        let there = runtimes.read_endpoint(id, name.as_str()).await?;
        Ok(match there {
            Some(endpoint) if busy(&endpoint.status) => State::Going(endpoint.status),
            there => State::Done(there),
        })
    };
    if writing.applying.changes_nothing() {
        return Ok(runtimes.read_endpoint(id, name.as_str()).await?);
    }
    wait(
        &format!("the change of endpoint `{name}` that is under way"),
        writing.timeout,
        look,
        ui,
    )
    .await
}

fn busy(status: &str) -> bool {
    matches!(status, "CREATING" | "UPDATING" | "DELETING")
}

impl Pin<'_> {
    /// Writes what is needed and waits until the version answers; or only says what would be written.
    pub(super) async fn carry_out(
        &self,
        command: &str,
        writing: &Writing,
        ui: &Ui,
    ) -> Result<(), Failure> {
        let step = plan::set(self.there, self.version, self.description);
        if let Some(step) = &step {
            let (doing, would, what) = step.words(self.name);
            if writing.applying.changes_nothing() {
                Planned::alone(writing.output, ui).status("Would", &format!("{would} {what}"));
            } else {
                ui.status(doing, &what);
                self.write(step).await?;
                self.ready(writing, ui).await?;
                ui.status(
                    "Ready",
                    &format!(
                        "endpoint `{}` answers with version {}",
                        self.name, self.version
                    ),
                );
            }
        } else {
            let what = format!("endpoint `{}` is at version {}", self.name, self.version);
            if writing.applying.changes_nothing() {
                Planned::alone(writing.output, ui).status("Unchanged", &what);
            } else {
                ui.status("Unchanged", &what);
            }
        }
        if writing.output == cli::Output::Json {
            let before = self.there.and_then(plan::live);
            let rest = json!({
                "version": 1,
                "command": command,
                "dry_run": writing.applying.changes_nothing(),
                "runtime": documents::runtime(&self.found.state),
                "endpoint": { "name": self.name },
                "before": before.map(|version| version.to_string()),
                "after": self.version.to_string(),
                "changed": step.is_some(),
            });
            ui.document(documents::placed(self.deployed.placed, rest));
        }
        if writing.applying.check && step.is_some() {
            return Err(Failure::silent(Exit::Findings));
        }
        Ok(())
    }

    async fn write(&self, step: &EndpointStep) -> Result<(), Failure> {
        let Deployed { placed, .. } = self.deployed;
        let runtimes = Runtimes::new(&placed.session);
        let id = &self.found.state.id;
        // An update without a description would take away the one that is there.
        let kept = self.there.and_then(|there| there.description.as_deref());
        let wish = EndpointWish {
            name: self.name.as_str(),
            version: self.version,
            description: self.description.or(kept),
        };
        match step {
            EndpointStep::Create { .. } => {
                let mut tags = placed.agent.tags.clone();
                tags.extend(Identity::of(placed.agent).tags());
                runtimes.create_endpoint(id, wish, tags).await?;
            }
            EndpointStep::Update { .. } => runtimes.update_endpoint(id, wish).await?,
        }
        Ok(())
    }

    async fn ready(&self, writing: &Writing, ui: &Ui) -> Result<(), Failure> {
        let runtimes = Runtimes::new(&self.deployed.placed.session);
        let id = &self.found.state.id;
        let look = async || -> Result<State<()>, Failure> {
            let there = runtimes.read_endpoint(id, self.name.as_str()).await?;
            Ok(match there {
                // It was made a moment ago and is not everywhere yet.
                None => State::Going("not there yet".to_owned()),
                Some(endpoint) if endpoint.status.ends_with("_FAILED") => State::Failed {
                    status: endpoint.status,
                    reason: endpoint.failure,
                },
                Some(endpoint)
                    if endpoint.status == READY && plan::live(&endpoint) == Some(self.version) =>
                {
                    State::Done(())
                }
                Some(endpoint) => State::Going(endpoint.status),
            })
        };
        let what = format!(
            "endpoint `{}` to answer with version {}",
            self.name, self.version
        );
        wait(&what, writing.timeout, look, ui).await
    }
}

async fn delete(args: DeleteArgs, ui: &Ui) -> Result<(), Failure> {
    plan::refuse_default(&args.name, "deleted")?;
    let writing = &args.writing;
    let stage = super::stage(&writing.project, writing.aws.local);
    let (project, config) = super::load(&writing.project, &stage, ui)?;
    deployed::single(&config.agents)?;
    let (reach, place) = (Reach::of(&writing.applying), (&project, &config));
    local::with(reach, &writing.aws, place, ui, async |emulator| {
        take_away(&args, &config, emulator, ui).await
    })
    .await
}

async fn take_away(
    args: &DeleteArgs,
    config: &Config,
    emulator: Option<&Emulator>,
    ui: &Ui,
) -> Result<(), Failure> {
    let DeleteArgs { name, yes, writing } = args;
    let placed = session::place(&config.agents, &writing.aws, emulator, ui).await?;
    let all = deployed::observe(&placed).await?;
    let [deployed] = &all[..] else {
        unreachable!("one agent was selected")
    };
    let found = deployed.ours()?;
    let runtimes = Runtimes::new(&deployed.placed.session);
    let there = runtimes
        .read_endpoint(&found.state.id, name.as_str())
        .await?;
    let planned = if writing.applying.changes_nothing() {
        Planned::alone(writing.output, ui)
    } else {
        Planned::before_doing(*yes, ui)
    };
    match &there {
        None => planned.status(
            "Nothing",
            &format!("to delete: there is no endpoint `{name}`"),
        ),
        Some(endpoint) => {
            let version = plan::live(endpoint).map_or(String::new(), |v| format!(" (version {v})"));
            let what = format!("endpoint `{name}`{version} of runtime `{}`", found.state.id);
            planned.status("Would", &format!("delete {what}"));
            if !writing.applying.changes_nothing() {
                confirm(*yes, ui)?;
                ui.status("Deleting", &what);
                remove(&deployed.placed.session, &found.state.id, name, writing, ui).await?;
                ui.status("Deleted", &what);
            }
        }
    }
    if writing.output == cli::Output::Json {
        let rest = json!({
            "version": 1,
            "command": "endpoint delete",
            "dry_run": writing.applying.changes_nothing(),
            "runtime": documents::runtime(&found.state),
            "endpoint": { "name": name },
            "changed": there.is_some(),
        });
        ui.document(documents::placed(deployed.placed, rest));
    }
    if writing.applying.check && there.is_some() {
        return Err(Failure::silent(Exit::Findings));
    }
    Ok(())
}

fn confirm(yes: bool, ui: &Ui) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !ui.is_interactive() {
        return Err(
            Failure::usage("deleting needs an answer, and there is no terminal to ask at")
                .help("pass `--yes` to delete it; nothing was deleted"),
        );
    }
    match ui.confirm("Delete it? Whoever calls this endpoint gets errors from then on") {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::world("nothing was deleted")),
        Err(why) => Err(Failure::new(why.exit(), "stopped; nothing was deleted")),
    }
}

async fn remove(
    session: &Session,
    id: &str,
    name: &EndpointName,
    writing: &Writing,
    ui: &Ui,
) -> Result<(), Failure> {
    let runtimes = Runtimes::new(session);
    runtimes.delete_endpoint(id, name.as_str()).await?;
    let look = async || -> Result<State<()>, Failure> {
        let there = runtimes.read_endpoint(id, name.as_str()).await?;
        Ok(match there {
            None => State::Done(()),
            Some(endpoint) if endpoint.status == "DELETE_FAILED" => State::Failed {
                status: endpoint.status,
                reason: endpoint.failure,
            },
            Some(endpoint) => State::Going(endpoint.status),
        })
    };
    let limit = writing.timeout.min(retry::DELETION);
    wait(&format!("endpoint `{name}` to go"), limit, look, ui).await
}
