//! Requests of a checkout that the user must confirm: an AWS profile, and sources outside of it.

use std::path::Path;

use crate::{
    config::Agent,
    effects::{
        checkout,
        consent::{self, Asked},
        env,
        manifest::Project,
        new_project, source,
    },
    error::Failure,
    ui::Ui,
};

const SEEN_FROM: &str = "`--source-dir` is relative to the current directory";

/// Asks once whether to use the profile that a manifest names.
pub(crate) fn profile(project: &Project, profile: &str, ui: &Ui) -> Result<(), Failure> {
    let named = env::shell().quote(profile);
    let help = format!("pass `--profile {named}` or set CARGO_AGENTCORE_PROFILE={named}");
    confirm_profile(project, profile, &help, ui)
}

/// Like [`profile`], for models on AWS, where no option names a profile.
pub(crate) fn models_profile(project: &Project, profile: &str, ui: &Ui) -> Result<(), Failure> {
    let help = format!(
        "set CARGO_AGENTCORE_PROFILE={}",
        env::shell().quote(profile)
    );
    confirm_profile(project, profile, &help, ui)
}

fn confirm_profile(project: &Project, profile: &str, help: &str, ui: &Ui) -> Result<(), Failure> {
    let asked = Asked::Profile(profile);
    if consent::is_given(&project.root, asked)? {
        return Ok(());
    }
    let manifest = naming(project, profile).display().to_string();
    let root = project.root.display();
    let unconfirmed = || {
        Failure::access(format!(
            "`{manifest}` names the AWS profile `{profile}`, and you have not confirmed it for `{root}`"
        ))
    };
    if !ui.is_interactive() {
        return Err(unconfirmed()
            .note("a checkout can name any of your profiles, and it cannot be confirmed without a terminal")
            .help(format!("to use it, {help}")));
    }
    let question = format!(
        "`{manifest}` names the AWS profile `{profile}`. Use it for everything in `{root}`?"
    );
    confirm(project, asked, &question, ui, || {
        unconfirmed().help("`--profile NAME` uses another profile; nothing was done")
    })
}

/// Returns the manifest that names the profile.
fn naming<'a>(project: &'a Project, profile: &str) -> &'a Path {
    let names = [format!("\"{profile}\""), format!("'{profile}'")];
    let found = project
        .manifests
        .iter()
        .find(|manifest| names.iter().any(|name| manifest.text.contains(name)));
    found
        .or(project.manifests.first())
        .map_or(&project.root, |manifest| &manifest.path)
}

/// Asks once for each source outside the checkout whether to read and ship it. A source in `given`
/// (`--source-dir`) replaces the configured one and needs no confirmation.
pub(crate) fn sources(
    project: &Project,
    agents: &mut [Agent],
    given: Option<&Path>,
    ui: &Ui,
) -> Result<(), Failure> {
    match (given, &mut *agents) {
        (Some(_), [agent]) if agent.rust().is_some() => {
            return Err(Failure::usage(format!(
                "`--source-dir` is for Python agents, and `{}` is built from its cargo package",
                agent.name
            )));
        }
        (Some(given), [agent]) => {
            source::directory(given, &new_project::absolute(given)?, SEEN_FROM)?;
            agent.source = new_project::absolute(given)?;
            return Ok(());
        }
        (Some(_), _) => {
            return Err(Failure::usage(
                "`--source-dir` needs a single agent, and several are selected",
            )
            .help("name the agent with `--agent`"));
        }
        (None, _) => {}
    }
    // Of an agent with an existing image, nothing is read.
    for agent in agents.iter_mut().filter(|agent| agent.image.is_none()) {
        let Err(unconfirmed) = check_source(project, agent) else {
            continue;
        };
        if !ui.is_interactive() {
            return Err(unconfirmed);
        }
        let source = agent.dir.join(&agent.source);
        let question = format!(
            "The agent `{}` of `{}` takes its sources from `{}`, outside the checkout. Read and ship them?",
            agent.name,
            project.root.display(),
            checkout::real(&source).display()
        );
        let asked = Asked::Source(&source);
        confirm(project, asked, &question, ui, || unconfirmed.clone())?;
    }
    Ok(())
}

/// Like [`sources`], without asking.
pub(crate) fn check_source(project: &Project, agent: &Agent) -> Result<(), Failure> {
    let source = agent.dir.join(&agent.source);
    if checkout::holds(&project.root, &source)
        || consent::is_given(&project.root, Asked::Source(&source))?
    {
        return Ok(());
    }
    Err(Failure::access(format!(
        "the sources of the agent `{}` are outside the checkout, in `{}`, which you have not confirmed",
        agent.name,
        checkout::real(&source).display()
    ))
    .note("a checkout can name any directory of yours, and its files would be shipped")
    .help(format!(
        "run this at a terminal to be asked, or name them yourself with `--source-dir {}`",
        env::shell().quote(&source.display().to_string())
    )))
}

fn confirm(
    project: &Project,
    asked: Asked<'_>,
    question: &str,
    ui: &Ui,
    refused: impl FnOnce() -> Failure,
) -> Result<(), Failure> {
    match ui.confirm(question) {
        Ok(true) => consent::give(&project.root, asked),
        Ok(false) => Err(refused()),
        Err(why) => Err(Failure::new(why.exit(), "stopped; nothing was done")),
    }
}
