//! A Rust agent that exists: a cargo package, which only lacks the table.

use std::path::{Path, PathBuf};

use super::{After, Args, conclusion};
use crate::{
    config::CargoPackage,
    effects::{adopt_files, cargo_build, clock, files::read_text},
    error::{Failure, Message},
    names::{AgentName, ProjectId, Region},
    plan::{
        init::{self as plan, ProjectTable},
        new::{agent_name, project_id},
    },
    project::{
        declaring::{Before, Insertion},
        prompts::DecidedRegion,
    },
    scaffold::{Files, Head, PackageKeys, package_lines, project_lines},
    ui::Ui,
};

/// Returns the package of the manifest if it is a Rust agent: it has a binary, and nothing on the
/// command line is about a Python agent.
pub(super) fn of<'b>(args: &Args, before: &'b Before) -> Option<&'b CargoPackage> {
    let manifest = before.target.as_ref()?.path.as_path();
    let mut all = before.workspace.manifests.iter().flat_map(|m| &m.packages);
    let package = all.find(|package| package.manifest == manifest)?;
    let is_python =
        args.source.is_some() || args.requirements.is_some() || args.handler.is_of_python();
    (!package.bins.is_empty() && !is_python).then_some(package)
}

/// Adds the table of the package.
pub(super) async fn adopt(
    args: &Args,
    before: &Before,
    package: &CargoPackage,
    ui: &Ui,
) -> Result<(), Failure> {
    if args.name.is_some() {
        return Err(Failure::usage(
            "`--name` is for Python agents: a Rust agent has the name of its package",
        )
        .help("`--source DIR` sets up a Python agent in this project"));
    }
    let (agent, renamed) = agent_name(&package.name)?;
    plan::check_new(&agent, &before.agents)?;
    let asking = ui.is_interactive() && !args.yes;
    let decided = ui
        .dialogue(async || {
            let region = args.settings.region.as_ref();
            DecidedRegion::ask(region, before.region_place(), asking, ui).await
        })
        .await?;
    let insertions = insertions(args, before, &agent, &decided)?;
    before.check(&insertions)?;
    decided.tell(ui);
    if let Some(said) = renamed {
        ui.note(&said);
    }
    let verb = if args.dry_run { "Would" } else { "Adopting" };
    let what = format!("agent `{agent}`: the Rust package `{}`", package.name);
    let doing = if args.dry_run { "adopt " } else { "" };
    ui.status(verb, &format!("{doing}{what}"));
    if args.handler.is_http() {
        tell_routes(before, package, ui)?;
    }
    let after = After {
        new: Files::new(),
        replaced: Files::new(),
        kept: Vec::new(),
        insertions,
        ignoring: None,
    };
    conclusion::reach(args, before, &after, &[], ui)
}

/// Returns the tables: the project's in the workspace's manifest if it has none, and the agent's in
/// the package's.
fn insertions(
    args: &Args,
    before: &Before,
    agent: &AgentName,
    decided: &DecidedRegion,
) -> Result<Vec<Insertion>, Failure> {
    let Some(target) = &before.target else {
        return Ok(Vec::new());
    };
    let digits = adopt_files::lasting_digits(&before.root).unwrap_or_else(clock::random_digits);
    let new = project_id(agent, digits);
    let own = |project: Option<&ProjectId>, region: Option<&Region>| {
        package_lines(&PackageKeys {
            project,
            region,
            protocol: args.handler.protocol(),
            models: &args.settings.model,
            permissions: &args.settings.permission,
        })
    };
    let region = decided.region.as_ref();
    match plan::place(target, &before.workspace.manifests)?.project {
        ProjectTable::Declared => {
            let table = own(None, decided.given.as_ref());
            Ok(vec![Insertion::of(target, "the agent", table)?])
        }
        ProjectTable::Beside => {
            let table = own(Some(&new), region);
            Ok(vec![Insertion::of(target, "the agent", table)?])
        }
        ProjectTable::InWorkspace(known) => {
            let root = &before.workspace.manifests[0];
            let project = known.as_ref().unwrap_or(&new);
            let shared = project_lines(Head::Workspace, project, region);
            Ok(vec![
                Insertion::of(root, "the project", shared)?,
                Insertion::of(target, "the agent", own(None, None))?,
            ])
        }
    }
}

/// Says whether the package's sources have the routes of an agent.
fn tell_routes(before: &Before, package: &CargoPackage, ui: &Ui) -> Result<(), Failure> {
    let directory = package.manifest.parent().unwrap_or(Path::new("."));
    let target = &before.workspace.target_dir;
    let files: Vec<PathBuf> = cargo_build::below(&directory.join("src"), target).collect();
    let mut texts = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.extension().is_some_and(|e| e == "rs"))
    {
        texts.extend(read_text(file)?);
    }
    let missing = plan::missing_routes(&texts);
    if missing.is_empty() {
        ui.detail("Found", "the routes `/invocations` and `/ping`");
        return Ok(());
    }
    let missing: Vec<String> = missing.iter().map(|route| format!("`{route}`")).collect();
    let what = format!(
        "the sources of `{}` do not name {}",
        package.name,
        missing.join(" and ")
    );
    ui.warning(
        &Message::new(what)
            .note("an agent answers POST `/invocations` and GET `/ping` on the port in PORT, or on 8080")
            .help("`cargo agentcore help rust` describes it; `cargo agentcore new` makes an example; `cargo agentcore check` tests the agent"),
    );
    Ok(())
}
