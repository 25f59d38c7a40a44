//! What `clean` prints: the plan, what is left, and the result.

use std::collections::BTreeSet;

use serde_json::json;

use super::Args;
use crate::{
    engine::{clean::Cleaning, plan_output::Planned},
    error::Failure,
    options,
    resources::{
        change::{Change, values},
        deletion::{Kept, Weight},
    },
    ui::Ui,
};

pub(super) fn list(args: &Args, cleaning: &Cleaning<'_>, of_emulator: Option<&str>, ui: &Ui) {
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
    // Without a prompt, the status lines of the deletions contain the same.
    if !args.yes || args.applying.changes_nothing() {
        for change in cleaning.changes() {
            planned.status(announcing, &change.words());
        }
        if let Some(what) = of_emulator {
            planned.status(announcing, what);
        }
    }
    for role in cleaning.former_roles() {
        ui.note(&format!(
            "the role `{role}` is not the one that Cargo.toml configures, but its tags prove that it belongs to this agent"
        ));
    }
    for kept in kept(cleaning) {
        planned.status("Keeping", &format!("{}: {}", kept.what, why(kept, ui)));
    }
}

fn kept<'a>(cleaning: &'a Cleaning<'_>) -> BTreeSet<&'a Kept> {
    cleaning.kept().collect()
}

/// Returns the reason, with commands that contain the options of this run, except the stage: the
/// reason names the stage of the resource that is kept.
fn why(kept: &Kept, ui: &Ui) -> String {
    ui.lead_elsewhere(&kept.why)
}

/// Lists the project's resources that still exist.
pub(super) fn leftovers(cleaning: &Cleaning<'_>) -> Vec<String> {
    let stuck = kept(cleaning)
        .into_iter()
        .filter(|kept| kept.weight == Weight::Leftover);
    let steps = cleaning.changes().into_iter();
    let steps = steps.map(|change| format!("not done: {}", change.words()));
    stuck
        .map(|kept| format!("{}: {}", kept.what, kept.why))
        .chain(steps)
        .collect()
}

pub(super) fn finished(args: &Args, stuck: &[String]) -> Result<(), Failure> {
    if stuck.is_empty() {
        return Ok(());
    }
    let mut failure = Failure::world("some resources of this project are left");
    for what in stuck {
        failure = failure.note(what);
    }
    Err(failure.help(format!(
        "when that is done, run `{}` again: it continues with what is left",
        again(args)
    )))
}

/// Returns the command with the options that determine what is deleted.
pub(super) fn again(args: &Args) -> String {
    let flags = [
        ("--logs", args.logs),
        ("--all-regions", args.all_regions),
        ("--include-yaml", args.include_yaml),
    ];
    let given = flags.into_iter().filter(|(_, given)| *given);
    given.fold("cargo agentcore clean".to_owned(), |words, (flag, _)| {
        format!("{words} {flag}")
    })
}

/// Prints the JSON report. `after` is what was observed after the deletions; without it, the result
/// is unknown.
pub(super) fn report(args: &Args, before: &Cleaning<'_>, after: Option<&Cleaning<'_>>, ui: &Ui) {
    if args.output != options::Output::Json {
        return;
    }
    let planned = before.changes();
    let left = after.map(Cleaning::changes);
    let done = left.as_ref().map(|left| {
        let is_left = |what: &&Change| {
            let mut left = left.iter();
            left.any(|left| (left.action, &left.subject) == (what.action, &what.subject))
        };
        values(planned.iter().filter(|what| !is_left(what)))
    });
    let left = left.as_ref().map(values);
    let planned = values(&planned);
    let kept: Vec<_> = kept(after.unwrap_or(before))
        .into_iter()
        .map(|kept| {
            let leftover = kept.weight == Weight::Leftover;
            let mut document = kept.what.value();
            document.insert("reason".to_owned(), json!(why(kept, ui)));
            document.insert("leftover".to_owned(), json!(leftover));
            document
        })
        .collect();
    let document = if args.applying.changes_nothing() {
        json!({ "dry_run": true, "would": planned, "kept": kept })
    } else {
        json!({ "deleted": done, "kept": kept, "left": left })
    };
    ui.document(document);
}
