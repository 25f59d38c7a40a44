//! Building an agent's archive, for every command that needs one; says on the way what is done.

use std::{
    cell::Cell,
    path::{Path, PathBuf},
};

use super::waiting::{shown, telling};

use crate::{
    config::{Agent, Language},
    effects::{
        self,
        folder::Folder,
        manifest::Project,
        packaging::{Broken, Built, Event, Last, Origin, Request, Reuse},
    },
    error::{Failure, Message},
    package::{installer::minor_version, limits::megabytes},
    ui::{Ui, Verbosity},
};

/// How an archive is built.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Options {
    /// Install the dependencies anew, whatever the cache holds
    #[arg(long)]
    pub(super) rebuild: bool,
    /// Ship the agent even if its code cannot start, and overwrite copied files that were edited by hand
    #[arg(long)]
    pub(super) force: bool,
}

/// Where an archive is built from and where it is put.
pub(super) struct Place {
    /// The agent's sources are copied there before.
    pub(super) deployment: PathBuf,
    pub(super) output: Folder,
    /// The workspace's root.
    pub(super) root: PathBuf,
}

impl Place {
    pub(super) fn of(agent: &Agent, project: &Project) -> Result<Self, Failure> {
        Ok(Self {
            deployment: agent.dir.join(&agent.deployment),
            output: directory(agent, project)?,
            root: project.root.clone(),
        })
    }
}

/// The archive of the agent's deployment folder, and what is in it.
pub(super) async fn build(
    agent: &Agent,
    place: Place,
    options: &Options,
    ui: &Ui,
) -> Result<Built, Failure> {
    if agent.language != Language::Python {
        return Err(Failure::config(format!(
            "the agent `{}` is not written in Python, and only Python agents can be packaged",
            agent.name
        )));
    }
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
    let request = request(agent, &place, reuse, broken);
    let name = agent.name.as_str();
    ui.detail("Packaging", &format!("agent `{name}`"));
    let doing = Cell::new(None);
    let built = telling(
        effects::runtime::aside(
            move |say| effects::packaging::build(&request, say),
            |event| {
                doing.set(lengthy(&event).or(doing.get()));
                tell(agent, &place.deployment, &event, ui);
            },
        ),
        |waited| {
            let words = format!("dependencies of `{name}`, {} so far", shown(waited));
            Some((doing.get()?, words))
        },
        ui,
    )
    .await
    .map_err(|mut failure| {
        for message in &mut failure.messages {
            point_at_source(agent, &place.deployment, message);
        }
        failure.note(format!(
            "of agent `{name}`, whose requirements are in `{}`",
            agent.deployment.join(&agent.requirements).display()
        ))
    })?;
    ui.status("Packaged", &summary(name, &built));
    Ok(built)
}

/// The archive that was built last for the agent, and what of its files changed since; `None` where none
/// was built.
pub(super) fn last(agent: &Agent, project: &Project) -> Result<Option<Last>, Failure> {
    let request = request(
        agent,
        &Place::of(agent, project)?,
        Reuse::Cache,
        Broken::Refused,
    );
    effects::packaging::last(&request)
}

fn request(agent: &Agent, place: &Place, reuse: Reuse, broken: Broken) -> Request {
    Request {
        agent: agent.name.to_string(),
        root: place.root.clone(),
        deployment: place.deployment.clone(),
        include: agent.include.clone(),
        entrypoint: agent.entrypoint.clone(),
        requirements: agent.requirements.clone(),
        runtime: agent.runtime,
        bytecode: agent.bytecode,
        output: place.output.clone(),
        reuse,
        broken,
    }
}

/// Where an agent's archive is kept: another one for each stage.
pub(super) fn directory(agent: &Agent, project: &Project) -> Result<Folder, Failure> {
    let name = match &agent.stage {
        Some(stage) => format!("{}_{stage}", agent.name),
        None => agent.name.to_string(),
    };
    Ok(project.kept_of(&agent.project)?.join(name))
}

/// What an event begins that can take minutes.
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

fn tell(agent: &Agent, deployment: &Path, event: &Event, ui: &Ui) {
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
        Event::Warning(message) => {
            let mut message = message.clone();
            point_at_source(agent, deployment, &mut message);
            ui.warning(&message);
        }
        Event::Note(message) => {
            let mut message = message.clone();
            point_at_source(agent, deployment, &mut message);
            ui.note_at(&message);
        }
    }
}

/// What is wrong in a copied file is mended in the file that it was copied from, and nothing in a copy
/// that is made for a look.
fn point_at_source(agent: &Agent, deployment: &Path, message: &mut Message) {
    let Some(at) = &mut message.at else {
        return;
    };
    let Ok(below) = at.file.strip_prefix(deployment) else {
        return;
    };
    let source = below
        .strip_prefix(agent.name.as_str())
        .map(|below| agent.dir.join(&agent.source).join(below))
        .ok()
        .filter(|source| effects::files::exists(source));
    at.file = source.unwrap_or_else(|| agent.dir.join(&agent.deployment).join(below));
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
        megabytes(built.archive.size),
        megabytes(built.unzipped),
    )
}
