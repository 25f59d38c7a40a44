//! `cargo agentcore clean`: lists the project's resources, deletes them, and checks that they are
//! gone.

mod confirm;
mod report;

use self::{
    confirm::{answerable, confirm},
    report::{again, finished, leftovers, list, report},
};
use super::starting::Opened;
use crate::{
    config::Config,
    effects::{local::Emulator, manifest::Project},
    engine::{
        clean::{self, Cleaning, World},
        plan_output::Planned,
    },
    error::{Exit, Failure},
    names::AgentName,
    options,
    project::{
        self,
        emulator::{self, Reach},
        sessions::{self, Placed},
    },
    resources::{clean::Trust, deletion::Logs},
    ui::Ui,
};

/// Delete everything that belongs to the agents, in AWS and on disk
///
/// Lists everything first and asks for confirmation. Deletes only resources that provably belong to this
/// project: by their tags, by a role with our tags, or by the runtime they belong to. Lists everything else
/// as kept, with the reason. `--agent` also accepts an agent that is no longer in Cargo.toml.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Don't ask for confirmation
    #[arg(short, long)]
    yes: bool,
    /// Also delete the runtimes' log groups
    #[arg(long)]
    logs: bool,
    /// Clean every region the execution role serves; with `role.arn`, every known region
    #[arg(long)]
    all_regions: bool,
    /// Also delete resources that only the toolkit's `.bedrock_agentcore.yaml` assigns to us
    #[arg(long)]
    include_yaml: bool,
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
    let (project, config) = clean::load(&args.project, &stage, ui)?;
    if !args.applying.changes_nothing() && emulator::is_asleep(&args.aws, &project, &config)? {
        // Fails before the emulator is started.
        answerable(&args, "what `--dry-run` lists", ui)?;
    }
    let _lock = project::lock_to_apply(&args.applying, &project, ui)?;
    let reach = match Reach::of(&args.applying) {
        Reach::Writes | Reach::Removes => Reach::Removes,
        Reach::Reads => Reach::Reads,
    };
    let opened = Opened::of((project, config), &args.aws, ui);
    if opened.is_empty()? {
        let placed = sessions::place_nowhere(&opened.config.agents, &args.aws).await?;
        return clean(&args, opened.place(), (&placed, World::Empty), ui).await;
    }
    let clean = async |placed: &[Placed<'_>], _: Option<&Emulator>| {
        clean(&args, opened.place(), (placed, World::Asked), ui).await
    };
    opened.with(reach, clean).await
}

async fn clean(
    args: &Args,
    (project, config): (&Project, &Config),
    (placed, world): (&[Placed<'_>], World),
    ui: &Ui,
) -> Result<(), Failure> {
    let options = clean::Options {
        // The emulator's logs are deleted with the emulator.
        logs: if args.logs || args.aws.local {
            Logs::Delete
        } else {
            Logs::Keep
        },
        yaml: if args.include_yaml {
            Trust::Included
        } else {
            Trust::Proven
        },
        all_regions: args.all_regions,
        world,
    };

    let place = (project, &config.declared);
    let looking = ui.working("Looking", "for what belongs to the agents");
    let cleaning = clean::observe(placed, place, options, None).await?;
    drop(looking);
    if args.all_regions {
        let uncertain = cleaning.uncertain_regions();
        uncertain.for_each(|message| ui.warning(&message));
    }
    let nothing = cleaning.is_empty();
    let asked = !args.applying.changes_nothing() && !nothing;
    let of_emulator = if takes_emulator(args, config) {
        clean::emulator::words((project, config))?
    } else {
        None
    };
    list(args, &cleaning, of_emulator.as_deref(), ui);
    for message in cleaning.warnings() {
        ui.warning(message);
    }
    if let Some(name) = cleaning.unknown() {
        return Err(project::no_agent(name.as_str(), &config.declared)
            .note("nothing in AWS provably belongs to it"));
    }
    if !asked {
        report(args, &cleaning, Some(&cleaning), ui);
        if args.applying.check && !nothing {
            return Err(Failure::silent(Exit::Findings));
        }
        let nothing = nothing && of_emulator.is_none();
        if nothing && args.applying.changes_nothing() {
            Planned::alone(args.output, ui).status("Nothing", "to delete");
        } else if nothing {
            ui.status("Nothing", "to delete");
        }
        if args.applying.changes_nothing() {
            return Ok(());
        }
        finished(args, &leftovers(&cleaning))?;
        return end_emulator(args, (project, config), &cleaning, world, ui).await;
    }
    confirm(args, &sessions::places(cleaning.places()), ui)?;
    let mut failures = cleaning.apply(ui).await;
    // Check what is left: it was not deleted, whatever the service answered.
    let after = match clean::observe(placed, place, options, Some(&cleaning)).await {
        Ok(after) => Some(after),
        Err(failure) => {
            failures.push(failure);
            None
        }
    };
    report(args, &cleaning, after.as_ref(), ui);
    let stuck = after.as_ref().map(leftovers).unwrap_or_default();
    if let Some(failure) = Failure::all(failures) {
        return Err(failure.help(format!(
            "run `{}` again: it continues with what is left",
            again(args)
        )));
    }
    finished(args, &stuck)?;
    ui.status("Cleaned", "up and verified: all of it is gone");
    end_emulator(args, (project, config), &cleaning, world, ui).await
}

/// Returns true if the emulator may be deleted: only if all agents are cleaned, because a part of
/// them does not tell what else is in it.
fn takes_emulator(args: &Args, config: &Config) -> bool {
    let is_meant = |name: &AgentName| config.agents.iter().any(|agent| agent.name == *name);
    args.aws.local && config.declared.agents.iter().all(is_meant)
}

/// Deletes the emulator if nothing is left in it.
async fn end_emulator(
    args: &Args,
    place: (&Project, &Config),
    cleaning: &Cleaning<'_>,
    world: World,
    ui: &Ui,
) -> Result<(), Failure> {
    if !takes_emulator(args, place.1) {
        return Ok(());
    }
    clean::emulator::end(place, cleaning, world, ui).await
}
