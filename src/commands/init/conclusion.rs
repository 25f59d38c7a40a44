//! The end of `init`: prints or carries out the plan, and prints the remaining steps.

use std::path::{Path, PathBuf};

use super::{
    Args,
    additions::{Addition, additions, way},
    adopted::Adopted,
    written::{After, GITIGNORE, Ignoring},
};
use crate::{
    commands::next_steps::next,
    effects::{
        adopt_files, checkout,
        consent::{self, Asked},
        new_project,
    },
    engine::plan_output::Planned,
    error::Failure,
    options,
    plan::init::relative,
    project::declaring::{Before, Insertion},
    text::path::folded,
    ui::Ui,
};

/// Prints the plan or carries it out.
pub(super) fn reach(
    args: &Args,
    before: &Before,
    after: &After,
    all: &[Adopted],
    ui: &Ui,
) -> Result<(), Failure> {
    let given = new_project::absolute(&args.path)?;
    let root = args.path.join(relative(&given, &before.root));
    let shown = |path: &Path| folded(&root.join(path)).display().to_string();
    // Adding agents to a project of this tool needs no `--write`.
    let writes = args.write || before.is_project();
    let additions = if writes {
        additions(before, after)
    } else {
        Vec::new()
    };
    let kept = |lines: Planned<'_>| {
        let added = |path: &Path| {
            let path = before.root.join(path);
            additions.iter().any(|addition| addition.file == path)
        };
        for path in after.kept.iter().filter(|path| !added(path)) {
            lines.status(
                "Keeping",
                &format!("`{}`, which already exists", shown(path)),
            );
        }
    };
    let source = args.source.as_ref().unwrap_or(&args.path);
    let adopted: Vec<String> = all
        .iter()
        .map(|adopted| {
            format!(
                "agent `{}` from `{}`: {}",
                adopted.agent,
                source.display(),
                adopted.placed.entry.words()
            )
        })
        .collect();
    if args.dry_run {
        let planned = Planned::alone(options::Output::Text, ui);
        for adopted in &adopted {
            planned.status("Would", &format!("adopt {adopted}"));
        }
        for path in after.new.keys() {
            planned.status("Would", &format!("write `{}`", shown(path)));
        }
        for path in after.replaced.keys() {
            planned.status("Would", &format!("replace `{}`", shown(path)));
        }
        for Addition { file, what, .. } in &additions {
            planned.status(
                "Would",
                &format!("add {what} to `{}`", shown(&way(before, file))),
            );
        }
        kept(planned);
    } else {
        for adopted in &adopted {
            ui.status("Adopting", adopted);
        }
        let edited = additions
            .iter()
            .map(|addition| (addition.file.clone(), addition.whole.to_vec()));
        let replaced = after.replaced.iter();
        let replaced = replaced.map(|(path, text)| (before.root.join(path), text.clone()));
        let replaced: Vec<(PathBuf, Vec<u8>)> = edited.chain(replaced).collect();
        adopt_files::write(&before.root, &after.new, &replaced)?;
        // Naming a source here confirms it. If this cannot be recorded, the user is asked later.
        let source = new_project::absolute(args.source.as_ref().unwrap_or(&args.path))?;
        if !checkout::holds(&before.workspace.root, &source) {
            let _ = consent::give(&before.workspace.root, Asked::Source(&source));
        }
        for path in after.new.keys() {
            ui.status("Writing", &format!("`{}`", shown(path)));
        }
        for path in after.replaced.keys() {
            ui.status("Replacing", &format!("`{}`", shown(path)));
        }
        for Addition { file, what, .. } in &additions {
            ui.status(
                "Adding",
                &format!("{what} to `{}`", shown(&way(before, file))),
            );
        }
        kept(Planned::before_doing(true, ui));
    }
    let first = if writes {
        None
    } else {
        left_to_do(before, after, &shown, ui)
    };
    if !args.dry_run {
        next(first, &args.path, ui);
    }
    Ok(())
}

/// Prints what existing files lack, and returns what must be done first.
fn left_to_do(
    before: &Before,
    after: &After,
    shown: &dyn Fn(&Path) -> String,
    ui: &Ui,
) -> Option<String> {
    if let Some(Ignoring { lines, .. }) = &after.ignoring {
        ui.note(&format!(
            "`{}` is not changed without `--write`; it needs",
            shown(Path::new(GITIGNORE))
        ));
        for line in lines {
            ui.plain(line);
        }
    }
    let manifest = |insertion: &Insertion| shown(&way(before, &insertion.manifest));
    let manifests: Vec<String> = after
        .insertions
        .iter()
        .map(|insertion| format!("`{}`", manifest(insertion)))
        .collect();
    match &after.insertions[..] {
        [] => return None,
        [one] => ui.result(one.table.trim_end()),
        several => {
            let tables = several
                .iter()
                .map(|insertion| format!("# {}\n{}", manifest(insertion), insertion.table));
            let tables: Vec<String> = tables.collect();
            ui.result(tables.join("\n").trim_end());
        }
    }
    let (tables, are) = match manifests.len() {
        1 => ("table", "is"),
        _ => ("tables", "are"),
    };
    let manifests = manifests.join(" and ");
    ui.note(&format!("{manifests} {are} not changed without `--write`"));
    // No command finds the agent without its table.
    Some(format!(
        "add the {tables} above to {manifests}, or run this again with `--write`; then"
    ))
}
