//! The agent's own files: everything in the deployment folder that is to be shipped.
#![expect(
    clippy::disallowed_methods,
    reason = "the deployment folder is read here"
)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use ignore::gitignore::Gitignore;

use super::{Request, writer::Input};
use crate::{
    effects::{
        files::{FileError, TEMPORARY},
        source::{CACHES, LITTER, RULES, SECRET_DIRECTORIES, executable, is_secret},
    },
    error::{Failure, Message},
};

#[derive(Debug, Default)]
pub(super) struct Shipped {
    /// Sorted by their path.
    pub(super) files: Vec<Input>,
    pub(super) problems: Vec<Message>,
    pub(super) warnings: Vec<Message>,
}

/// Everything below the deployment folder but caches, secrets, our own record, and what an
/// `.agentcoreignore` leaves out. A `.gitignore` does not count here: it names the copied sources.
pub(super) fn observe(request: &Request) -> Result<Shipped, Failure> {
    let root = fs::canonicalize(&request.deployment)
        .map_err(|error| FileError::new("read", &request.deployment, error))?;
    let mut walk = Walk {
        root: root.clone(),
        rules: Vec::new(),
        shipped: Shipped::default(),
        secrets: Vec::new(),
    };
    walk.directory(&root, "", &mut Vec::new())?;
    let mut shipped = walk.shipped;
    shipped.files.sort();
    if !walk.secrets.is_empty() {
        let names: Vec<String> = walk
            .secrets
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let verb = if names.len() == 1 { "is" } else { "are" };
        shipped.warnings.push(
            Message::new(format!(
                "{} {verb} not shipped: what looks like a secret stays here",
                names.join(", ")
            ))
            .help("give it to the agent as a secret: `permissions = [{ secret = \"ARN\" }]`"),
        );
    }
    if !shipped
        .files
        .iter()
        .any(|file| file.path == request.entrypoint)
    {
        shipped.problems.push(
            Message::new(format!(
                "the entry point `{}` of agent `{}` would not be in the archive",
                request.entrypoint, request.agent
            ))
            .note(format!("looked in `{}`", request.deployment.display()))
            .help("an `.agentcoreignore` may leave it out"),
        );
    }
    Ok(shipped)
}

struct Walk {
    root: PathBuf,
    rules: Vec<Gitignore>,
    shipped: Shipped,
    secrets: Vec<String>,
}

impl Walk {
    /// `chain` guards against links that lead in a circle.
    fn directory(
        &mut self,
        path: &Path,
        prefix: &str,
        chain: &mut Vec<PathBuf>,
    ) -> Result<(), Failure> {
        let failed = |error| FileError::new("read", path, error);
        let real = fs::canonicalize(path).map_err(failed)?;
        if chain.contains(&real) {
            self.problem(format!(
                "the link `{prefix}` leads back to a directory that it is in"
            ));
            return Ok(());
        }
        let rules = path.join(RULES[1]);
        let depth = self.rules.len();
        if rules.is_file() {
            self.rules.push(Gitignore::new(rules).0);
        }
        chain.push(real);
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            match entry.file_name().into_string() {
                Ok(name) => self.entry(&entry.path(), &name, prefix, chain)?,
                Err(name) => {
                    self.problem(format!(
                        "the name of `{prefix}{}` is not UTF-8",
                        name.display()
                    ));
                }
            }
        }
        chain.pop();
        self.rules.truncate(depth);
        Ok(())
    }

    fn entry(
        &mut self,
        path: &Path,
        name: &str,
        prefix: &str,
        chain: &mut Vec<PathBuf>,
    ) -> Result<(), Failure> {
        let full = format!("{prefix}{name}");
        let ours = name.starts_with(TEMPORARY) || LITTER.contains(&name) || RULES.contains(&name);
        let Ok(real) = fs::canonicalize(path) else {
            self.problem(format!("the link `{full}` is broken"));
            return Ok(());
        };
        let is_dir = real.is_dir();
        if ours || self.left_out(path, is_dir) {
            return Ok(());
        }
        if !real.starts_with(&self.root) {
            self.problem(format!(
                "the link `{full}` leads out of the deployment folder, to `{}`",
                real.display()
            ));
            return Ok(());
        }
        if is_dir {
            if SECRET_DIRECTORIES.contains(&name) {
                self.secrets.push(full);
            } else if !CACHES.contains(&name) && !path.join("pyvenv.cfg").is_file() {
                self.directory(path, &format!("{full}/"), chain)?;
            }
            return Ok(());
        }
        self.file(path, name, full)
    }

    fn left_out(&self, path: &Path, is_dir: bool) -> bool {
        self.rules
            .iter()
            .rev()
            .map(|rules| rules.matched(path, is_dir))
            .find(|found| !found.is_none())
            .is_some_and(|found| found.is_ignore())
    }

    fn file(&mut self, path: &Path, name: &str, full: String) -> Result<(), Failure> {
        let failed = |error| FileError::new("read", path, error);
        let size = fs::metadata(path).map_err(failed)?.len();
        // Only keys are looked into, and they are short.
        let content = if has_pem_ending(name) {
            fs::read(path).map_err(failed)?
        } else {
            Vec::new()
        };
        if is_secret(name, &content) {
            self.secrets.push(full);
            return Ok(());
        }
        self.shipped.files.push(Input {
            path: full,
            from: path.to_owned(),
            size,
            executable: executable(path),
            instead: None,
        });
        Ok(())
    }

    fn problem(&mut self, what: String) {
        self.shipped.problems.push(
            Message::new(what).help("take it out of the deployment folder, or leave it out with a line in `.agentcoreignore`"),
        );
    }
}

fn has_pem_ending(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "pem")
}
