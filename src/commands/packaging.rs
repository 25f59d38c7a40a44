//! Building an agent's archive, for every command that needs one; says on the way what is done.

use std::path::PathBuf;

use crate::{
    config::{Agent, Language},
    effects::{
        self,
        manifest::Project,
        packaging::{Built, Event, Origin, Request, Reuse},
    },
    error::{Failure, Message},
    package::{
        installer::{GLIBC_MINORS, minor_version},
        limits::megabytes,
    },
    ui::{Ui, Verbosity},
};

/// How an archive is built.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Options {
    /// Install the dependencies anew, whatever the cache holds
    #[arg(long)]
    pub(super) rebuild: bool,
}

/// The archive of the agent's deployment folder, its sources copied there before, and what is in it.
pub(super) async fn build(
    agent: &Agent,
    project: &Project,
    options: &Options,
    ui: &Ui,
) -> Result<Built, Failure> {
    if agent.language != Language::Python {
        return Err(Failure::config(format!(
            "the agent `{}` is not written in Python, and only Python agents can be packaged",
            agent.name
        )));
    }
    let request = Request {
        agent: agent.name.to_string(),
        home: agent.dir.clone(),
        deployment: agent.dir.join(&agent.deployment),
        entrypoint: agent.entrypoint.clone(),
        requirements: agent.requirements.clone(),
        runtime: agent.runtime,
        bytecode: agent.bytecode,
        output: directory(agent, project),
        reuse: if options.rebuild {
            Reuse::Nothing
        } else {
            Reuse::Cache
        },
    };
    let name = agent.name.as_str();
    ui.detail("Packaging", &format!("agent `{name}`"));
    let built = effects::runtime::aside(
        move |say| effects::packaging::build(&request, say),
        |event| tell(agent, &event, ui),
    )
    .await
    .map_err(|failure| {
        failure.note(format!(
            "of agent `{name}`, whose requirements are in `{}`",
            agent.deployment.join(&agent.requirements).display()
        ))
    })?;
    ui.status("Packaged", &summary(name, &built));
    Ok(built)
}

/// Where an agent's archive is kept: another one for each stage.
pub(super) fn directory(agent: &Agent, project: &Project) -> PathBuf {
    let name = match &agent.stage {
        Some(stage) => format!("{}_{stage}", agent.name),
        None => agent.name.to_string(),
    };
    project
        .target_dir
        .join("agentcore")
        .join(agent.project.as_str())
        .join(name)
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
        Event::Trying { glibc_minor } => ui.status(
            "Retrying",
            &format!(
                "with wheels for manylinux_2_{glibc_minor} (the service has glibc 2.{})",
                GLIBC_MINORS[2]
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
        Event::Warning(message) => ui.warning(&at_its_source(agent, message)),
    }
}

/// What is wrong in a copied file is mended in the file that it was copied from.
fn at_its_source(agent: &Agent, message: &Message) -> Message {
    let mut message = message.clone();
    let copies = agent.dir.join(&agent.deployment).join(agent.name.as_str());
    if let Some(at) = &mut message.at
        && let Ok(below) = at.file.strip_prefix(copies)
    {
        let source = agent.dir.join(&agent.source).join(below);
        if effects::files::exists(&source) {
            at.file = source;
        }
    }
    message
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
