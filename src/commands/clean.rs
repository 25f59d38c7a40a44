//! `cargo agentcore clean`: list what is ours, delete it, and prove it gone.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Applying,
    local::{self, Reach},
    planned::Planned,
    removal,
    removal::Removal,
    session,
};
use crate::{
    cli,
    config::Config,
    effects::{self, files, local::Emulator, manifest::Project},
    error::{Exit, Failure},
    plan::clean::{Kept, Logs, Subject, Trust, Weight},
    ui::Ui,
};

/// Delete what belongs to the configured agents, on AWS and on disk
///
/// Lists everything first and asks. Deletes only what is proven to be this project's: by its tags, by
/// the role that its tags prove, or by the runtime that it belongs to. Everything else is listed as
/// kept, with the reason. With `--agent`, an agent that is not in Cargo.toml any more is deleted too.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Delete the runtimes' log groups too
    #[arg(long)]
    logs: bool,
    /// Clean every region that the execution role serves; with `role.arn`, every region that is known
    #[arg(long)]
    all_regions: bool,
    /// Delete also what only the toolkit's `.bedrock_agentcore.yaml` says to be ours
    #[arg(long)]
    include_yaml: bool,
    #[command(flatten)]
    applying: Applying,
    /// The form of what goes to stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    output: cli::Output,
    #[command(flatten)]
    project: cli::Project,
    #[command(flatten)]
    aws: cli::Aws,
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let stage = super::stage(&args.project, args.aws.local);
    let (project, config) = super::load_to_clean(&args.project, &stage, ui)?;
    let (reach, place) = (Reach::of(&args.applying), (&project, &config));
    local::with(reach, &args.aws, place, ui, async |emulator| {
        clean(&args, place, emulator, ui).await
    })
    .await
}

async fn clean(
    args: &Args,
    (project, config): (&Project, &Config),
    emulator: Option<&Emulator>,
    ui: &Ui,
) -> Result<(), Failure> {
    let placed = session::place(&config.agents, &args.aws, emulator, ui).await?;
    let _lock = if args.applying.changes_nothing() {
        None
    } else {
        Some(super::lock(project, ui)?)
    };
    let options = removal::Options {
        logs: if args.logs { Logs::Delete } else { Logs::Keep },
        yaml: if args.include_yaml {
            Trust::Included
        } else {
            Trust::Proven
        },
        all_regions: args.all_regions,
    };

    let place = (project, &config.declared);
    let removals = removal::observe(&placed, place, options, &[]).await?;
    if args.all_regions {
        let uncertain = removals.iter().filter_map(Removal::uncertain_regions);
        uncertain.for_each(|message| ui.warning(&message));
    }
    let nothing = removals.iter().all(Removal::is_empty);
    let asked = !args.applying.changes_nothing() && !nothing;
    list(args, &removals, ui);
    if let Some(name) = removals.iter().find_map(Removal::unknown) {
        return Err(super::no_agent(name.as_str(), &config.declared)
            .note("and there is nothing in AWS that is provably its"));
    }
    if !asked {
        report(args, &removals, Some(&removals), ui);
        if args.applying.check && !nothing {
            return Err(Failure::silent(Exit::Findings));
        }
        if nothing && args.applying.changes_nothing() {
            Planned::alone(args.output, ui).status("Nothing", "to delete");
        } else if nothing {
            ui.status("Nothing", "to delete");
        }
        if args.applying.changes_nothing() {
            return Ok(());
        }
        finished(&leftovers(&removals))?;
        return end_emulator(args, project, config, &removals, ui).await;
    }
    confirm(args, ui)?;
    let mut failures = Vec::new();
    for removal in &removals {
        if let Err(failure) = removal.apply(ui).await {
            failures.push(failure);
        }
    }
    // Read back: what is still there was not deleted, whatever was answered.
    let after = match removal::observe(&placed, place, options, &removals).await {
        Ok(after) => Some(after),
        Err(failure) => {
            failures.push(failure);
            None
        }
    };
    report(args, &removals, after.as_deref(), ui);
    let stuck = leftovers(after.as_deref().unwrap_or_default());
    if let Some(failure) = Failure::all(failures) {
        return Err(failure.help("run `cargo agentcore clean` again: it goes on with what is left"));
    }
    finished(&stuck)?;
    ui.status("Cleaned", "and read back: nothing of this is left");
    end_emulator(args, project, config, &removals, ui).await
}

fn list(args: &Args, removals: &[Removal<'_>], ui: &Ui) {
    let announcing = if args.applying.changes_nothing() {
        "Would"
    } else {
        "To"
    };
    let planned = if args.applying.changes_nothing() {
        Planned::alone(args.output, ui)
    } else {
        Planned::before_doing(args.yes, ui)
    };
    for removal in removals {
        for what in removal.words() {
            planned.status(announcing, &what);
        }
    }
    for kept in kept(removals) {
        planned.status("Keeping", &format!("{}: {}", kept.what, kept.why));
    }
}

fn kept<'a>(removals: &'a [Removal<'_>]) -> Vec<&'a Kept> {
    let mut all: Vec<&Kept> = removals.iter().flat_map(Removal::kept).collect();
    all.sort();
    all.dedup();
    all
}

fn confirm(args: &Args, ui: &Ui) -> Result<(), Failure> {
    if args.yes {
        return Ok(());
    }
    if !ui.is_interactive() {
        return Err(
            Failure::usage("deleting needs an answer, and there is no terminal to ask at")
                .help("pass `--yes` to delete what is listed above; nothing was deleted"),
        );
    }
    match ui.confirm("Delete all of this?") {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::world("nothing was deleted")),
        Err(why) => Err(Failure::new(why.exit(), "stopped; nothing was deleted")),
    }
}

/// What is ours and still there.
fn leftovers(removals: &[Removal<'_>]) -> Vec<String> {
    let stuck = kept(removals)
        .into_iter()
        .filter(|kept| kept.weight == Weight::Leftover);
    let steps = removals
        .iter()
        .flat_map(Removal::words)
        .map(|words| format!("not done: {words}"));
    stuck
        .map(|kept| format!("{}: {}", kept.what, kept.why))
        .chain(steps)
        .collect()
}

fn finished(stuck: &[String]) -> Result<(), Failure> {
    if stuck.is_empty() {
        return Ok(());
    }
    let mut failure = Failure::world("something of this project is left");
    for what in stuck {
        failure = failure.note(what);
    }
    Err(failure
        .help("when that is done, run `cargo agentcore clean` again: it goes on with what is left"))
}

/// `after` is what was read back; without it nobody knows what went.
fn report(args: &Args, before: &[Removal<'_>], after: Option<&[Removal<'_>]>, ui: &Ui) {
    if args.output != cli::Output::Json {
        return;
    }
    let planned = deletions(before);
    let left = after.map(deletions);
    let done: Option<Vec<&Value>> = left.as_ref().map(|left| {
        let gone = planned.iter().filter(|what| !left.contains(what));
        gone.collect()
    });
    let kept: Vec<_> = kept(after.unwrap_or(before))
        .into_iter()
        .map(|kept| {
            let leftover = kept.weight == Weight::Leftover;
            let mut document = about(&kept.what);
            document["reason"] = json!(kept.why);
            document["leftover"] = json!(leftover);
            document
        })
        .collect();
    let document = if args.applying.changes_nothing() {
        json!({ "version": 1, "command": "clean", "dry_run": true, "would": planned, "kept": kept })
    } else {
        json!({ "version": 1, "command": "clean", "deleted": done, "kept": kept, "left": left })
    };
    ui.document(document);
}

fn deletions(removals: &[Removal<'_>]) -> Vec<Value> {
    let all = removals.iter().flat_map(Removal::deletions);
    all.map(|(action, subject)| {
        let mut document = about(&subject);
        document["action"] = json!(action);
        document
    })
    .collect()
}

fn about(subject: &Subject) -> Value {
    let Subject {
        kind,
        name,
        of,
        region,
    } = subject;
    let kind = kind.replace(' ', "_");
    json!({ "kind": kind, "name": name, "of": of, "region": region })
}

/// After everything in it is gone, the emulator goes too, with its state. What is kept would not outlive it.
async fn end_emulator(
    args: &Args,
    project: &Project,
    config: &Config,
    removals: &[Removal<'_>],
    ui: &Ui,
) -> Result<(), Failure> {
    if !args.aws.local || !args.project.agent.is_empty() {
        return Ok(());
    }
    let dir = local::dir(project, config)?;
    let kept: BTreeSet<String> = removals
        .iter()
        .flat_map(Removal::kept_in_aws)
        .map(|kept| kept.what.to_string())
        .collect();
    if !kept.is_empty() {
        let kept = kept.into_iter().collect::<Vec<_>>().join(", ");
        ui.status("Keeping", &format!("the emulator: with it would go {kept}"));
        ui.note(&format!(
            "`cargo agentcore local stop` ends it; all that is in it is in `{}`",
            dir.display()
        ));
        return Ok(());
    }
    if let effects::local::Stopped::WasRunning(emulator) = effects::local::stop(&dir).await? {
        ui.status("Stopped", &format!("the emulator at {}", emulator.url));
    }
    files::remove_tree(&dir)?;
    Ok(())
}
