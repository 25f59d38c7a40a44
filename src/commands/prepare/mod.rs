//! `cargo agentcore prepare`: copies the sources, creates or updates the execution role, and prints
//! the next command.

mod copies;
pub(super) mod toolkit;

use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, stream};

use self::toolkit::Handover;
use crate::{
    config::{Agent, Config},
    effects::{local::Emulator, manifest::Project},
    engine::{
        declared::{self, DeclaredWork},
        former_role,
        plan_output::Planned,
        role::{self, RoleWork},
        run::Run,
    },
    error::{Exit, Failure},
    names::AgentName,
    options,
    plan::files::Force,
    project::{
        self, consent,
        emulator::{self, Reach},
        packaging, partition,
        sessions::{self, Placed},
    },
    resources::role::Adopt,
    ui::Ui,
};

/// How many agents are prepared in parallel.
const AT_ONCE: usize = 16;

/// Copy the agent's sources and create or update its execution role
///
/// Prints to stdout, one line per agent, the `agentcore configure` command to run next.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Copy the sources from this directory instead of the agent's `source`
    #[arg(long, value_name = "DIR")]
    source_dir: Option<PathBuf>,
    /// Overwrite copied files that were edited by hand
    #[arg(long)]
    force: bool,
    /// Take over an existing role that has the agent's role name
    #[arg(long)]
    adopt: bool,
    /// Don't ask for confirmation
    #[arg(short, long)]
    yes: bool,
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
struct Work<'a> {
    placed: &'a Placed<'a>,
    files: copies::FileWork,
    role: RoleWork,
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let stage = project::stage(&args.project, args.aws.local);
    let (project, mut config) = project::load(&args.project, &stage, ui)?;
    if let Some(agent) = config.agents.iter().find(|agent| agent.rust().is_some()) {
        return Err(for_python(agent));
    }
    if let Some(agent) = config.agents.iter().find(|agent| agent.has_image()) {
        return Err(for_archives(agent));
    }
    consent::sources(&project, &mut config.agents, args.source_dir.as_deref(), ui)?;
    let (reach, place) = (Reach::of(&args.applying), (&project, &config));
    emulator::with(reach, &args.aws, place, ui, async |emulator| {
        prepare(&args, place, emulator, ui).await
    })
    .await
}

fn for_python(agent: &Agent) -> Failure {
    Failure::usage(format!(
        "`prepare` hands Python agents over to other tools, and `{}` is written in Rust",
        agent.name
    ))
    .help("`cargo agentcore deploy` creates its role, too; `cargo agentcore policy` prints it; `--agent` selects others")
}

fn for_archives(agent: &Agent) -> Failure {
    Failure::usage(format!(
        "`prepare` hands agents over to other tools as archives, and `{}` is an image",
        agent.name
    ))
    .help("`cargo agentcore deploy` creates its role, too; `cargo agentcore policy` prints it; `--agent` selects others")
}

async fn prepare(
    args: &Args,
    (project, config): (&Project, &Config),
    emulator: Option<&Emulator>,
    ui: &Ui,
) -> Result<(), Failure> {
    let placed = sessions::place((project, &config.agents), &args.aws, emulator, ui).await?;
    partition::warn_of_gaps(&placed, ui);
    let _lock = project::lock_to_apply(&args.applying, project, ui)?;
    let run = Run {
        project,
        declared: &config.declared,
        placed: &placed,
        applying: &args.applying,
        adopt: if args.adopt { Adopt::Yes } else { Adopt::No },
        yes: args.yes,
        ui,
    };
    let (resources, agents) = declared::settle(&run).await?;
    let placed = sessions::with_agents(&placed, &agents);
    let run = Run {
        placed: &placed,
        ..run
    };

    let looking = ui.working("Comparing", "the agents with what is there");
    let decided = decide(args, &run).await;
    drop(looking);
    let (work, mut failures) = Failure::split(decided);
    if args.applying.changes_nothing() {
        return show(args, (&work, &resources), failures, ui);
    }
    let roles = work.iter().map(|work| (work.placed, &work.role));
    role::agree(roles, &run)?;
    let current = toolkit::current()?;
    let applied: Vec<Result<Handover, Failure>> = stream::iter(&work)
        .map(|work| apply(args, &run, work, emulator, &current))
        .buffered(AT_ONCE)
        .collect()
        .await;
    let (done, failed) = Failure::split(applied);
    failures.extend(failed);
    let next = match &args.source_dir {
        None => "`cargo agentcore deploy` does the rest".to_owned(),
        Some(given) => format!(
            "set `source` to `{}` before `cargo agentcore deploy`, which ships that folder",
            given.display()
        ),
    };
    toolkit::report(&done, &ui.lead(&next), args.output, ui);
    Failure::all(failures).map_or(Ok(()), Err)
}

async fn decide<'a>(args: &Args, run: &Run<'a>) -> Vec<Result<Work<'a>, Failure>> {
    let (place, ui) = ((run.project, run.declared), run.ui);
    let force = if args.force { Force::Yes } else { Force::No };
    stream::iter(run.placed)
        .map(|placed| async move {
            let files = copies::decide(placed.agent, place, args.source_dir.as_deref(), force)?;
            let deciding = role::decide(placed.agent, &placed.session, run.adopt);
            let noticing = Box::pin(former_role::notice_default(placed, run.project, ui));
            let (role, ()) = tokio::join!(deciding, noticing);
            let role = role?;
            if role.reads_images() {
                return Err(runs_an_image(&placed.agent.name));
            }
            for warning in files.warnings().iter().chain(role.warnings()) {
                ui.warning(warning);
            }
            role::tell_reasons(placed.agent, ui);
            for note in files.notes() {
                ui.note(note);
            }
            Ok(Work {
                placed,
                files,
                role,
            })
        })
        .buffered(AT_ONCE)
        .collect()
        .await
}

/// Refuses to take the access to its image away from an agent that was deployed with `--image`. All
/// agents here are archives in their tables.
fn runs_an_image(agent: &AgentName) -> Failure {
    Failure::usage(format!("agent `{agent}` runs from an image"))
        .note("`prepare` would take its role's access to the image away")
        .help("`cargo agentcore deploy --image URI` updates the role, too")
        .help(format!(
            "`cargo agentcore clean --agent {agent}` deletes the agent, to deploy an archive instead"
        ))
}

/// Prints the plan, in words such as "Would create".
fn show(
    args: &Args,
    (work, resources): (&[Work<'_>], &DeclaredWork<'_>),
    failures: Vec<Failure>,
    ui: &Ui,
) -> Result<(), Failure> {
    let mut findings = resources.changes();
    let planned = Planned::alone(args.output, ui);
    resources.show(planned);
    for work in work {
        let here = !work.role.steps().is_empty() || work.files.changes();
        let found = !work.role.foreign().is_empty() || work.files.keeps();
        findings |= here || found;
        work.files.show(planned);
        role::show_steps(work.role.steps(), planned);
        if !here && !found {
            planned.status("Unchanged", &format!("agent `{}`", work.placed.agent.name));
        }
    }
    if args.output == options::Output::Json {
        ui.document(toolkit::plan_document(
            work.iter()
                .map(|work| (work.placed, &work.files, &work.role)),
        ));
    }
    if let Some(failure) = Failure::all(failures) {
        return Err(failure);
    }
    if findings && args.applying.check {
        return Err(Failure::silent(Exit::Findings));
    }
    Ok(())
}

async fn apply(
    args: &Args,
    run: &Run<'_>,
    work: &Work<'_>,
    emulator: Option<&Emulator>,
    current: &Path,
) -> Result<Handover, Failure> {
    let ui = run.ui;
    let Placed { agent, session } = work.placed;
    work.files.apply(ui)?;
    // Lets a later `clean` find the agent when it is no longer in Cargo.toml.
    packaging::directory(agent, run.project)?.create()?;
    let arn = role::apply(&work.role, session, run.adopt, ui).await?;
    if work.role.steps().is_empty() && !work.files.changes() {
        ui.status(
            "Unchanged",
            &if work.files.keeps() {
                format!(
                    "agent `{}`, except for the copies that were kept",
                    agent.name
                )
            } else {
                let name = &agent.name;
                format!("agent `{name}`: copied sources and role are up to date")
            },
        );
    }
    Ok(toolkit::of(
        work.placed,
        &work.files,
        work.role.steps(),
        &arn,
        &toolkit::Place {
            options: &args.aws,
            emulator,
            current,
        },
    ))
}
