//! Selects the agents of a run by cargo's rules: the package of the current directory, those in
//! `--package`, `--workspace` and `--exclude`, or the default members of a virtual workspace. Python
//! agents are no packages, so the directories of their files select too.

use std::path::{Path, PathBuf};

use globset::Glob;

use super::{Agent, Language, TableScope};
use crate::{
    error::Failure,
    names::AgentName,
    text::{did_you_mean, nearest, path::folded},
};

/// The packages of a workspace, as cargo finds them from the current directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packages {
    pub members: Vec<Member>,
    /// The manifest that the command starts from: the nearest one, or that of `--manifest-path`.
    pub nearest: PathBuf,
    /// The workspace's manifest.
    pub root: PathBuf,
    /// The current directory; `None` with `--manifest-path`.
    pub directory: Option<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    pub manifest: PathBuf,
    /// True if it is selected by default at the workspace's root.
    pub is_default: bool,
}

/// The selection options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Package names or patterns.
    pub packages: Vec<String>,
    pub workspace: bool,
    /// Packages to exclude from the workspace.
    pub exclude: Vec<String>,
    /// True if agents are named: they may belong to any package.
    pub by_agent: bool,
}

/// Returns the selected agents.
///
/// # Errors
/// A package that is not in the workspace is a usage error, and so is a selection without agents.
pub fn selected(
    agents: &[Agent],
    packages: &Packages,
    asked: &Asked,
) -> Result<Vec<AgentName>, Failure> {
    if asked.workspace {
        let excluded = named(&asked.exclude, packages)?;
        return Ok(names(agents, |agent| {
            agent.scope == TableScope::Workspace || !is_of(agent, &excluded)
        }));
    }
    if !asked.packages.is_empty() {
        let wanted = named(&asked.packages, packages)?;
        let found = names(agents, |agent| {
            agent.scope == TableScope::Package && is_of(agent, &wanted)
        });
        return match &found[..] {
            [] => Err(no_agents(&wanted)),
            _ => Ok(found),
        };
    }
    if asked.by_agent {
        return Ok(names(agents, |_| true));
    }
    by_place(agents, packages)
}

/// Returns the selection without options.
fn by_place(agents: &[Agent], packages: &Packages) -> Result<Vec<AgentName>, Failure> {
    let is_at_root = packages.nearest == packages.root;
    let meant: Vec<&Member> = packages
        .members
        .iter()
        .filter(|member| {
            if is_at_root {
                member.is_default
            } else {
                member.manifest == packages.nearest
            }
        })
        .collect();
    let of_packages = |agent: &Agent| agent.scope == TableScope::Package && is_of(agent, &meant);
    let of_workspace = |agent: &Agent| agent.scope == TableScope::Workspace;
    let found = names(agents, |agent| {
        of_packages(agent) || (is_at_root && of_workspace(agent))
    });
    if !found.is_empty() || agents.is_empty() {
        return Ok(around(agents, found, packages.directory.as_deref()));
    }
    // A package without agents uses those of the workspace.
    match names(agents, of_workspace) {
        shared if shared.is_empty() => Err(no_agents(&meant)),
        shared => Ok(shared),
    }
}

/// Returns the agents among `found` in whose files the directory is; all of them if it is in none's.
/// An agent in a directory of its own is preferred to one around it.
fn around(agents: &[Agent], found: Vec<AgentName>, directory: Option<&Path>) -> Vec<AgentName> {
    let Some(directory) = directory else {
        return found;
    };
    let depth = |agent: &Agent| {
        let folders = folders(agent).into_iter();
        let around = folders.filter(|folder| directory.starts_with(folder));
        around.map(|folder| folder.components().count()).max()
    };
    let among = agents.iter().filter(|agent| found.contains(&agent.name));
    let depths: Vec<(&Agent, Option<usize>)> = among.map(|agent| (agent, depth(agent))).collect();
    let Some(deepest) = depths.iter().filter_map(|(_, depth)| *depth).max() else {
        return found;
    };
    let nearest = depths.iter().filter(|(_, depth)| *depth == Some(deepest));
    nearest.map(|(agent, _)| agent.name.clone()).collect()
}

/// Returns the directories of a Python agent's files below its manifest's directory: its sources, its
/// deployment folder, and the directory that contains both.
fn folders(agent: &Agent) -> Vec<PathBuf> {
    if agent.language != Language::Python {
        return Vec::new();
    }
    let source = folded(&agent.source_dir());
    let mut folders = vec![source.clone()];
    if let Some(deployment) = agent.deployment_dir() {
        let deployment = folded(&deployment);
        let shared = source.ancestors().find(|at| deployment.starts_with(at));
        folders.extend(shared.map(Path::to_owned));
        folders.push(deployment);
    }
    folders.retain(|folder| folder.starts_with(&agent.dir) && *folder != agent.dir);
    folders
}

fn names(agents: &[Agent], is_meant: impl Fn(&Agent) -> bool) -> Vec<AgentName> {
    let meant = agents.iter().filter(|agent| is_meant(agent));
    meant.map(|agent| agent.name.clone()).collect()
}

fn is_of(agent: &Agent, members: &[&Member]) -> bool {
    let mut directories = members.iter().filter_map(|member| member.manifest.parent());
    directories.any(|directory: &Path| directory == agent.dir)
}

/// Returns the members that match names and patterns. Each must match at least one.
fn named<'m>(wanted: &[String], packages: &'m Packages) -> Result<Vec<&'m Member>, Failure> {
    let mut found: Vec<&Member> = Vec::new();
    for name in wanted {
        let pattern = Glob::new(name).map_err(|error| {
            Failure::usage(format!("invalid package name or pattern `{name}`: {error}"))
        })?;
        let pattern = pattern.compile_matcher();
        let before = found.len();
        let matching = packages
            .members
            .iter()
            .filter(|m| pattern.is_match(&m.name));
        found.extend(matching);
        if found.len() == before {
            return Err(unknown(name, packages));
        }
    }
    Ok(found)
}

fn unknown(name: &str, packages: &Packages) -> Failure {
    let failure = Failure::usage(format!("there is no package `{name}` in the workspace"));
    let known = packages.members.iter().map(|member| member.name.as_str());
    match nearest(name, known) {
        Some(near) => failure.help(did_you_mean(near)),
        None => failure.note(format!("read {}", packages.root.display())),
    }
}

fn no_agents(members: &[&Member]) -> Failure {
    let names: Vec<String> = members
        .iter()
        .map(|member| format!("`{}`", member.name))
        .collect();
    let failure = match &names[..] {
        [one] => Failure::usage(format!("the package {one} declares no agent")),
        _ => Failure::usage(format!(
            "the packages {} declare no agent",
            names.join(", ")
        )),
    };
    failure.help("`--workspace` selects the agents of all packages, `--agent NAME` one of them")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Manifest, Stage, load};

    const ROOT: &str = "/real/fake/Cargo.toml";

    /// Each member declares an agent with its own name, except for `plain`.
    fn workspace(shared: bool) -> (Vec<Agent>, Packages) {
        let mut root = "[workspace.metadata.agentcore]\nproject = \"x\"\n".to_owned();
        if shared {
            root.push_str("[workspace.metadata.agentcore.agents.shared]\n");
        }
        let mut manifests = vec![Manifest::new(ROOT, root)];
        let mut members = Vec::new();
        for (name, is_default) in [("one", true), ("two", false), ("plain", true)] {
            let path = PathBuf::from(format!("/real/fake/{name}/Cargo.toml"));
            if name != "plain" {
                let text = format!("[package.metadata.agentcore.agents.{name}]\n");
                manifests.push(Manifest::new(path.clone(), text));
            }
            members.push(Member {
                name: name.to_owned(),
                manifest: path,
                is_default,
            });
        }
        let packages = Packages {
            members,
            nearest: ROOT.into(),
            root: ROOT.into(),
            directory: None,
        };
        (load(&manifests, &Stage::None).unwrap().agents, packages)
    }

    fn meant(at: &str, shared: bool, asked: &Asked) -> Result<Vec<String>, String> {
        let (agents, mut packages) = workspace(shared);
        packages.nearest = Path::new("/real/fake").join(at).join("Cargo.toml");
        match selected(&agents, &packages, asked) {
            Ok(names) => Ok(names.iter().map(ToString::to_string).collect()),
            Err(failure) => Err(failure.messages[0].what.clone()),
        }
    }

    fn asked(packages: &[&str], workspace: bool, exclude: &[&str]) -> Asked {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Asked {
            packages: owned(packages),
            workspace,
            exclude: owned(exclude),
            by_agent: false,
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_place_selects_as_in_cargo() {
        let none = Asked::default();
        assert_eq!(meant("", true, &none), Ok(names(&["one", "shared"])));
        assert_eq!(meant("", false, &none), Ok(names(&["one"])));
        assert_eq!(meant("two", true, &none), Ok(names(&["two"])));
        assert_eq!(meant("plain", true, &none), Ok(names(&["shared"])));
        assert_eq!(
            meant("plain", false, &none),
            Err("the package `plain` declares no agent".to_owned())
        );
    }

    #[test]
    fn the_directory_of_an_agents_files_selects_it() {
        let table = |name: &str, keys: &str| {
            format!("[workspace.metadata.agentcore.agents.{name}]\n{keys}\n")
        };
        let text = [
            "[workspace.metadata.agentcore]\nproject = \"x\"\n".to_owned(),
            table(
                "bot",
                "source = \"agents/bot/code\"\ndeployment = \"agents/bot/deployment\"",
            ),
            table("inner", "source = \"agents/bot/inner\"\nlayout = \"flat\""),
            table(
                "beside",
                "source = \"../beside\"\ndeployment = \"deployment\"",
            ),
            table(
                "plain",
                "source = \"plain\"\ndeployment = \"deployment-plain\"",
            ),
        ]
        .concat();
        let manifest = Manifest::new(ROOT, text);
        let agents = load(&[manifest], &Stage::None).unwrap().agents;
        let everything = &["beside", "bot", "inner", "plain"][..];
        for (at, expected) in [
            ("", everything),
            ("agents", everything),
            ("agents/bot", &["bot"]),
            ("agents/bot/tests", &["bot"]),
            ("agents/bot/code/deep", &["bot"]),
            ("agents/bot/inner", &["inner"]),
            ("deployment", &["beside"]),
            ("deployment-plain", &["plain"]),
            ("plain", &["plain"]),
            ("plainly", everything),
        ] {
            let packages = Packages {
                members: Vec::new(),
                nearest: ROOT.into(),
                root: ROOT.into(),
                directory: Some(Path::new("/real/fake").join(at)),
            };
            let found = selected(&agents, &packages, &Asked::default()).unwrap();
            let mut found: Vec<&str> = found.iter().map(AgentName::as_str).collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{at}");
        }
    }

    #[test]
    fn options_select_from_anywhere() {
        for at in ["", "one", "plain"] {
            let all = asked(&[], true, &[]);
            assert_eq!(meant(at, true, &all), Ok(names(&["one", "shared", "two"])));
            let but_one = asked(&[], true, &["on*"]);
            assert_eq!(meant(at, true, &but_one), Ok(names(&["shared", "two"])));
            let two = asked(&["two"], false, &[]);
            assert_eq!(meant(at, true, &two), Ok(names(&["two"])));
            let both = asked(&["t[w]o", "one"], false, &[]);
            assert_eq!(meant(at, true, &both), Ok(names(&["one", "two"])));
            let by_agent = Asked {
                by_agent: true,
                ..Asked::default()
            };
            assert_eq!(
                meant(at, true, &by_agent),
                Ok(names(&["one", "shared", "two"]))
            );
        }
    }

    #[test]
    fn what_selects_nothing_is_an_error() {
        let typo = asked(&["tow"], false, &[]);
        assert_eq!(
            meant("", true, &typo),
            Err("there is no package `tow` in the workspace".to_owned())
        );
        let plain = asked(&["plain"], false, &[]);
        assert_eq!(
            meant("", true, &plain),
            Err("the package `plain` declares no agent".to_owned())
        );
    }
}
