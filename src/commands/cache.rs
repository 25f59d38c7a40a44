//! `cargo agentcore cache`: the cache that all projects on this machine share.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use crate::{
    effects::{
        cache::{self, Contents, Entry, Kind, Removal},
        clock,
    },
    engine::plan_output::Planned,
    error::Failure,
    options::Output,
    text::byte_size,
    ui::Ui,
};

/// Show or prune the cache that all projects share
///
/// It holds dependencies, the emulator and Python environments, which are recreated when needed.
/// `cargo agentcore cache prune` removes unused entries. CARGO_AGENTCORE_CACHE_DIR sets another
/// directory.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Output format
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        global = true
    )]
    output: Output,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Remove entries that have not been used for a while
    ///
    /// Entries in use by a command, a local AgentCore or an agent are kept. Files that this tool did
    /// not create are never touched.
    Prune(Prune),
}

#[derive(Debug, clap::Args)]
struct Prune {
    /// Remove entries that were not used for this long, such as `30d` or `12h`
    #[arg(long, value_name = "AGE", default_value = "30d", value_parser = age)]
    older_than: Duration,
    /// Remove all entries, however recently they were used
    #[arg(long, conflicts_with = "older_than")]
    all: bool,
    /// Show what would be removed without removing it
    #[arg(short = 'n', long)]
    dry_run: bool,
}

fn age(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "expected an age such as `30d`, `12h` or `1week`".to_owned())
}

pub fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let Args { action, output } = args;
    let directory = cache::directory()?;
    let contents = cache::contents()?;
    match (action, output) {
        (Some(Action::Prune(prune)), _) => pruned(&prune, contents, output, ui),
        (None, Output::Text) => {
            show(&directory, &contents, ui);
            Ok(())
        }
        (None, Output::Json) => {
            ui.document(json!({
                "directory": directory,
                "bytes": total(&contents.entries),
                "entries": contents.entries.iter().map(value).collect::<Vec<_>>(),
                "others": contents.others,
            }));
            Ok(())
        }
    }
}

/// Prints one line per kind.
fn show(directory: &Path, contents: &Contents, ui: &Ui) {
    let Contents {
        entries,
        locks: _,
        others,
    } = contents;
    let total = byte_size(total(entries));
    ui.result(&format!("{}: {total}", directory.display()));
    for kind in Kind::ALL {
        let of_kind: Vec<&Entry> = entries.iter().filter(|entry| entry.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        let bytes = of_kind.iter().map(|entry| entry.bytes).sum();
        let used = of_kind.iter().map(|entry| entry.used).max();
        ui.result(&format!(
            "{:>10}  {}, {}",
            byte_size(bytes),
            counted(kind, of_kind.len()),
            used.map_or_else(String::new, last_used)
        ));
    }
    note_others(others, ui);
}

fn note_others(others: &[String], ui: &Ui) {
    if !others.is_empty() {
        let names: Vec<String> = others.iter().map(|name| format!("`{name}`")).collect();
        ui.note(&format!(
            "ignored {} in this directory, which this tool did not create",
            names.join(", ")
        ));
    }
}

fn counted(kind: Kind, count: usize) -> String {
    let (one, many) = match kind {
        Kind::Dependencies => ("set of dependencies", "sets of dependencies"),
        Kind::LocalPackages => (
            "set of packages for `--local` and `dev`",
            "sets of packages for `--local` and `dev`",
        ),
        Kind::LocalPython => ("Python environment", "Python environments"),
        Kind::Emulator => (
            "version of the AWS emulator",
            "versions of the AWS emulator",
        ),
        Kind::Debugger => ("debugger", "debuggers"),
        Kind::Programs => (
            "record of an installed program",
            "records of installed programs",
        ),
        Kind::Unfinished => (
            "unfinished set of dependencies",
            "unfinished sets of dependencies",
        ),
    };
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Says how long ago the entry was used, in one unit.
fn last_used(used: SystemTime) -> String {
    let passed = clock::wall().duration_since(used).unwrap_or_default();
    let (count, unit) = match passed.as_secs() {
        seconds if seconds < 3_600 => return "last used within the hour".to_owned(),
        seconds if seconds < 86_400 => (seconds / 3_600, "hour"),
        seconds => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("last used {count} {unit}{plural} ago")
}

fn total(entries: &[Entry]) -> u64 {
    entries.iter().map(|entry| entry.bytes).sum()
}

fn value(entry: &Entry) -> Value {
    json!({
        "kind": entry.kind.word(),
        "name": entry.name,
        "bytes": entry.bytes,
        "last_used": entry.used_at(),
    })
}

fn pruned(prune: &Prune, contents: Contents, output: Output, ui: &Ui) -> Result<(), Failure> {
    let Prune {
        older_than,
        all,
        dry_run,
    } = prune;
    let Contents {
        entries,
        locks,
        others,
    } = contents;
    let now = clock::wall();
    let is_old = |entry: &Entry| {
        *all || entry.kind == Kind::Unfinished
            || now
                .duration_since(entry.used)
                .is_ok_and(|passed| passed >= *older_than)
    };
    let (old, recent): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(is_old);
    let (mut removed, mut in_use, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    let planned = Planned::alone(output, ui);
    for entry in old {
        match entry.remove(*dry_run) {
            Ok(Removal::Removed) => {
                let words = format!(
                    "`{}` ({}, {})",
                    entry.name,
                    byte_size(entry.bytes),
                    last_used(entry.used)
                );
                if *dry_run {
                    planned.status("Would", &format!("remove {words}"));
                } else {
                    ui.status("Removing", &words);
                }
                removed.push(entry);
            }
            Ok(Removal::InUse) => {
                ui.status("Keeping", &format!("`{}`, which is in use", entry.name));
                in_use.push(entry);
            }
            Err(failure) => failed.push(failure),
        }
    }
    if !*dry_run {
        for lock in &locks {
            failed.extend(lock.remove().err());
        }
    }
    let verb = if *dry_run { "Would" } else { "Removed" };
    let free = if *dry_run { "free " } else { "" };
    let words = match removed.len() {
        0 => "nothing".to_owned(),
        1 => format!("{free}{}, 1 entry", byte_size(total(&removed))),
        count => format!("{free}{}, {count} entries", byte_size(total(&removed))),
    };
    if *dry_run && removed.is_empty() {
        planned.status("Would", "remove nothing");
    } else {
        ui.status(verb, &words);
    }
    note_others(&others, ui);
    if output == Output::Json {
        let values = |entries: &[Entry]| entries.iter().map(value).collect::<Vec<_>>();
        ui.document(json!({
            "directory": cache::directory()?,
            "dry_run": dry_run,
            "removed": values(&removed),
            "in_use": values(&in_use),
            "kept": values(&recent),
            "bytes": total(&removed),
            "others": others,
        }));
    }
    Failure::all(failed).map_or(Ok(()), Err)
}
