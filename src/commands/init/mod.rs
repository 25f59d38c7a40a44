//! `cargo agentcore init`: an existing Python agent becomes a project, and nothing of it changes.

mod conclusion;
mod handler;
mod requirements;
mod settings;

use std::path::{Path, PathBuf};

use super::choice;
use crate::{
    config::{Agent, Manifest, Stage, load},
    effects::{
        adoption, clock, destination, env,
        manifest::{self, Project},
        source::{self, Source, SourceRequest},
    },
    error::{Failure, Message},
    names::AgentName,
    plan::{
        init as plan,
        new::{agent_name, check_package, project_id},
    },
    scaffold::{
        AgentKeys, Files,
        adopt::{self, Entry, PythonFile, Sources},
        agent_lines, project_lines,
    },
    ui::Ui,
};

/// Adopt an existing Python agent: write Cargo.toml and the entry points that call it
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project's directory
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The directory of the agent's Python package; it may lie anywhere
    #[arg(long, value_name = "DIR")]
    source: PathBuf,
    #[command(flatten)]
    handler: handler::HandlerOptions,
    /// The agent's name [default: the source folder's, hyphens as underscores]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    settings: settings::SettingsOptions,
    /// What the agent needs at run time: a requirements file or a pyproject.toml [default: the
    /// source's own]
    #[arg(long, value_name = "FILE")]
    requirements: Option<PathBuf>,
    /// Add what is missing to a Cargo.toml and a .gitignore that are there already, instead of
    /// printing it
    #[arg(long)]
    write: bool,
    /// Do not ask: take the options and the defaults
    #[arg(short, long)]
    yes: bool,
    /// Show what would be made, and do nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// The project as it is before.
struct Before {
    root: PathBuf,
    /// The manifest that is there already.
    target: Option<Manifest>,
    /// The workspace, that manifest among its own.
    workspace: Project,
    agents: Vec<Agent>,
}

impl Before {
    fn place(&self) -> settings::Place {
        let joins = self
            .target
            .as_ref()
            .is_some_and(|target| !plan::place(target, &self.workspace.manifests).with_project);
        if !joins {
            return settings::Place::Open;
        }
        let mut regions = self.agents.iter().map(|agent| agent.region.as_ref());
        let first = regions.next().flatten();
        let common = regions.all(|region| region == first);
        settings::Place::Project(first.filter(|_| common).cloned())
    }
}

/// What is to be written.
struct After {
    new: Files,
    kept: Vec<PathBuf>,
    /// The table for a manifest that is there, and that manifest with it.
    addition: Option<(String, String)>,
    ignoring: Option<Ignoring>,
}

const SEEN_FROM: &str = "`--source` is relative to the current directory";

/// What a .gitignore that is there lacks.
struct Ignoring {
    lines: Vec<String>,
    /// Its text with them.
    whole: Vec<u8>,
}

pub async fn run(args: Args, ui: &Ui) -> Result<(), Failure> {
    let root = destination::absolute(&args.path)?;
    adoption::check_folder(&root, &args.path)?;
    let before = before(root)?;
    let source_path = destination::absolute(&args.source)?;
    let real = source::directory(&args.source, &source_path, SEEN_FROM)?;
    let Project {
        root, target_dir, ..
    } = &before.workspace;
    source::lasting(&args.source, &real, root, target_dir)?;
    let folder = source_path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
        .to_owned();
    let (agent, renamed) = agent_name(args.name.as_deref().unwrap_or(&folder))?;
    check_package(&agent)?;
    plan::check_new(&agent, &before.agents)?;
    let deployment = plan::deployment(&before.root, &agent, &before.agents);
    adoption::check_folder(&before.root.join(&deployment), Path::new(&deployment))?;

    let source = observe(&args.source, &source_path, &before, &deployment, &agent)?;
    let first_party = source_path == before.root.join(agent.as_str());
    let (sources, unreadable) = read(&agent, &folder, first_party, &args.source, &source)?;
    for warning in source.warnings.iter().chain(&unreadable) {
        ui.warning(warning);
    }
    sources.check_own_imports()?;
    let asking = ui.is_interactive() && !args.yes;
    let entry = handler::choose(
        &args.handler,
        &sources,
        (&args.source, &source_path),
        asking,
        ui,
    )?;
    let decided = settings::decide(&args.settings, before.place(), asking, ui).await?;

    let requirements =
        requirements::find(args.requirements.as_deref(), &args.source, &source_path)?;
    let written = if args.source.is_absolute() {
        args.source.display().to_string()
    } else {
        plan::relative(&before.root, &source_path)
    };
    let entrypoint = entry.entrypoint(&agent);
    let keys = AgentKeys {
        agent: &agent,
        source: &written,
        deployment: (deployment != "deployment").then_some(&deployment),
        entrypoint: entrypoint.as_deref(),
        region: None,
        models: &decided.models,
        permissions: &decided.permissions,
    };
    let files = entry_files(&entry, &sources, &deployment, &requirements)?;
    let after = after(&before, files, &keys, &decided)?;
    if let Some(said) = renamed {
        ui.note(&said);
    }
    for note in &source.notes {
        ui.note(note);
    }
    let written_requirements = Path::new(&deployment).join("requirements.txt");
    if after.new.contains_key(&written_requirements) {
        for warning in requirements.warnings() {
            ui.warning(&warning);
        }
        ui.status("Taking", &requirements.said);
    }
    conclusion::reach(&args, &before, &after, &entry, &agent, ui)
}

fn before(root: PathBuf) -> Result<Before, Failure> {
    let path = root.join("Cargo.toml");
    if !adoption::stands(&path) {
        if let Some(enclosing) = destination::enclosing(&root) {
            crate::plan::new::check_place(
                &root,
                crate::plan::new::Destination::Free,
                Some(&enclosing),
            )?;
        }
        return Ok(Before {
            workspace: manifest::future(root.clone())?,
            root,
            target: None,
            agents: Vec::new(),
        });
    }
    let mut workspace = manifest::observe(Some(&path))?;
    let manifests = &mut workspace.manifests;
    let target = match manifests.iter().find(|found| found.path == path) {
        Some(found) => found.clone(),
        None => {
            let found = manifest::read(&path)?;
            manifests.push(found.clone());
            found
        }
    };
    Ok(Before {
        agents: plan::declared(manifests)?,
        target: Some(target),
        workspace,
        root,
    })
}

fn observe(
    shown: &Path,
    path: &Path,
    before: &Before,
    deployment: &str,
    agent: &AgentName,
) -> Result<Source, Failure> {
    source::observe(&SourceRequest {
        shown,
        path,
        seen_from: SEEN_FROM,
        include: &[],
        deployment: Some(&before.root.join(deployment)),
        others: &before
            .agents
            .iter()
            .filter_map(Agent::deployment_dir)
            .collect(),
        target: &before.workspace.target_dir,
        workspace_root: &before.workspace.root,
        home: env::home_dir().as_deref(),
        prefix: &format!("{agent}/"),
    })
}

fn read(
    agent: &AgentName,
    folder: &str,
    first_party: bool,
    shown: &Path,
    source: &Source,
) -> Result<(Sources, Vec<Message>), Failure> {
    let files = adoption::python_files(source)?
        .into_iter()
        .map(|(path, text)| PythonFile {
            shown: shown.join(&path),
            path,
            text,
        })
        .collect();
    Ok(Sources::read(agent, folder, first_party, files))
}

fn entry_files(
    entry: &Entry,
    sources: &Sources,
    deployment: &str,
    taken: &requirements::Taken,
) -> Result<Files, Failure> {
    let folder = Path::new(deployment);
    let mut files: Files = adopt::entry_points(entry, sources)
        .map_err(|error| broken(&error))?
        .into_iter()
        .map(|(path, content)| (folder.join(path), content))
        .collect();
    files.insert(
        folder.join("requirements.txt"),
        taken.requirements.text.clone().into_bytes(),
    );
    Ok(files)
}

/// Everything that is to be written, checked as the next command will read it.
fn after(
    before: &Before,
    mut files: Files,
    keys: &AgentKeys<'_>,
    decided: &settings::Decided,
) -> Result<After, Failure> {
    let project = project_id(keys.agent, clock::random_digits());
    let deployment = keys.deployment.unwrap_or("deployment");
    let ignored = adopt::gitignore(deployment, keys.agent).map_err(|error| broken(&error))?;
    files.insert(PathBuf::from(".gitignore"), ignored.into_bytes());
    let ignoring = ignoring(&before.root, &adopt::ignored(deployment, keys.agent))?;
    let exists = |path: &Path| adoption::stands(&before.root.join(path));
    let Some(target) = &before.target else {
        let head = crate::scaffold::Head::Workspace;
        let table = format!(
            "{}\n{}",
            project_lines(head, &project, decided.region.as_ref()),
            agent_lines(head, keys)
        );
        let text = adopt::fresh_manifest(&table).map_err(|error| broken(&error))?;
        check(&[Manifest {
            path: before.root.join("Cargo.toml"),
            text: text.clone(),
        }])?;
        files.insert(PathBuf::from("Cargo.toml"), text.into_bytes());
        let (new, kept) = plan::new_and_kept(files, exists);
        return Ok(After {
            new,
            kept,
            addition: None,
            ignoring,
        });
    };
    let place = plan::place(target, &before.workspace.manifests);
    let table = if place.with_project {
        format!(
            "{}\n{}",
            project_lines(place.head, &project, decided.region.as_ref()),
            agent_lines(place.head, keys)
        )
    } else {
        // The project's region stands where the project does; only another one is the agent's.
        let region = decided.given_region.as_ref();
        agent_lines(
            place.head,
            &AgentKeys {
                region,
                ..keys.clone()
            },
        )
    };
    let whole = plan::with_table(target, &table)?;
    let mut manifests = before.workspace.manifests.clone();
    for manifest in &mut manifests {
        if manifest.path == target.path {
            manifest.text.clone_from(&whole);
        }
    }
    check(&manifests)?;
    let (new, kept) = plan::new_and_kept(files, exists);
    Ok(After {
        new,
        kept,
        addition: Some((table, whole)),
        ignoring,
    })
}

fn ignoring(root: &Path, needed: &[String]) -> Result<Option<Ignoring>, Failure> {
    let Some(there) = adoption::gitignore(root)? else {
        return Ok(None);
    };
    let lines = adoption::unsaid(root, &there, needed);
    let whole = plan::with_lines(&there, &lines);
    Ok((!lines.is_empty()).then_some(Ignoring { lines, whole }))
}

fn check(manifests: &[Manifest]) -> Result<(), Failure> {
    load(manifests, &Stage::None).map(|_| ())
}

fn broken(error: &str) -> Failure {
    Failure::world(format!(
        "a template is broken, which is a bug of ours: {error}"
    ))
}
