//! `cargo agentcore init`: turns an existing agent into a project, without changing its files.

mod additions;
mod adopted;
mod agent_settings;
mod conclusion;
mod findings;
mod handler;
mod observed;
mod package;
mod permissions;
mod settings;
mod written;

use std::{collections::BTreeSet, path::PathBuf};

use self::{adopted::Adopted, findings::Findings, written::After};
use crate::{
    config::Agent,
    effects::{adopt_files, manifest::Project, new_project, source},
    error::Failure,
    names::AgentName,
    plan::{
        init::{self as plan, Location},
        new::agent_name,
    },
    project::{declaring::Before, prompts::DecidedRegion},
    scaffold::adopt::{Entry, Sources},
    ui::Ui,
};

/// Set up an existing agent: write the table, and for a Python agent an entry point
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Project directory
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Directory of the agent's Python files, inside or outside the project [default: the project directory]
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    #[command(flatten)]
    handler: handler::HandlerOptions,
    /// Agent's name [default: the source directory's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    settings: settings::SettingsOptions,
    /// Requirements file or pyproject.toml with the agent's dependencies [default: found beside the
    /// sources]
    #[arg(long, value_name = "FILE")]
    requirements: Option<PathBuf>,
    /// Edit an existing Cargo.toml and .gitignore instead of printing what to add
    #[arg(long)]
    write: bool,
    /// Make a separate project, even inside a cargo workspace
    #[arg(long)]
    standalone: bool,
    /// Don't prompt; use the options and defaults
    #[arg(short, long)]
    yes: bool,
    /// Show what would be created without creating it
    #[arg(short = 'n', long)]
    dry_run: bool,
}

const SEEN_FROM: &str = "`--source` is relative to the current directory";

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let root = new_project::absolute(&args.path)?;
    adopt_files::check_folder(&root, &args.path)?;
    let before = observed::project(root, args.standalone)?;
    if let Some(package) = package::of(&args, &before) {
        return package::adopt(&args, &before, package, ui).await;
    }
    let shown = args.source.as_ref().unwrap_or(&args.path);
    let source_path = new_project::absolute(shown)?;
    let real = source::directory(shown, &source_path, SEEN_FROM)?;
    let Project {
        root, target_dir, ..
    } = &before.workspace;
    source::lasting(shown, &real, root, target_dir)?;
    let folder = source_path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
        .to_owned();
    let (agent, renamed) = agent_name(args.name.as_deref().unwrap_or(&folder))?;
    if !args.handler.all {
        plan::check_new(&agent, &before.agents)?;
    }

    let source = observed::source(shown, &source_path, &before)?;
    let (sources, unreadable) = observed::code(
        (&agent, &folder),
        &before.root,
        (shown, &source_path),
        &source,
    )?;
    for warning in source.warnings.iter().chain(&unreadable) {
        ui.warning(warning);
    }
    let asking = ui.is_interactive() && !args.yes;
    let place = Location {
        root: &before.root,
        shown,
        source: &source_path,
        requirements: args.requirements.as_deref(),
    };
    let (decided, all, settings) = ui
        .dialogue(async || {
            let from = (shown.as_path(), source_path.as_path());
            let entries = handler::choose(&args.handler, &sources, from, asking, ui)?;
            let region = args.settings.region.as_ref();
            let decided = DecidedRegion::ask(region, before.region_place(), asking, ui).await?;
            let names = if args.handler.all {
                plan::names(&entries, &folder, &before.agents)?
            } else {
                vec![agent.clone()]
            };
            let mut all = all(names, entries, &sources, &place, &before)?;
            if asking {
                for adopted in &mut all {
                    adopted.ask(ui)?;
                }
            }
            let settings = all
                .iter()
                .map(|adopted| {
                    let findings = Findings::of(adopted, &source, shown)?;
                    agent_settings::decide(&args.settings, &findings, asking, ui)
                })
                .collect::<Result<Vec<_>, Failure>>()?;
            Ok((decided, all, settings))
        })
        .await?;
    let after = After::plan(&before, &all, &settings, &decided)?;
    decided.tell(ui);
    for settings in &settings {
        settings.tell(decided.region.as_ref(), ui);
    }
    if let Some(said) = renamed.filter(|_| !args.handler.all) {
        ui.note(&said);
    }
    for note in &source.notes {
        ui.note(note);
    }
    for adopted in &all {
        tell(adopted, &after, ui);
    }
    conclusion::reach(&args, &before, &after, &all, ui)
}

fn all(
    names: Vec<AgentName>,
    entries: Vec<Entry>,
    sources: &Sources,
    place: &Location<'_>,
    before: &Before,
) -> Result<Vec<Adopted>, Failure> {
    let mut folders: BTreeSet<PathBuf> = before
        .agents
        .iter()
        .filter_map(Agent::deployment_dir)
        .collect();
    let mut all = Vec::new();
    for (name, entry) in names.into_iter().zip(entries) {
        let adopted = Adopted::of(name, entry, sources, place, &folders)?;
        folders.extend(
            adopted
                .deployment
                .iter()
                .map(|folder| before.root.join(folder)),
        );
        all.push(adopted);
    }
    Ok(all)
}

/// Prints notes and warnings about an agent before it is adopted.
fn tell(adopted: &Adopted, after: &After, ui: &Ui) {
    let (notes, warnings) = adopted.messages();
    for note in notes {
        ui.note(&note);
    }
    for warning in warnings {
        ui.warning(&warning);
    }
    let is_written = |file: &PathBuf| after.new.contains_key(file);
    if adopted.listed.as_ref().is_some_and(is_written)
        && let Some(said) = adopted.taken.said()
    {
        ui.status("Using", &said);
    }
}

pub(super) fn broken(error: &str) -> Failure {
    Failure::world(format!(
        "a template is broken, which is a bug in cargo agentcore: {error}"
    ))
}
