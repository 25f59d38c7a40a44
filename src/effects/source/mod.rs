//! An agent's sources: which files belong to it, and what they hold.
//!
//! The rules of ignore files are applied here rather than by a walker, because the answer must be the
//! same with and without a git repository, and because a rule that leaves Python code out is named.
#![expect(clippy::disallowed_methods, reason = "sources are read here")]

mod secrets;

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder, Glob},
};

use secrets::is_any_of;
pub(super) use secrets::{SECRET_DIRECTORIES, is_secret};

use super::files::{FileError, Origin, hash};
use crate::{
    error::{Exit, Failure, Message},
    package::record,
};

/// Where the sources are, and what surrounds them.
pub(crate) struct SourceRequest<'a> {
    /// As the user wrote it.
    pub(crate) shown: &'a Path,
    pub(crate) path: &'a Path,
    pub(crate) include: &'a [String],
    /// The folder that is shipped; never part of the sources.
    pub(crate) deployment: &'a Path,
    pub(crate) workspace_root: &'a Path,
    pub(crate) home: Option<&'a Path>,
    /// The agent's name: the copy's folder.
    pub(crate) agent: &'a str,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Source {
    /// By their path below the deployment folder.
    pub(crate) files: BTreeMap<String, Origin>,
    pub(crate) warnings: Vec<Message>,
    pub(crate) notes: Vec<String>,
}

/// Files of rules, in every directory.
pub(super) const RULES: [&str; 2] = [".gitignore", ".agentcoreignore"];

/// Made again by whoever needs them.
pub(super) const CACHES: [&str; 7] = [
    "__pycache__",
    "node_modules",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".tox",
    ".bedrock_agentcore",
];
pub(super) const LITTER: [&str; 3] = [".DS_Store", ".bedrock_agentcore.yaml", ".cargo-agentcore"];

/// Walks the sources and hashes them. Every problem is reported, not the first alone.
pub(crate) fn observe(request: &SourceRequest<'_>) -> Result<Source, Failure> {
    let root = accepted(request)?;
    let mut walk = Walk {
        request,
        deployment: fs::canonicalize(request.deployment).ok(),
        include: include(&root, request.include)?,
        rules: rules_above(&root, request.home),
        problems: Vec::new(),
        ignored_python: BTreeMap::new(),
        secrets: Vec::new(),
        left_out: Vec::new(),
        special: Vec::new(),
        source: Source::default(),
        root,
    };
    let root = walk.root.clone();
    walk.directory(&root, request.agent, None, &mut Vec::new());
    walk.finish()
}

/// The real path of the directory; what is missing or a file is no source. `seen_from` says from where
/// the path is looked for.
pub(crate) fn directory(shown: &Path, path: &Path, seen_from: &str) -> Result<PathBuf, Failure> {
    let real = fs::canonicalize(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => missing(shown, path, seen_from),
        _ => FileError::new("read the source", path, error).into(),
    })?;
    if !real.is_dir() {
        let shown = shown.display();
        return Err(Failure::config(format!("the source `{shown}` is a file"))
            .help("name the directory of the agent's Python package"));
    }
    Ok(real)
}

/// The directory itself, or why it cannot be a source.
fn accepted(request: &SourceRequest<'_>) -> Result<PathBuf, Failure> {
    let shown = request.shown.display();
    let root = directory(
        request.shown,
        request.path,
        "`source` is relative to the Cargo.toml that declares the agent",
    )?;
    let home = request.home.and_then(|home| fs::canonicalize(home).ok());
    if root.parent().is_none() || home.as_ref() == Some(&root) {
        return Err(
            Failure::config(format!("the source `{shown}` is a home or root directory"))
                .help("name the directory of the agent's own package"),
        );
    }
    let deployment = fs::canonicalize(request.deployment).ok();
    if let Some(deployment) = deployment.filter(|deployment| root.starts_with(deployment)) {
        let place = if root == deployment {
            "is the deployment folder itself"
        } else {
            "lies in the deployment folder"
        };
        return Err(Failure::config(format!("the source `{shown}` {place}"))
            .help("the sources are copied into the deployment folder; keep them elsewhere"));
    }
    Ok(root)
}

fn missing(shown: &Path, path: &Path, seen_from: &str) -> Failure {
    let failure = Failure::config(format!("the source `{}` does not exist", shown.display()))
        .note(format!("looked for {}", path.display()));
    let near = path
        .parent()
        .and_then(|parent| fs::read_dir(parent).ok())
        .and_then(|entries| {
            let wanted = path.file_name()?.to_string_lossy().into_owned();
            entries
                .filter_map(Result::ok)
                .filter(|entry| entry.path().is_dir())
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .map(|name| (strsim::damerau_levenshtein(&wanted, &name), name))
                .filter(|(distance, _)| *distance <= wanted.len() / 3 + 1)
                .min()
        });
    match near {
        Some((_, name)) => failure.help(format!("there is a directory `{name}` beside it")),
        None => failure.help(seen_from),
    }
}

fn include(root: &Path, patterns: &[String]) -> Result<Gitignore, Failure> {
    let mut builder = GitignoreBuilder::new(root);
    for pattern in patterns {
        builder.add_line(None, pattern).map_err(|error| {
            Failure::config(format!(
                "`{pattern}` in `include` is not a pattern: {error}"
            ))
        })?;
    }
    builder
        .build()
        .map_err(|error| Failure::config(format!("`include` cannot be used: {error}")))
}

/// The rules of the directories above the source, outermost first, below home and root.
fn rules_above(root: &Path, home: Option<&Path>) -> Vec<Gitignore> {
    let mut rules = Vec::new();
    let above = root
        .ancestors()
        .skip(1)
        .take_while(|at| at.parent().is_some() && Some(*at) != home);
    for directory in above.collect::<Vec<_>>().into_iter().rev() {
        rules.extend(rules_in(directory));
    }
    rules
}

fn rules_in(directory: &Path) -> Vec<Gitignore> {
    RULES
        .iter()
        .map(|name| directory.join(name))
        .filter(|path| path.is_file())
        .map(|path| Gitignore::new(path).0)
        .collect()
}

struct Walk<'a> {
    request: &'a SourceRequest<'a>,
    root: PathBuf,
    deployment: Option<PathBuf>,
    include: Gitignore,
    /// Outermost first; the last rule that matches decides.
    rules: Vec<Gitignore>,
    problems: Vec<Message>,
    /// Rule, then the Python files that it leaves out.
    ignored_python: BTreeMap<String, Vec<String>>,
    /// Files that `include` names and that are left out all the same.
    secrets: Vec<String>,
    /// Files that look like secrets and that nobody asked for.
    left_out: Vec<String>,
    /// What is neither a file nor a directory.
    special: Vec<String>,
    source: Source,
}

impl Walk<'_> {
    /// `ignored` is the rule that leaves the whole directory out; `chain` guards against cycles.
    fn directory(
        &mut self,
        path: &Path,
        name: &str,
        ignored: Option<&str>,
        chain: &mut Vec<PathBuf>,
    ) {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if chain.contains(&real) {
            self.problem(Message::new(format!(
                "the link `{}` leads back to a directory that it is in",
                path.display()
            )));
            return;
        }
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) => {
                return self.problem(Message::new(
                    FileError::new("read", path, error).to_string(),
                ));
            }
        };
        let depth = self.rules.len();
        self.rules.extend(rules_in(path));
        chain.push(real);
        let mut entries: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .collect();
        entries.sort();
        for entry in entries {
            self.entry(&entry, name, ignored, chain);
        }
        chain.pop();
        self.rules.truncate(depth);
    }

    fn entry(
        &mut self,
        path: &Path,
        parent: &str,
        ignored: Option<&str>,
        chain: &mut Vec<PathBuf>,
    ) {
        let Some(file_name) = path.file_name() else {
            return;
        };
        let Some(text) = file_name.to_str() else {
            return self.problem(
                Message::new(format!("the name of `{}` is not UTF-8", path.display()))
                    .help("rename it, or leave it out with a line in `.agentcoreignore`"),
            );
        };
        if RULES.contains(&text) || LITTER.contains(&text) {
            return;
        }
        let name = format!("{parent}/{text}");
        let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
        let target = if is_link {
            match self.target_inside(path) {
                Some(target) => Some(target),
                None => return,
            }
        } else {
            None
        };
        let is_dir = path.is_dir();
        if is_dir && self.never_entered(path, text) {
            return;
        }
        let rule = match self.ruled(path, is_dir) {
            Match::Ignore(glob) => Some(describe(glob)),
            Match::Whitelist(_) => None,
            Match::None => ignored.map(str::to_owned),
        };
        let included = self
            .include
            .matched_path_or_any_parents(path, is_dir)
            .is_ignore();
        if let Some(target) = target.filter(|target| self.leads_to_a_secret(target)) {
            if rule.is_none() || included {
                let shown = target.strip_prefix(&self.root).unwrap_or(&target).display();
                self.source.warnings.push(Message::new(format!(
                    "`{name}` is a link to the secret `{shown}` and is not copied"
                )));
            }
            return;
        }
        if is_dir {
            return self.directory(path, &name, rule.as_deref(), chain);
        }
        match rule {
            Some(rule) if !included => {
                if path.extension() == Some(OsStr::new("py")) {
                    self.ignored_python.entry(rule).or_default().push(name);
                }
            }
            // A pipe would be waited for, a device read without end.
            _ if fs::metadata(path).is_ok_and(|found| !found.is_file()) => self.special.push(name),
            _ => self.file(path, name, text, included),
        }
    }

    /// A link under an innocent name is judged by what it points at.
    fn leads_to_a_secret(&self, target: &Path) -> bool {
        let inside = target.strip_prefix(&self.root).unwrap_or(target);
        let hidden = inside.components().any(|part| {
            let part = part.as_os_str().to_string_lossy();
            is_any_of(&part, &SECRET_DIRECTORIES)
        });
        let name = target.file_name().map(OsStr::to_string_lossy);
        hidden
            || target.is_file()
                && name.is_some_and(|name| is_secret(&name, &fs::read(target).unwrap_or_default()))
    }

    /// Where a link leads; says so where it is broken or leaves the source.
    fn target_inside(&mut self, path: &Path) -> Option<PathBuf> {
        let target = fs::read_link(path)
            .map_or_else(|_| "?".to_owned(), |target| target.display().to_string());
        match fs::canonicalize(path) {
            Ok(real) if real.starts_with(&self.root) => Some(real),
            Ok(_) => {
                self.problem(
                    Message::new(format!("the link `{}` leads out of the source, to `{target}`", path.display()))
                        .help("copy what it points at into the source, or leave it out with a line in `.agentcoreignore` and remove it"),
                );
                None
            }
            Err(_) => {
                self.problem(Message::new(format!(
                    "the link `{}` is broken: there is no `{target}`",
                    path.display()
                )));
                None
            }
        }
    }

    fn never_entered(&self, path: &Path, name: &str) -> bool {
        CACHES.contains(&name)
            || is_any_of(name, &SECRET_DIRECTORIES)
            || path.join("pyvenv.cfg").is_file()
            // Another agent's deployment folder: copies of copies.
            || path.join(record::FILE).is_file()
            || self.deployment.as_ref().is_some_and(|deployment| {
                fs::canonicalize(path).is_ok_and(|real| real.starts_with(deployment))
            })
    }

    fn ruled(&self, path: &Path, is_dir: bool) -> Match<&Glob> {
        for rules in self.rules.iter().rev() {
            let found = rules.matched(path, is_dir);
            if !found.is_none() {
                return found;
            }
        }
        Match::None
    }

    fn file(&mut self, path: &Path, name: String, file_name: &str, included: bool) {
        if path
            .extension()
            .is_some_and(|extension| extension == "pyc" || extension == "pyo")
        {
            return;
        }
        if name.contains(|c: char| c == '\\' || c.is_control()) {
            // The record holds a path a line, and the archive one that every system understands.
            return self.problem(
                Message::new(format!(
                    "the name of `{}` holds a backslash or a control character",
                    name.escape_debug()
                ))
                .help("rename it, or leave it out with a line in `.agentcoreignore`"),
            );
        }
        let content = match fs::read(path) {
            Ok(content) => content,
            Err(error) => {
                return self.problem(Message::new(
                    FileError::new("read", path, error).to_string(),
                ));
            }
        };
        if is_secret(file_name, &content) {
            if included {
                self.secrets.push(name);
            } else {
                self.left_out.push(format!("`{name}`"));
            }
            return;
        }
        let origin = Origin {
            from: path.to_owned(),
            hash: hash(&content),
            executable: executable(path),
        };
        self.source.files.insert(name, origin);
    }

    fn problem(&mut self, message: Message) {
        self.problems.push(message);
    }

    fn finish(mut self) -> Result<Source, Failure> {
        let shown = self.request.shown.display();
        let any_python = self
            .source
            .files
            .keys()
            .any(|name| Path::new(name).extension() == Some(OsStr::new("py")));
        if !any_python && self.problems.is_empty() {
            let mut message = Message::new(format!("the source `{shown}` holds no Python file"));
            for (rule, files) in &self.ignored_python {
                message = message.note(format!("{rule} leaves out {}", files.join(", ")));
            }
            self.problems
                .push(message.help("`source` names the directory of the agent's Python package"));
        }
        if !self.problems.is_empty() {
            return Err(Failure {
                exit: Exit::Config,
                messages: self.problems,
            });
        }
        for (rule, files) in &self.ignored_python {
            self.source.warnings.push(
                Message::new(format!("{rule} leaves out Python files: {}", files.join(", ")))
                    .help("to ship them, name them in the agent's `include`, or take the rule back in `.agentcoreignore` with `!`"),
            );
        }
        if !self.left_out.is_empty() {
            self.source.notes.push(format!(
                "not copied, because secrets stay here: {}",
                self.left_out.join(", ")
            ));
        }
        for name in &self.secrets {
            self.source.warnings.push(
                Message::new(format!(
                    "`{name}` looks like a secret and is not copied, although `include` names it"
                ))
                .help("give it to the agent as a secret: `permissions = [{ secret = \"ARN\" }]`"),
            );
        }
        if !self.special.is_empty() {
            self.source.warnings.push(
                Message::new("the source holds what is neither a file nor a directory; it is not copied")
                    .note(self.special.join(", "))
                    .help("a pipe, socket or device cannot be shipped; a line in `.agentcoreignore` keeps this quiet"),
            );
        }
        if !self
            .root
            .starts_with(fs::canonicalize(self.request.workspace_root).unwrap_or_default())
        {
            self.source.notes.push(format!(
                "the source `{shown}` is outside the workspace: {}",
                self.root.display()
            ));
        }
        Ok(self.source)
    }
}

fn describe(glob: &Glob) -> String {
    let file = glob.from().map_or_else(
        || "a rule".to_owned(),
        |from| format!("`{}`", from.display()),
    );
    format!("the rule `{}` of {file}", glob.original())
}

pub(super) fn executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| may_run(&found))
}

#[cfg(unix)]
pub(super) fn may_run(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
pub(super) fn may_run(_found: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests;
