//! What a Dockerfile can copy: the files of its context, found like Docker does. Nothing is read
//! through a link that leads out of the context, and repositories, cargo's output and secrets are
//! left out whatever `.dockerignore` says.
#![expect(clippy::disallowed_methods, reason = "the context is read here")]

mod archive;
mod staged;

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    files::{self, FileError},
    manifest,
    path::real_path,
    source::{
        LeftOut, Link, MAX_DEPTH, Verdict, follow, is_secret_directory, is_secret_target, judge,
        judge_file,
    },
};
use crate::{
    config::Dockerfile,
    error::{Exit, Failure, Message, Snippet},
    package::{
        build_context::{Entry, Kind},
        dockerignore::Dockerignore,
    },
};

pub(crate) use self::{
    archive::archive,
    staged::{CONTEXT, DOCKERFILE, stage},
};

/// Where a Dockerfile and its context are looked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The agent, for messages.
    pub(crate) agent: String,
    pub(crate) dockerfile: Dockerfile,
    /// The directory of the manifest.
    pub(crate) directory: PathBuf,
    pub(crate) workspace: PathBuf,
    /// Cargo's output.
    pub(crate) target: PathBuf,
}

/// A Dockerfile and what it can copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) dockerfile: Vec<u8>,
    /// The directory of the entries.
    pub(crate) root: PathBuf,
    /// Sorted by path.
    pub(crate) entries: Vec<Entry>,
    pub(crate) warnings: Vec<Message>,
    pub(crate) notes: Vec<String>,
}

/// Finds and hashes everything.
pub(crate) fn observe(request: &Request) -> Result<Context, Failure> {
    let Request {
        agent,
        dockerfile: asked,
        directory,
        workspace,
        target,
    } = request;
    let workspace = real(workspace)?;
    let inside = |key: &str, path: &Path| {
        let shown = path.display();
        let found = real_path(directory.join(path)).map_err(|_| {
            let missing = Failure::config(format!("`{shown}` of agent `{agent}` does not exist"))
                .note(format!("it is looked for in {}", directory.display()))
                .help(format!(
                    "create it, or name another path: `image = {{ {key} = \"…\" }}`"
                ));
            manifest::located(directory, &shown.to_string(), missing)
        })?;
        if found.starts_with(&workspace) {
            Ok(found)
        } else {
            let outside = Failure::config(format!(
                "`{shown}` of agent `{agent}` is outside the workspace"
            ))
            .note(format!("it leads to {}", found.display()));
            Err(manifest::located(directory, &shown.to_string(), outside))
        }
    };
    let file = inside("dockerfile", &asked.path)?;
    let root = inside("context", &asked.context)?;
    let is_no = |what: &str, path: &Path| {
        let shown = path.display().to_string();
        let failure = Failure::config(format!("`{shown}` of agent `{agent}` is not a {what}"));
        Err(manifest::located(directory, &shown, failure))
    };
    if !file.is_file() {
        return is_no("file", &asked.path);
    }
    if !root.is_dir() {
        return is_no("directory", &asked.context);
    }
    let dockerfile = files::read_bytes(&file)?;
    let mut walk = Walk {
        rules: rules(&file, &root, &workspace)?,
        target: real_path(target).ok(),
        root: root.clone(),
        entries: Vec::new(),
        left_out: LeftOut::default(),
        leading_out: Vec::new(),
        special: Vec::new(),
    };
    walk.directory(&root, "", 0)?;
    let verdict = judge("Dockerfile", &dockerfile[..]).unwrap_or(Verdict::Ships);
    walk.left_out.mentioned("Dockerfile", verdict);
    Ok(walk.finish(dockerfile))
}

fn real(path: &Path) -> Result<PathBuf, FileError> {
    real_path(path).map_err(|error| FileError::new("read", path, error))
}

/// Reads the rules: those for this Dockerfile, or else those of the context.
fn rules(dockerfile: &Path, root: &Path, workspace: &Path) -> Result<Dockerignore, Failure> {
    let mut own = dockerfile.as_os_str().to_owned();
    own.push(".dockerignore");
    for path in [PathBuf::from(own), root.join(".dockerignore")] {
        let is_inside = real_path(&path).is_ok_and(|real| real.starts_with(workspace));
        if !is_inside || !path.is_file() {
            continue;
        }
        let text = files::read_text(&path)?.unwrap_or_default();
        return Dockerignore::parse(&text).map_err(|(line, what)| Failure {
            exit: Exit::Config,
            messages: vec![Message::new(what).at(Snippet::line(path, text.clone(), line))],
        });
    }
    Ok(Dockerignore::default())
}

struct Walk {
    rules: Dockerignore,
    /// Cargo's output.
    target: Option<PathBuf>,
    root: PathBuf,
    entries: Vec<Entry>,
    left_out: LeftOut,
    /// Links that lead out of the context, or nowhere.
    leading_out: Vec<String>,
    /// Neither files nor directories.
    special: Vec<String>,
}

impl Walk {
    fn directory(&mut self, at: &Path, prefix: &str, depth: usize) -> Result<(), Failure> {
        if depth >= MAX_DEPTH {
            return Err(Failure::config(format!(
                "directories are nested more than {MAX_DEPTH} deep: `{}`",
                at.display()
            ))
            .help("leave the directory out with a line in `.dockerignore`"));
        }
        let read = |error| FileError::new("read", at, error);
        let mut names = Vec::new();
        for entry in fs::read_dir(at).map_err(read)? {
            names.push(entry.map_err(read)?.file_name());
        }
        names.sort();
        for name in names {
            let path = at.join(&name);
            let name = name.to_string_lossy();
            let shown = format!("{prefix}{name}");
            if path.file_name().and_then(|name| name.to_str()).is_none() {
                if self.rules.leaves_out(&shown) {
                    continue;
                }
                return Err(Failure::config(format!(
                    "the name of `{}` is not UTF-8",
                    path.display()
                ))
                .help("rename it, or leave it out with a line in `.dockerignore`"));
            }
            self.entry(&path, &name, shown, depth)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        path: &Path,
        name: &str,
        shown: String,
        depth: usize,
    ) -> Result<(), Failure> {
        let read = |error| FileError::new("read", path, error);
        let found = fs::symlink_metadata(path).map_err(read)?;
        if found.is_dir() {
            if self.is_never_sent(path, name) || self.rules.leaves_out_all_below(&shown) {
                return Ok(());
            }
            if is_secret_directory(path) {
                self.left_out.secret(&format!("{shown}/"));
                return Ok(());
            }
            let below = format!("{shown}/");
            if !self.rules.leaves_out(&shown) {
                self.push(shown, Kind::Folder);
            }
            return self.directory(path, &below, depth + 1);
        }
        if self.rules.leaves_out(&shown) || shown == ".dockerignore" {
            return Ok(());
        }
        if found.is_symlink() {
            self.link(path, shown);
        } else if !found.is_file() {
            self.special.push(format!("`{shown}`"));
        } else {
            let verdict = judge_file(path, name).map_err(read)?;
            if self.left_out.judged(&shown, verdict) {
                let kind = Kind::File {
                    bytes: found.len(),
                    sha256: files::hash_file(path)?,
                    is_program: is_program(&found),
                };
                self.push(shown, kind);
            }
        }
        Ok(())
    }

    /// A link stays a link if what it leads to is in the context too.
    fn link(&mut self, path: &Path, shown: String) {
        let real = match follow(path, &self.root) {
            Link::Inside(real) => real,
            Link::No => return,
            Link::Outside(target) | Link::Broken(target) => {
                self.leading_out.push(format!("`{shown}` (to `{target}`)"));
                return;
            }
        };
        let text = fs::read_link(path).unwrap_or_default();
        let text = text.to_string_lossy().into_owned();
        if is_secret_target(&real, &self.root) {
            self.left_out.link(&shown, &real);
        } else if Path::new(&text).has_root() {
            self.leading_out.push(format!("`{shown}` (to `{text}`)"));
        } else {
            self.push(shown, Kind::Link(text));
        }
    }

    /// Returns true for repositories, whose history may contain secrets, and for cargo's output.
    fn is_never_sent(&self, path: &Path, name: &str) -> bool {
        name == ".git"
            || self.target.as_deref() == Some(path)
            || (name == "target" && path.join("CACHEDIR.TAG").is_file())
    }

    fn push(&mut self, path: String, kind: Kind) {
        self.entries.push(Entry { path, kind });
    }

    fn finish(mut self, dockerfile: Vec<u8>) -> Context {
        self.entries.sort();
        let mut warnings = self.left_out.warnings();
        if !self.special.is_empty() {
            warnings.push(
                Message::new("something in the build context is neither a file nor a directory; it is left out")
                    .note(self.special.join(", "))
                    .help("a line in `.dockerignore` silences this warning"),
            );
        }
        let mut notes = self.left_out.notes();
        if !self.leading_out.is_empty() {
            notes.push(format!(
                "links that lead out of the build context are left out: {}",
                self.leading_out.join(", ")
            ));
        }
        Context {
            dockerfile,
            root: self.root,
            entries: self.entries,
            warnings,
            notes,
        }
    }
}

#[cfg(unix)]
fn is_program(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o111 != 0
}

/// Docker makes every file from Windows executable.
#[cfg(not(unix))]
fn is_program(_found: &fs::Metadata) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests;
