//! Builds an agent's archive for every command that needs one, and reports progress.

use std::{cell::Cell, sync::Arc};

use crate::{
    config::Agent,
    effects::{
        self,
        folder::Folder,
        manifest::Project,
        packaging::{
            Broken, Built, Event, FromProject, Last, Limits, Origin, Request, Reuse, Shape,
        },
    },
    error::Failure,
    package::{distributions::LeftOut, installer::minor_version},
    project::{
        building::{self, CargoOptions},
        own_files::OwnFiles,
        progress::{HowFar, telling},
    },
    text::byte_size,
    ui::{Ui, Verbosity},
};

/// How an archive is built.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Options {
    /// Reinstall the dependencies and ignore the cache
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// Package the agent even if its code cannot start
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) sources: Sources,
}

/// Where dependencies may come from, with cargo's own words.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Sources {
    /// Install only versions pinned by a uv.lock or a requirements file with hashes
    #[arg(long)]
    locked: bool,
    /// Use only cached dependencies, and download nothing
    #[arg(long)]
    offline: bool,
    /// Same as `--locked` and `--offline` together
    #[arg(long)]
    frozen: bool,
}

impl Sources {
    pub(crate) fn is_offline(self) -> bool {
        self.limits().offline
    }

    pub(crate) fn is_locked(self) -> bool {
        self.limits().locked
    }

    fn limits(self) -> Limits {
        Limits {
            offline: self.offline || self.frozen,
            locked: self.locked || self.frozen,
        }
    }
}

impl Options {
    /// Returns the options for building a program.
    pub(crate) fn building(&self, cargo: CargoOptions, yes: bool) -> building::Options {
        let Limits { offline, locked } = self.sources.limits();
        building::Options {
            cargo,
            locked,
            offline,
            yes,
            force: self.force,
        }
    }
}

/// Builds the agent's archive in the folder `output`, and returns its content.
pub(crate) async fn build(
    agent: &Agent,
    project: &Project,
    own: &OwnFiles,
    output: Folder,
    options: &Options,
    ui: &Ui,
) -> Result<Built, Failure> {
    let reuse = if options.rebuild {
        Reuse::Nothing
    } else {
        Reuse::Cache
    };
    let broken = if options.force {
        Broken::Shipped
    } else {
        Broken::Refused
    };
    let mut request = request(agent, (project, own), output, reuse, broken);
    request.limits = options.sources.limits();
    let name = agent.name.as_str();
    ui.detail("Packaging", &format!("agent `{name}`"));
    let doing = Cell::new(None);
    let built = telling(
        effects::runtime::aside(
            move |say| effects::packaging::build(&request, say),
            |event| {
                doing.set(lengthy(&event).or(doing.get()));
                tell(agent, &event, ui);
            },
        ),
        ("Packaging", &format!("agent `{name}`")),
        || {
            Some(HowFar {
                verb: doing.get()?,
                words: format!("dependencies of `{name}`"),
                part: None,
            })
        },
        ui,
    )
    .await
    .map_err(|failure| {
        let file = &own.requirements.file;
        let file = file.strip_prefix(&agent.dir).unwrap_or(file);
        failure.note(format!(
            "of agent `{name}`, whose requirements are in `{}`",
            file.display()
        ))
    })?;
    ui.status("Packaged", &summary(name, &built));
    if !built.left_out.is_empty() {
        ui.status("Excluded", &left_out(&built.left_out));
    }
    Ok(built)
}

/// Returns the agent's last archive and the files that changed since; `None` if none was built,
/// without reading anything.
pub(crate) fn last(
    agent: &Agent,
    project: &Project,
    own: impl FnOnce() -> Result<OwnFiles, Failure>,
) -> Result<Option<Last>, Failure> {
    let output = directory(agent, project)?;
    effects::packaging::last(&output, || {
        Ok(request(
            agent,
            (project, &own()?),
            output.clone(),
            Reuse::Cache,
            Broken::Refused,
        ))
    })
}

/// Returns what is shipped from the project itself.
pub(crate) fn from_project(
    agent: &Agent,
    project: &Project,
    own: &OwnFiles,
    output: Folder,
) -> Result<FromProject, Failure> {
    effects::packaging::from_project(request(
        agent,
        (project, own),
        output,
        Reuse::Cache,
        Broken::Shipped,
    ))
}

fn request(
    agent: &Agent,
    (project, own): (&Project, &OwnFiles),
    output: Folder,
    reuse: Reuse,
    broken: Broken,
) -> Request {
    Request {
        agent: agent.name.to_string(),
        root: project.root.clone(),
        own: own.composition.clone(),
        program: Arc::clone(&own.program),
        problems: own.problems.clone(),
        package: agent.layout.import_name().map(ToString::to_string),
        entrypoint: agent.entrypoint.clone(),
        requirements: own.requirements.clone(),
        runtime: agent.runtime,
        bytecode: agent.bytecode,
        exclude_packages: agent.exclude_packages.clone(),
        shape: if agent.has_image() {
            Shape::Image
        } else {
            Shape::Archive
        },
        output,
        reuse,
        broken,
        limits: Limits::default(),
    }
}

/// Returns the folder of an agent's archive, one per stage.
pub(crate) fn directory(agent: &Agent, project: &Project) -> Result<Folder, Failure> {
    let name = match &agent.stage {
        Some(stage) => format!("{}_{stage}", agent.name),
        None => agent.name.to_string(),
    };
    Ok(project.kept_of(&agent.project)?.join(name))
}

/// Returns the verb for an event that starts a step of minutes.
fn lengthy(event: &Event) -> Option<&'static str> {
    match event {
        Event::Installing { .. } => Some("Installing"),
        Event::Compiling { .. } => Some("Compiling"),
        Event::Compressing { .. } => Some("Compressing"),
        Event::Waiting
        | Event::Said(_)
        | Event::NotCompiled(_)
        | Event::Warning(_)
        | Event::Note(_) => None,
    }
}

fn tell(agent: &Agent, event: &Event, ui: &Ui) {
    let name = &agent.name;
    match event {
        Event::Waiting => ui.status(
            "Blocking",
            "waiting for another run that installs the same dependencies",
        ),
        Event::Installing { with } => ui.status(
            "Installing",
            &format!(
                "dependencies of `{name}` for Python {} on 64-bit ARM, with {with}",
                minor_version(agent.runtime)
            ),
        ),
        Event::Compiling { python, files } => ui.detail(
            "Compiling",
            &format!("{files} Python files of dependencies with Python {python}"),
        ),
        Event::Compressing { files } => {
            ui.detail("Compressing", &format!("{files} files of dependencies"));
        }
        Event::Said(text) if ui.verbosity() >= Verbosity::Verbose => ui.plain(text),
        Event::Said(_) => {}
        Event::NotCompiled(why) => {
            ui.detail("Skipping", &format!("compiled Python files: {why}"));
        }
        Event::Warning(message) => ui.warning(message),
        Event::Note(message) => ui.note_at(message),
    }
}

fn left_out(packages: &[LeftOut]) -> String {
    let packages: Vec<String> = packages
        .iter()
        .map(|package| {
            let LeftOut {
                name,
                version,
                bytes,
            } = package;
            format!("{name} {version} ({})", byte_size(*bytes))
        })
        .collect();
    packages.join(", ")
}

fn summary(name: &str, built: &Built) -> String {
    let origin = match built.dependencies {
        Origin::None => "",
        Origin::Cache => " (cached)",
        Origin::Installed => " (installed)",
        Origin::Archive => " (unchanged)",
    };
    let bytecode = match &built.compiled_by {
        Some(version) => format!(", compiled by Python {version}"),
        None => String::new(),
    };
    format!(
        "`{name}`: {} files of dependencies{origin}, {} of the agent, {} ({} unzipped){bytecode}",
        built.dependency_files,
        built.own_files,
        byte_size(built.archive.size),
        byte_size(built.unzipped),
    )
}
