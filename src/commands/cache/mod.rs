//! `cargo agentcore cache`: the cache that all projects on this machine share.

mod prune;

use std::{path::Path, time::SystemTime};

use serde_json::{Value, json};

use crate::{
    effects::{
        cache::{self, Contents, Entry, Kind},
        clock,
    },
    error::Failure,
    options::Output,
    text::{ago, byte_size, counted},
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
    Prune(prune::Args),
}

pub fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let Args { action, output } = args;
    let directory = cache::directory()?;
    let contents = cache::contents()?;
    match (action, output) {
        (Some(Action::Prune(prune)), _) => prune::run(&prune, contents, output, ui),
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
            words(kind, of_kind.len()),
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

fn words(kind: Kind, count: usize) -> String {
    let (what, rest) = match kind {
        Kind::Dependencies => ("set", " of dependencies"),
        Kind::LocalPackages => ("set", " of packages for `--local` and `dev`"),
        Kind::LocalPython => ("Python environment", ""),
        Kind::Emulator => ("version", " of the AWS emulator"),
        Kind::Debugger => ("debugger", ""),
        Kind::Images => ("part", " of images"),
        Kind::Programs if count == 1 => ("record", " of an installed program"),
        Kind::Programs => ("record", " of installed programs"),
        Kind::Unfinished => ("unfinished set", " of dependencies"),
    };
    format!("{}{rest}", counted(count, what))
}

fn last_used(used: SystemTime) -> String {
    let passed = clock::wall().duration_since(used).unwrap_or_default();
    format!("last used {}", ago(passed))
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
