//! Decides what is excluded from a folder: by ignore files, and because it can be regenerated.
//!
//! Does not use a walker, because the answer must not depend on a git repository, and because a
//! rule that excludes Python code must be named.
#![expect(
    clippy::disallowed_methods,
    reason = "files of rules are looked for here"
)]

use std::{fs, path::Path};

use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder, Glob},
};

/// The ignore files, in every directory.
pub(in crate::effects) const RULES: [&str; 2] = [".gitignore", ".agentcoreignore"];

/// Regenerated when needed.
const CACHES: [&str; 7] = [
    "__pycache__",
    "node_modules",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".tox",
    ".bedrock_agentcore",
];
/// Tools' files, including installers' settings: they may name a private index, and nothing is
/// installed where the agent runs.
pub(in crate::effects) const LITTER: [&str; 6] = [
    ".DS_Store",
    ".bedrock_agentcore.yaml",
    ".cargo-agentcore",
    "pip.conf",
    "pip.ini",
    "uv.toml",
];

/// Deeper levels are not entered, because each costs more than the one above it.
pub(in crate::effects) const MAX_DEPTH: usize = 100;

/// A project's files besides its agent. The running agent does not need them, and they change
/// independently.
const PROJECT: [&str; 12] = [
    "/Cargo.toml",
    "/Cargo.lock",
    "/README*",
    "/LICENSE*",
    "/LICENCE*",
    "/CHANGELOG*",
    "/AGENTS.md",
    "/CLAUDE.md",
    "/pyproject.toml",
    "/uv.lock",
    "/tests/",
    "*.rs",
];

/// Returns whether a directory is a cache or a virtual environment.
pub(in crate::effects) fn is_made_again(directory: &Path, name: &str) -> bool {
    CACHES.contains(&name) || directory.join("pyvenv.cfg").is_file()
}

/// The rules that apply to a directory, outermost first; the last match decides.
#[derive(Default)]
pub(in crate::effects) struct Rules(Vec<Gitignore>);

impl Rules {
    /// Returns the rules of the parent directories, up to the home directory or the root.
    pub(super) fn above(directory: &Path, home: Option<&Path>) -> Self {
        let mut rules = Self::default();
        let above = directory
            .ancestors()
            .skip(1)
            .take_while(|at| at.parent().is_some() && Some(*at) != home);
        for directory in above.collect::<Vec<_>>().into_iter().rev() {
            rules.enter(directory, &RULES);
        }
        rules
    }

    /// Adds our own rule for a source that is the project's directory. Any ignore file overrides
    /// it.
    pub(super) fn with_project(mut self, root: &Path) -> Self {
        let mut builder = GitignoreBuilder::new(root);
        let built = builder.case_insensitive(true).and_then(|builder| {
            for line in PROJECT {
                builder.add_line(None, line)?;
            }
            builder.build()
        });
        self.0.insert(0, built.expect("these are patterns"));
        self
    }

    /// Adds the rules of a directory from files with these names. Call `leave` to remove them.
    pub(in crate::effects) fn enter(&mut self, directory: &Path, names: &[&str]) -> Depth {
        let depth = Depth(self.0.len());
        let files = names.iter().map(|name| directory.join(name));
        self.0.extend(
            files
                .filter(|path| path.is_file())
                .map(|path| Gitignore::new(path).0),
        );
        depth
    }

    pub(in crate::effects) fn leave(&mut self, depth: Depth) {
        self.0.truncate(depth.0);
    }

    /// Returns the matching rule. Call it before any other check, because an excluded path may be
    /// broken or not UTF-8.
    pub(in crate::effects) fn matched(&self, path: &Path) -> Match<&Glob> {
        // A broken link may have pointed to a directory, for example a virtual environment.
        let is_dir = fs::metadata(path).map_or(true, |found| found.is_dir());
        self.0
            .iter()
            .rev()
            .map(|rules| rules.matched(path, is_dir))
            .find(|found| !found.is_none())
            .unwrap_or(Match::None)
    }
}

/// The number of rule files before a directory was entered.
#[derive(Clone, Copy)]
pub(in crate::effects) struct Depth(usize);

/// The rule that excludes something.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    /// From an ignore file, with its description.
    Written(String),
    /// Our own, which is not reported.
    Ours,
}

impl Rule {
    pub(super) fn of(glob: &Glob) -> Self {
        match glob.from() {
            Some(from) => Self::Written(format!(
                "the rule `{}` of `{}`",
                glob.original(),
                from.display()
            )),
            None => Self::Ours,
        }
    }
}
