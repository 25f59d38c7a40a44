//! `cargo agentcore prepare`: copies the sources, creates or updates the execution role, and prints
//! the next command.

pub(super) mod toolkit;

use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, stream};

use self::toolkit::Handover;
use super::starting::Asked;
use crate::{
    config::Config,
    effects::{local::Emulator, manifest::Project},
    engine::{
        declared::DeclaredWork,
        handover::{self, AT_ONCE, HandoverWork},
        plan_output::Planned,
        role,
        run::Run,
    },
    error::{Exit, Failure},
    options,
    plan::files::Force,
    project::{
        self, consent,
        emulator::{self, Reach},
    },
    resources::{change::Reveal, role::Adopt},
    ui::Ui,
};

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

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let stage = project::stage(&args.project, args.aws.local);
    let (project, mut config) = project::load(&args.project, &stage, ui)?;
    handover::check(&config.agents)?;
    consent::sources(&project, &mut config.agents, args.source_dir.as_deref(), ui)?;
    let (reach, place) = (Reach::of(&args.applying), (&project, &config));
    emulator::with(reach, &args.aws, place, ui, async |emulator| {
        prepare(&args, place, emulator, ui).await
    })
    .await
}

async fn prepare(
    args: &Args,
    place: (&Project, &Config),
    emulator: Option<&Emulator>,
    ui: &Ui,
) -> Result<(), Failure> {
    let asked = Asked {
        place,
        aws: &args.aws,
        emulator,
        applying: &args.applying,
        adopt: if args.adopt { Adopt::Yes } else { Adopt::No },
        yes: args.yes,
        ui,
    };
    let hand_over = async |run: Run<'_>, resources: DeclaredWork<'_>| {
        Box::pin(hand_over(args, run, resources, emulator)).await
    };
    asked.run(|_| Ok(()), hand_over).await
}

async fn hand_over(
    args: &Args,
    run: Run<'_>,
    mut resources: DeclaredWork<'_>,
    emulator: Option<&Emulator>,
) -> Result<(), Failure> {
    let ui = run.ui;
    resources.leave_targets(ui);
    let looking = ui.working("Comparing", "the agents with what is there");
    let how = (args.source_dir.as_deref(), args.force());
    let decided = handover::observe(&run, how).await;
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

/// Prints the plan, in words such as "Would create".
fn show(
    args: &Args,
    (work, resources): (&[HandoverWork<'_>], &DeclaredWork<'_>),
    failures: Vec<Failure>,
    ui: &Ui,
) -> Result<(), Failure> {
    let mut findings = resources.changes();
    let planned = Planned::alone(args.output, ui);
    resources.show(planned);
    for work in work {
        findings |= work.has_findings();
        planned.changes(&work.changes(), Reveal::Keys);
        if !work.has_findings() {
            planned.status("Unchanged", &format!("agent `{}`", work.placed.agent.name));
        }
    }
    if args.output == options::Output::Json {
        ui.document(toolkit::plan_document(work));
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
    work: &HandoverWork<'_>,
    emulator: Option<&Emulator>,
    current: &Path,
) -> Result<Handover, Failure> {
    let arn = work.apply(run).await?;
    Ok(toolkit::of(
        work,
        &arn,
        &toolkit::CommandPlace {
            options: &args.aws,
            emulator,
            current,
        },
    ))
}

impl Args {
    fn force(&self) -> Force {
        if self.force { Force::Yes } else { Force::No }
    }
}
