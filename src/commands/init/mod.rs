//! `cargo agentcore init`: turns an existing Python agent into a project, without changing its
//! files.

mod adopted;
mod agent_settings;
mod conclusion;
mod findings;
mod handler;
mod requirements;
mod settings;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use self::{adopted::Adopted, agent_settings::AgentSettings, findings::Findings};
use crate::{
    config::{Agent, Manifest},
    effects::{
        adopt_files, clock, env,
        files::read_text,
        manifest::Project,
        new_project,
        source::{self, Source, SourceRequest},
    },
    error::{Failure, Message},
    names::{AgentName, Region},
    plan::{
        init as plan,
        new::{agent_name, check_joining, check_standalone, project_id},
    },
    project::{
        declaring::{self, Before, Insertion},
        prompts::DecidedRegion,
    },
    scaffold::{
        Files, Head,
        adopt::{self, Entry, PythonFile, Sources},
        agent_lines, project_lines,
    },
    ui::Ui,
};

/// Set up an existing Python agent: write Cargo.toml and an entry point
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

/// What to write.
struct After {
    new: Files,
    /// Existing files to overwrite.
    replaced: Files,
    kept: Vec<PathBuf>,
    /// The tables for existing manifests.
    insertions: Vec<Insertion>,
    ignoring: Option<Ignoring>,
}

const SEEN_FROM: &str = "`--source` is relative to the current directory";

/// What an existing .gitignore lacks.
struct Ignoring {
    lines: Vec<String>,
    /// Its text with these lines.
    whole: Vec<u8>,
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let root = new_project::absolute(&args.path)?;
    adopt_files::check_folder(&root, &args.path)?;
    let before = before(root, args.standalone)?;
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

    let source = observe(shown, &source_path, &before)?;
    let (sources, unreadable) = read(&agent, &folder, &before.root, shown, &source_path, &source)?;
    for warning in source.warnings.iter().chain(&unreadable) {
        ui.warning(warning);
    }
    let asking = ui.is_interactive() && !args.yes;
    let place = adopted::Place {
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
                adopted::names(&entries, &folder, &before.agents)?
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
    let after = after(&before, &all, &settings, &decided)?;
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
    place: &adopted::Place<'_>,
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

/// Reads the project of the directory. A directory without a manifest joins the workspace around
/// it.
fn before(root: PathBuf, standalone: bool) -> Result<Before, Failure> {
    let path = root.join("Cargo.toml");
    if adopt_files::stands(&path) {
        return Before::observe(&path);
    }
    let Some(enclosing) = new_project::enclosing(&root, &[]) else {
        return Before::empty(root);
    };
    if standalone {
        check_standalone(&enclosing)?;
        return Before::empty(root);
    }
    check_joining(&enclosing)?;
    match Before::around(&root, &enclosing)? {
        Some(before) => Ok(before),
        None => Before::empty(root),
    }
}

fn observe(shown: &Path, path: &Path, before: &Before) -> Result<Source, Failure> {
    source::observe(&SourceRequest {
        shown,
        path,
        seen_from: SEEN_FROM,
        include: &[],
        deployment: Some(&before.root.join("deployment")),
        others: &before
            .agents
            .iter()
            .filter_map(Agent::deployment_dir)
            .collect(),
        target: &before.workspace.target_dir,
        workspace_root: &before.workspace.root,
        home: env::home_dir().as_deref(),
        prefix: "",
    })
}

fn read(
    agent: &AgentName,
    folder: &str,
    root: &Path,
    shown: &Path,
    path: &Path,
    source: &Source,
) -> Result<(Sources, Vec<Message>), Failure> {
    let files = adopt_files::python_files(source)?
        .into_iter()
        .map(|(path, text)| PythonFile {
            shown: match shown.to_str() {
                Some("." | "") => PathBuf::from(&path),
                _ => shown.join(&path),
            },
            path,
            text,
        })
        .collect();
    let listing = source.files.keys().cloned().collect();
    let below = path
        .strip_prefix(root)
        .ok()
        .map(|way| way.to_string_lossy().replace('\\', "/"));
    let (sources, warnings) = Sources::read(agent, folder, below, listing, files);
    let sources = match read_text(&path.join("pyproject.toml"))? {
        Some(project) => sources.with_project(&project),
        None => sources,
    };
    Ok((sources, warnings))
}

/// Plans everything to write, and checks that the next command can read it.
fn after(
    before: &Before,
    all: &[Adopted],
    settings: &[AgentSettings],
    decided: &DecidedRegion,
) -> Result<After, Failure> {
    let Some(first) = all.first() else {
        return Err(broken("there is no agent to adopt"));
    };
    let digits = adopt_files::lasting_digits(&before.root).unwrap_or_else(clock::random_digits);
    let project = project_id(&first.agent, digits);
    let mut files: Files = all
        .iter()
        .flat_map(|adopted| adopted.files.clone())
        .collect();
    let ignored = ignored(all);
    let text = adopt::gitignore(&ignored).map_err(|error| broken(&error))?;
    files.insert(PathBuf::from(".gitignore"), text.into_bytes());
    let ignoring = ignoring(&before.root, &ignored)?;
    if !adopt_files::has_readme(&before.root) {
        let title = before
            .root
            .file_name()
            .map_or(first.agent.to_string(), |name| {
                name.to_string_lossy().into_owned()
            });
        let text = adopt::readme(&title, first.placed.protocol()).map_err(|e| broken(&e))?;
        files.insert(PathBuf::from("README.md"), text.into_bytes());
    }
    let exists = |path: &Path| adopt_files::stands(&before.root.join(path));
    let is_replaced = |path: &Path| all.iter().any(|adopted| adopted.replaced.contains(path));
    let tables = |head, region: Option<&Region>| {
        let tables: Vec<String> = all
            .iter()
            .zip(settings)
            .map(|(adopted, settings)| agent_lines(head, &adopted.keys(region, settings)))
            .collect();
        tables.join("\n")
    };
    let Some(target) = &before.target else {
        let head = Head::Workspace;
        let table = format!(
            "{}\n{}",
            project_lines(head, &project, decided.region.as_ref()),
            tables(head, None)
        );
        let text = adopt::fresh_manifest(&table).map_err(|error| broken(&error))?;
        declaring::check(&[Manifest::new(before.root.join("Cargo.toml"), text.clone())])?;
        files.insert(PathBuf::from("Cargo.toml"), text.into_bytes());
        let (new, replaced, kept) = plan::new_and_kept(files, exists, is_replaced);
        return Ok(After {
            new,
            replaced,
            kept,
            insertions: Vec::new(),
            ignoring,
        });
    };
    let insertions = before.insertions(target, (&project, decided), &tables)?;
    before.check(&insertions)?;
    let (new, replaced, kept) = plan::new_and_kept(files, exists, is_replaced);
    Ok(After {
        new,
        replaced,
        kept,
        insertions,
        ignoring,
    })
}

/// Returns the lines for .gitignore.
fn ignored(all: &[Adopted]) -> Vec<String> {
    let mut lines = vec!["/target/".to_owned(), ".env".to_owned()];
    for adopted in all {
        lines.extend(adopted.ignored());
    }
    lines
}

fn ignoring(root: &Path, needed: &[String]) -> Result<Option<Ignoring>, Failure> {
    let Some(there) = adopt_files::gitignore(root)? else {
        return Ok(None);
    };
    let lines = adopt_files::unsaid(root, &there, needed);
    let whole = plan::with_lines(&there, &lines);
    Ok((!lines.is_empty()).then_some(Ignoring { lines, whole }))
}

pub(super) fn broken(error: &str) -> Failure {
    Failure::world(format!(
        "a template is broken, which is a bug in cargo agentcore: {error}"
    ))
}
