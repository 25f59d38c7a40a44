//! Agents that were deployed or prepared from this project and are no longer in Cargo.toml.

use std::path::PathBuf;

use super::copied::recorded;
use crate::{
    config::{self, Config, Declared, Stage},
    effects::manifest::Project,
    error::Failure,
    names::{AgentName, ProjectId, StageName},
    options,
    project::{on_disk::built, read_all, select},
    resources::{clean::formers_on_disk, deletion::Kept},
    ui::Ui,
};

/// The default folder for copied sources.
const DEPLOYMENT: &str = "deployment";

/// Finds former agents in the target directory and in the records of these deployment folders.
pub(crate) fn on_disk(
    declared: &Declared,
    stage: Option<&StageName>,
    (project, id, deployments): (&Project, &ProjectId, &[PathBuf]),
) -> Result<Vec<Kept>, Failure> {
    let built = built(project, id)?;
    let mut copied = Vec::new();
    for deployment in deployments {
        copied.extend(recorded(&project.root, deployment)?);
    }
    Ok(formers_on_disk(
        declared,
        stage,
        built.iter().map(String::as_str),
        copied.iter().map(String::as_str),
    ))
}

/// Reports that there is no agent to clean, and lists the former agents that are known.
fn nothing_declared(
    project: &Project,
    declared: &Declared,
    stage: &Stage,
) -> Result<Failure, Failure> {
    let stage = match stage {
        Stage::None => None,
        Stage::Named(stage) => Some(stage.clone()),
        Stage::Local => StageName::parse("local").ok(),
    };
    let folders: Vec<PathBuf> = project
        .manifests
        .iter()
        .filter_map(|manifest| Some(manifest.path.parent()?.join(DEPLOYMENT)))
        .collect();
    let mut found = Vec::new();
    for manifest in &project.manifests {
        for id in config::declared_projects(&manifest.text) {
            let place = (project, &id, &folders[..]);
            found.extend(on_disk(declared, stage.as_ref(), place)?);
        }
    }
    found.sort();
    found.dedup();
    let failure = config::none_declared(&project.manifests);
    if found.is_empty() {
        return Ok(failure.help(config::DECLARE).help(
            "`cargo agentcore clean --agent NAME` deletes what is left of an agent that is no longer declared",
        ));
    }
    Ok(found.into_iter().fold(failure, |failure, former| {
        failure.help(format!("{}: {}", former.what, former.why))
    }))
}

/// Like [`crate::project::load`], for `clean`: a named agent may no longer be declared.
pub(crate) fn load(
    project: &options::Project,
    stage: &Stage,
    ui: &Ui,
) -> Result<(Project, Config), Failure> {
    let named: Vec<AgentName> = project
        .agent
        .iter()
        .map(|asked| asked.name.clone())
        .collect();
    let (found, mut config) = read_all(project, stage, &named, ui)?;
    if config.agents.is_empty() {
        return Err(nothing_declared(&found, &config.declared, stage)?);
    }
    select(&mut config, &found, project, ui)?;
    Ok((found, config))
}
