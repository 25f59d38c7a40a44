//! The cargo package of a Rust agent, and how its binary is built.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};

use toml::Spanned;

use super::read::{Problems, Table, one_of};
use crate::{names::AgentName, text::nearest};

/// A package of the workspace, as cargo describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CargoPackage {
    pub name: String,
    pub manifest: PathBuf,
    /// The names of its binaries.
    pub bins: Vec<String>,
    pub default_run: Option<String>,
}

/// The binary that is a Rust agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RustPackage {
    pub package: String,
    pub manifest: PathBuf,
    pub bin: String,
    pub features: Vec<String>,
    /// The cargo profile for the service; `None` is `release`.
    pub profile: Option<String>,
    pub target: Target,
    /// Variables for cargo, not for the agent.
    pub env: BTreeMap<String, String>,
}

impl RustPackage {
    /// Returns the package's directory.
    pub(crate) fn directory(&self) -> &Path {
        self.manifest.parent().unwrap_or(Path::new("."))
    }
}

/// What the service's binary is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Target {
    /// A static binary.
    #[default]
    Musl,
    /// A binary that needs glibc 2.34 or older.
    Gnu,
}

impl Target {
    pub(crate) const ALL: [Self; 2] = [Self::Musl, Self::Gnu];

    /// Returns the target triple.
    pub(crate) fn triple(self) -> &'static str {
        match self {
            Self::Musl => "aarch64-unknown-linux-musl",
            Self::Gnu => "aarch64-unknown-linux-gnu",
        }
    }
}

/// The `build` table of an agent.
#[derive(Debug, Clone, Default)]
pub(super) struct BuildTable {
    package: Option<Spanned<String>>,
    bin: Option<Spanned<String>>,
    features: Vec<String>,
    profile: Option<String>,
    target: Option<Target>,
    env: BTreeMap<String, String>,
}

impl BuildTable {
    /// Takes the key `build`.
    pub(super) fn read(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Self {
        let Some(mut build) = table.table("build", problems) else {
            return Self::default();
        };
        let features = build.strings("features", problems).unwrap_or_default();
        let read = Self {
            package: build.string("package", problems),
            bin: build.string("bin", problems),
            features: features.into_iter().map(Spanned::into_inner).collect(),
            profile: build.parsed("profile", problems, profile),
            target: build.parsed("target", problems, target),
            env: variables(&mut build, problems),
        };
        build.finish(problems);
        read
    }

    /// Finds the package and its binary. Reports a problem and returns `None` if they are not
    /// clear.
    pub(super) fn resolve(
        self,
        agent: (&AgentName, &Range<usize>),
        own: Option<&CargoPackage>,
        packages: &[&CargoPackage],
        problems: &mut Problems<'_>,
    ) -> Option<RustPackage> {
        let Self {
            package,
            bin,
            features,
            profile,
            target,
            env,
        } = self;
        let package = find_package(package.as_ref(), agent, own, packages, problems)?;
        let bin = find_bin(bin.as_ref(), agent, package, problems)?;
        Some(RustPackage {
            package: package.name.clone(),
            manifest: package.manifest.clone(),
            bin,
            features,
            profile,
            target: target.unwrap_or_default(),
            env,
        })
    }
}

fn find_package<'p>(
    named: Option<&Spanned<String>>,
    (agent, span): (&AgentName, &Range<usize>),
    own: Option<&'p CargoPackage>,
    packages: &[&'p CargoPackage],
    problems: &mut Problems<'_>,
) -> Option<&'p CargoPackage> {
    if let Some(named) = named {
        let name = named.get_ref();
        let found = packages.iter().find(|package| package.name == *name);
        if found.is_none() {
            let known = packages.iter().map(|package| package.name.as_str());
            let near = nearest(name, known)
                .map_or_else(String::new, |near| format!("did you mean `{near}`?"));
            let what = format!("there is no package `{name}` in the workspace");
            problems.at(named.span(), what, near);
        }
        return found.copied();
    }
    if own.is_some() {
        return own;
    }
    let with_binary: Vec<&&CargoPackage> = packages
        .iter()
        .filter(|package| !package.bins.is_empty())
        .collect();
    let is_named = |package: &&&&CargoPackage| is_of_agent(&package.name, agent);
    if let Some(found) = with_binary.iter().find(is_named) {
        return Some(found);
    }
    if let [only] = with_binary[..] {
        return Some(only);
    }
    let names: Vec<&str> = with_binary.iter().map(|p| p.name.as_str()).collect();
    let message = problems.message(
        span.clone(),
        format!("it is not clear which package is the agent `{agent}`"),
        "",
    );
    problems.push(match &names[..] {
        [] => message.note("no package of the workspace has a binary"),
        _ => message
            .note(format!("the packages with a binary are {}", listed(&names)))
            .help(format!("add `build = {{ package = \"{}\" }}`", names[0])),
    });
    None
}

/// Finds the binary as `cargo run` does, or else the one with the agent's name.
fn find_bin(
    named: Option<&Spanned<String>>,
    (agent, span): (&AgentName, &Range<usize>),
    package: &CargoPackage,
    problems: &mut Problems<'_>,
) -> Option<String> {
    let CargoPackage {
        name,
        manifest: _,
        bins,
        default_run,
    } = package;
    if let Some(named) = named {
        let wanted = named.get_ref();
        if bins.contains(wanted) {
            return Some(wanted.clone());
        }
        let near = nearest(wanted, bins.iter().map(String::as_str))
            .map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        let what = format!("the package `{name}` has no binary `{wanted}`");
        problems.at(named.span(), what, near);
        return None;
    }
    let of_agent = || bins.iter().find(|bin| is_of_agent(bin, agent)).cloned();
    let found = match &bins[..] {
        [only] => Some(only.clone()),
        _ => default_run.clone().or_else(of_agent),
    };
    if found.is_none() {
        let names: Vec<&str> = bins.iter().map(String::as_str).collect();
        let message = match names.first() {
            None => problems
                .message(
                    span.clone(),
                    format!("the package `{name}` of agent `{agent}` has no binary"),
                    "",
                )
                .help("a Rust agent is a binary: add `src/main.rs`"),
            Some(first) => problems
                .message(
                    span.clone(),
                    format!("it is not clear which binary of `{name}` is the agent `{agent}`"),
                    "",
                )
                .note(format!("the binaries are {}", listed(&names)))
                .help(format!(
                    "set `default-run = \"{first}\"` in `[package]`, or add `build = {{ bin = \"{first}\" }}` to the agent"
                )),
        };
        problems.push(message);
    }
    found
}

/// Returns true if cargo's name is the agent's, apart from hyphens.
fn is_of_agent(name: &str, agent: &AgentName) -> bool {
    name.replace('-', "_") == agent.as_str()
}

fn listed(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn target(text: &str) -> Result<Target, String> {
    let known = Target::ALL.map(|target| (target.triple(), target));
    one_of("target", text, &known)
}

fn profile(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.is_empty() && text.chars().all(legal) {
        Ok(text.to_owned())
    } else {
        Err(format!("invalid cargo profile `{text}`"))
    }
}

fn variables(table: &mut Table<'_>, problems: &mut Problems<'_>) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for (name, value) in table.map("env", problems) {
        if name.is_empty() || name.contains(['=', '\0']) {
            problems.at(
                value.span(),
                format!("invalid variable name `{name}`: expected characters without `=`"),
                "",
            );
        } else {
            env.insert(name, value.into_inner());
        }
    }
    env
}

#[cfg(test)]
mod tests;
