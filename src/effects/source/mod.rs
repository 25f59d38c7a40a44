//! An agent's sources: which files belong to it, and their content.
#![expect(clippy::disallowed_methods, reason = "sources are read here")]

mod include;
mod left_out;
mod links;
mod root;
mod rules;
mod secrets;

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use ignore::Match;

pub(crate) use self::root::{directory, lasting};
pub(super) use self::{
    include::Include,
    left_out::LeftOut,
    links::{Link, follow},
    rules::{LITTER, MAX_DEPTH, RULES, Rules, is_made_again},
    secrets::{Verdict, is_secret_directory, is_secret_target, judge, judge_file},
};
use self::{
    root::{accepted, target_within},
    rules::Rule,
};
use super::{
    files::{FileError, hash, modified},
    path::real_path,
};
use crate::{
    error::{Exit, Failure, Message},
    package::{
        composition::{Files, Origin},
        native, record,
    },
    redaction::secret::{self, is_secret_name},
};

/// The location of the sources and their surroundings.
pub(crate) struct SourceRequest<'a> {
    /// As written by the user.
    pub(crate) shown: &'a Path,
    pub(crate) path: &'a Path,
    /// What a relative path is resolved against, for messages.
    pub(crate) seen_from: &'a str,
    pub(crate) include: &'a [String],
    /// The deployment folder, which is never part of the sources.
    pub(crate) deployment: Option<&'a Path>,
    /// The other agents' deployment folders, which are excluded too.
    pub(crate) others: &'a BTreeSet<PathBuf>,
    /// Cargo's target directory, with archives and build output that `cargo clean` deletes.
    pub(crate) target: &'a Path,
    pub(crate) workspace_root: &'a Path,
    pub(crate) home: Option<&'a Path>,
    /// The prefix of paths in the archive: empty, or a folder with a slash.
    pub(crate) prefix: &'a str,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Source {
    /// By path in the archive.
    pub(crate) files: Files,
    pub(crate) warnings: Vec<Message>,
    pub(crate) notes: Vec<String>,
}

/// Walks the sources and hashes them. Reports all problems, not only the first.
pub(crate) fn observe(request: &SourceRequest<'_>) -> Result<Source, Failure> {
    let root = accepted(request)?;
    let mut walk = Walk {
        request,
        made: made(request, &root),
        include: Include::new(request.include, &root, request.prefix)?,
        rules: rules(request, &root),
        problems: Vec::new(),
        ignored_python: BTreeMap::new(),
        secrets: Vec::new(),
        left_out: LeftOut::default(),
        special: Vec::new(),
        source: Source::default(),
        root,
    };
    let root = walk.root.clone();
    walk.directory(&root, request.prefix, None, &mut Vec::new());
    walk.finish()
}

struct Walk<'a> {
    request: &'a SourceRequest<'a>,
    root: PathBuf,
    /// Directories generated from sources.
    made: Vec<PathBuf>,
    include: Include,
    rules: Rules,
    problems: Vec<Message>,
    /// The Python files that each rule excludes.
    ignored_python: BTreeMap<String, Vec<String>>,
    /// Files that are excluded although `include` names them.
    secrets: Vec<String>,
    left_out: LeftOut,
    /// Neither files nor directories.
    special: Vec<String>,
    source: Source,
}

/// Why an entry is not copied.
enum Stays {
    Problem(Message),
    Warning(Message),
    /// A link to something hidden, which is mentioned in a note.
    Hidden(PathBuf),
}

impl Walk<'_> {
    /// Walks a directory. `ignored` is the rule that excludes all of it; `chain` guards against
    /// cycles.
    fn directory(
        &mut self,
        path: &Path,
        prefix: &str,
        ignored: Option<&Rule>,
        chain: &mut Vec<PathBuf>,
    ) {
        let real = real_path(path).unwrap_or_else(|_| path.to_owned());
        let left_out = ignored.is_some() && !self.include.names(path);
        if chain.len() >= MAX_DEPTH {
            if !left_out {
                let path = path.display();
                self.problem(
                    Message::new(format!(
                        "directories are nested more than {MAX_DEPTH} deep: `{path}`"
                    ))
                    .help("leave it out with a line in `.agentcoreignore`"),
                );
            }
            return;
        }
        if chain.contains(&real) {
            if !left_out {
                self.problem(Message::new(format!(
                    "the link `{}` leads back to a directory that it is in",
                    path.display()
                )));
            }
            return;
        }
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(_) if left_out && self.include.is_empty() => return,
            Err(error) => {
                let error = FileError::new("read", path, error);
                if left_out {
                    self.source.warnings.push(Message::new(format!(
                        "{error}; what `include` names in it is not copied"
                    )));
                } else {
                    self.problem(Message::new(error.to_string()));
                }
                return;
            }
        };
        let depth = self.rules.enter(path, &RULES);
        chain.push(real);
        let mut entries: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .collect();
        entries.sort();
        for entry in entries {
            self.entry(&entry, prefix, ignored, chain);
        }
        chain.pop();
        self.rules.leave(depth);
    }

    fn entry(
        &mut self,
        path: &Path,
        prefix: &str,
        ignored: Option<&Rule>,
        chain: &mut Vec<PathBuf>,
    ) {
        let Some(file_name) = path.file_name() else {
            return;
        };
        let text = &*file_name.to_string_lossy();
        if RULES.contains(&text) || LITTER.contains(&text) {
            return;
        }
        let name = format!("{prefix}{text}");
        let is_dir = path.is_dir();
        if is_dir && (is_secret_directory(path) || is_made_again(path, text)) {
            return;
        }
        let rule = match self.rules.matched(path) {
            Match::Ignore(glob) => Some(Rule::of(glob)),
            Match::Whitelist(_) => None,
            Match::None => ignored.cloned(),
        };
        let included = self.include.names(path);
        let left_out = rule.as_ref().filter(|_| !included);
        if let Some(rule) = left_out.filter(|_| !is_dir) {
            if let Rule::Written(rule) = rule
                && path.extension() == Some(OsStr::new("py"))
                && path.is_file()
            {
                let files = self.ignored_python.entry(rule.clone()).or_default();
                files.push(name);
            }
            return;
        }
        let is_hidden = self.include.hides(path) && !is_secret_name(text);
        if is_hidden && (!is_dir || !self.include.may_reveal()) {
            if left_out.is_none() && secret::is_hidden(text) {
                self.left_out.hidden(&name);
            }
            return;
        }
        // `include` may add files in an excluded directory back.
        if let Some(stays) = self.reason_to_stay(path, &name) {
            if left_out.is_none() {
                match stays {
                    Stays::Problem(problem) => self.problem(problem),
                    Stays::Warning(warning) => self.source.warnings.push(warning),
                    Stays::Hidden(target) => {
                        let target = target.strip_prefix(&self.root).unwrap_or(&target);
                        self.left_out.hidden_link(&name, target);
                    }
                }
            }
        } else if is_dir {
            if !self.is_made_here(path) {
                let before = self.source.files.len();
                self.directory(path, &format!("{name}/"), rule.as_ref(), chain);
                let is_left_out = is_hidden && before == self.source.files.len();
                if is_left_out && left_out.is_none() && secret::is_hidden(text) {
                    self.left_out.hidden(&name);
                }
            }
        } else if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            // Reading a pipe or a device may never end.
            self.special.push(name);
        } else {
            self.file(path, name, text, included);
        }
    }

    /// Returns why an entry cannot be copied whatever its content: its name, or its target as a
    /// link.
    fn reason_to_stay(&self, path: &Path, name: &str) -> Option<Stays> {
        let shown = path.display();
        if path.file_name().is_some_and(|name| name.to_str().is_none()) {
            return Some(Stays::Problem(
                Message::new(format!("the name of `{shown}` is not UTF-8"))
                    .help("rename it, or leave it out with a line in `.agentcoreignore`"),
            ));
        }
        match follow(path, &self.root) {
            Link::Inside(target) if is_secret_target(&target, &self.root) => {
                let target = target.strip_prefix(&self.root).unwrap_or(&target);
                Some(Stays::Warning(Message::new(format!(
                    "`{name}` is a link to the secret `{}` and is not copied",
                    target.display()
                ))))
            }
            Link::Inside(target) if self.include.hides(&target) => Some(Stays::Hidden(target)),
            Link::No | Link::Inside(_) => None,
            Link::Outside(target) => Some(Stays::Problem(
                Message::new(format!("the link `{shown}` leads out of the source, to `{target}`"))
                    .help("copy what it points at into the source, or leave it out with a line in `.agentcoreignore`"),
            )),
            Link::Broken(target) => Some(Stays::Problem(
                Message::new(format!("the link `{shown}` is broken: there is no `{target}`"))
                    .help("remove it, or leave it out with a line in `.agentcoreignore`"),
            )),
        }
    }

    /// Returns whether the directory is generated: an agent's deployment folder, or build output.
    fn is_made_here(&self, path: &Path) -> bool {
        path.join(record::FILE).is_file()
            || real_path(path).is_ok_and(|real| self.made.iter().any(|made| real.starts_with(made)))
    }

    fn file(&mut self, path: &Path, name: String, file_name: &str, included: bool) {
        if path
            .extension()
            .is_some_and(|extension| extension == "pyc" || extension == "pyo")
        {
            return;
        }
        if name.contains(|c: char| c == '\\' || c.is_control()) {
            // The record has one path per line, and the archive must work on every system.
            return self.problem(
                Message::new(format!(
                    "the name of `{}` contains a backslash or a control character",
                    name.escape_debug()
                ))
                .help("rename it, or leave it out with a line in `.agentcoreignore`"),
            );
        }
        // Read before the content, so that a change in between is noticed.
        let modified = modified(path);
        let content = match fs::read(path) {
            Ok(content) => content,
            Err(error) => {
                return self.problem(Message::new(
                    FileError::new("read", path, error).to_string(),
                ));
            }
        };
        let verdict = judge(file_name, &*content).expect("it has been read");
        if verdict == Verdict::Named && included {
            self.secrets.push(name);
            return;
        }
        if !self.left_out.judged(&name, verdict) {
            return;
        }
        let origin = Origin {
            from: path.to_owned(),
            hash: hash(&content),
            size: content.len() as u64,
            modified,
            executable: native::is_program(&content),
            instead: None,
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
            let mut message =
                Message::new(format!("the source `{shown}` contains no Python files"));
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
                    .help("to ship them, name them in the agent's `include`, or negate the rule in `.agentcoreignore` with `!`"),
            );
        }
        self.source.warnings.extend(self.left_out.warnings());
        self.source.notes.extend(self.left_out.notes());
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
                Message::new("something in the source is neither a file nor a directory; it is not copied")
                    .note(self.special.join(", "))
                    .help("a pipe, socket or device cannot be shipped; a line in `.agentcoreignore` silences this warning"),
            );
        }
        if !self
            .root
            .starts_with(real_path(self.request.workspace_root).unwrap_or_default())
        {
            self.source.notes.push(format!(
                "the source `{shown}` is outside the workspace: {}",
                self.root.display()
            ));
        }
        Ok(self.source)
    }
}

/// Returns the rules for the whole source.
fn rules(request: &SourceRequest<'_>, root: &Path) -> Rules {
    let rules = Rules::above(root, request.home);
    let workspace = real_path(request.workspace_root).ok();
    if root.join("Cargo.toml").is_file() || workspace.is_some_and(|workspace| root == workspace) {
        rules.with_project(root)
    } else {
        rules
    }
}

/// Returns the generated directories below the source.
fn made(request: &SourceRequest<'_>, root: &Path) -> Vec<PathBuf> {
    let others = request.others.iter().map(PathBuf::as_path);
    let folders = request.deployment.into_iter().chain(others);
    // A workspace can have a hundred agents, most of whose folders have the same parent.
    let mut parents = BTreeMap::new();
    let is_near = |folder: &&Path| {
        let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
            return true;
        };
        let real = parents
            .entry(parent.to_owned())
            .or_insert_with(|| real_path(parent).ok());
        let real = real.as_ref().map(|real| real.join(name));
        real.is_some_and(|real| real.starts_with(root))
    };
    folders
        .filter(is_near)
        .filter_map(|folder| real_path(folder).ok())
        .chain(target_within(request))
        .filter(|made| !root.starts_with(made))
        .collect()
}

/// Returns whether a system can run the file, judging by its first bytes.
pub(super) fn is_program(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    let file = fs::File::open(path)?;
    file.take(native::HEAD as u64).read_to_end(&mut head)?;
    Ok(native::is_program(&head))
}

/// Returns whether a file's name or content shows that it is not meant for others.
pub(crate) fn looks_like_a_secret(name: &str, content: &[u8]) -> bool {
    !matches!(
        judge(name, content),
        Ok(Verdict::Ships | Verdict::Mentions(_))
    )
}

#[cfg(test)]
mod tests;
