//! `cargo agentcore cache prune`: removes entries that have not been used for a while.

use std::time::Duration;

use serde_json::json;

use super::{last_used, note_others, total, value};
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

#[derive(Debug, clap::Args)]
pub(super) struct Args {
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

pub(super) fn run(args: &Args, contents: Contents, output: Output, ui: &Ui) -> Result<(), Failure> {
    let Args {
        older_than,
        all,
        dry_run,
    } = args;
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
    let entries = match removed.len() {
        1 => "1 entry".to_owned(),
        count => format!("{count} entries"),
    };
    let words = match removed.len() {
        0 => "nothing".to_owned(),
        _ => format!("{free}{}, {entries}", byte_size(total(&removed))),
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
