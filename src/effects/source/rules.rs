//! What of a folder is left out: by the rules of ignore files, and because it is made again anyway.
//!
//! The rules are applied here rather than by a walker, because the answer must be the same with and
//! without a git repository, and because a rule that leaves Python code out is named.
#![expect(
    clippy::disallowed_methods,
    reason = "files of rules are looked for here"
)]

use std::{fs, path::Path};

use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder, Glob},
};

/// Files of rules, in every directory.
pub(in crate::effects) const RULES: [&str; 2] = [".gitignore", ".agentcoreignore"];

/// Made again by whoever needs them.
const CACHES: [&str; 7] = [
    "__pycache__",
    "node_modules",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".tox",
    ".bedrock_agentcore",
];
/// Files of tools, the settings of installers included: they may name a private index, and nothing is
/// installed where the agent runs.
pub(in crate::effects) const LITTER: [&str; 6] = [
    ".DS_Store",
    ".bedrock_agentcore.yaml",
    ".cargo-agentcore",
    "pip.conf",
    "pip.ini",
    "uv.toml",
];

/// Deeper nests are not looked into: each level costs more than the one above it.
pub(in crate::effects) const MAX_DEPTH: usize = 100;

/// What a project's own directory holds besides an agent: of no use where the agent runs, and changed by
/// people who do not change the agent.
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

/// A directory that is a cache or a virtual environment.
pub(in crate::effects) fn is_made_again(directory: &Path, name: &str) -> bool {
    CACHES.contains(&name) || directory.join("pyvenv.cfg").is_file()
}

/// The rules on the way to a directory, outermost first; the last one that matches decides.
#[derive(Default)]
pub(in crate::effects) struct Rules(Vec<Gitignore>);

impl Rules {
    /// Those of the directories above, below home and root.
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

    /// Our own rule for a source that is the project's directory, which any rule of a file overrules.
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

    /// Adds those that stand in a directory in files of these names; `leave` takes them back.
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

    /// To be asked before anything else is: what a rule leaves out may be broken or nameless.
    pub(in crate::effects) fn matched(&self, path: &Path) -> Match<&Glob> {
        // A broken link may have led to a directory, as that to a virtual environment does.
        let is_dir = fs::metadata(path).map_or(true, |found| found.is_dir());
        self.0
            .iter()
            .rev()
            .map(|rules| rules.matched(path, is_dir))
            .find(|found| !found.is_none())
            .unwrap_or(Match::None)
    }
}

/// How many files of rules held before a directory was entered.
#[derive(Clone, Copy)]
pub(in crate::effects) struct Depth(usize);

/// What leaves something out.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    /// Of an ignore file, in words.
    Written(String),
    /// Our own, of which nobody needs to hear.
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
