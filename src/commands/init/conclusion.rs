//! How `init` ends: the plan is shown or carried out, and what is left to the user is said.

use std::path::{Path, PathBuf};

use super::{After, Args, Before, Ignoring, adopted::Adopted, handler};
use crate::{
    cli,
    commands::{new::next, planned::Planned},
    effects::{
        adoption, checkout,
        consent::{self, Asked},
        destination,
    },
    error::Failure,
    ui::Ui,
};

const MANIFEST: &str = "Cargo.toml";
const GITIGNORE: &str = ".gitignore";

/// Shows the plan or carries it out.
pub(super) fn reach(
    args: &Args,
    before: &Before,
    after: &After,
    all: &[Adopted],
    ui: &Ui,
) -> Result<(), Failure> {
    let shown = |path: &Path| {
        let plain = args.path == Path::new(".");
        let path = if plain {
            path.to_owned()
        } else {
            args.path.join(path)
        };
        path.display().to_string()
    };
    // A project of ours is there to have agents added to it.
    let writes = args.write || before.is_project();
    let additions = if writes { additions(after) } else { Vec::new() };
    let kept = |lines: Planned<'_>| {
        let added = |path: &Path| additions.iter().any(|addition| addition.file == path);
        for path in after.kept.iter().filter(|path| !added(path)) {
            lines.status(
                "Keeping",
                &format!("`{}`, which is there already", shown(path)),
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
                handler::said(&adopted.placed.entry)
            )
        })
        .collect();
    if args.dry_run {
        let planned = Planned::alone(cli::Output::Text, ui);
        for adopted in &adopted {
            planned.status("Would", &format!("adopt {adopted}"));
        }
        for path in after.new.keys() {
            planned.status("Would", &format!("write `{}`", shown(path)));
        }
        for Addition { file, what, .. } in &additions {
            planned.status("Would", &format!("add {what} to `{}`", shown(file)));
        }
        kept(planned);
    } else {
        for adopted in &adopted {
            ui.status("Adopting", adopted);
        }
        let replaced: Vec<(PathBuf, Vec<u8>)> = additions
            .iter()
            .map(|addition| (before.root.join(addition.file), addition.whole.to_vec()))
            .collect();
        adoption::write(&before.root, &after.new, &replaced)?;
        // Whoever names a source here has confirmed it. What cannot be remembered is asked for later.
        let source = destination::absolute(args.source.as_ref().unwrap_or(&args.path))?;
        if !checkout::holds(&before.workspace.root, &source) {
            let _ = consent::give(&before.workspace.root, Asked::Source(&source));
        }
        for path in after.new.keys() {
            ui.status("Writing", &format!("`{}`", shown(path)));
        }
        for Addition { file, what, .. } in &additions {
            ui.status("Adding", &format!("{what} to `{}`", shown(file)));
        }
        kept(Planned::before_doing(true, ui));
    }
    let first = if writes {
        None
    } else {
        left_to_do(after, &shown, ui)
    };
    if !args.dry_run {
        next(first, &args.path, ui);
    }
    Ok(())
}

/// What goes into a file that is there.
struct Addition<'a> {
    file: &'static Path,
    what: String,
    /// The file's text with it.
    whole: &'a [u8],
}

fn additions(after: &After) -> Vec<Addition<'_>> {
    let mut found = Vec::new();
    if let Some(Ignoring { lines, whole }) = &after.ignoring {
        let lines: Vec<String> = lines.iter().map(|line| format!("`{line}`")).collect();
        found.push(Addition {
            file: Path::new(GITIGNORE),
            what: lines.join(", "),
            whole,
        });
    }
    if let Some((_, whole)) = &after.addition {
        found.push(Addition {
            file: Path::new(MANIFEST),
            what: "the agent".to_owned(),
            whole: whole.as_bytes(),
        });
    }
    found
}

/// Prints what the files that are there lack; the answer is what has to be done before anything else.
fn left_to_do(after: &After, shown: &dyn Fn(&Path) -> String, ui: &Ui) -> Option<String> {
    if let Some(Ignoring { lines, .. }) = &after.ignoring {
        ui.note(&format!(
            "`{}` is left as it is without `--write`; it lacks",
            shown(Path::new(GITIGNORE))
        ));
        for line in lines {
            ui.plain(line);
        }
    }
    let (table, _) = after.addition.as_ref()?;
    let manifest = shown(Path::new(MANIFEST));
    ui.result(table.trim_end());
    ui.note(&format!("`{manifest}` is left as it is without `--write`"));
    // No command finds the agent before its table is there.
    Some(format!(
        "add the table above to `{manifest}`, or run this again with `--write`; then"
    ))
}
