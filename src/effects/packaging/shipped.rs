//! The agent's own files: everything in the deployment folder that is to be shipped.
#![expect(
    clippy::disallowed_methods,
    reason = "the deployment folder is read here"
)]

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use super::{Request, findings, writer::Input};
use crate::{
    effects::{
        files::{FileError, TEMPORARY},
        source::{
            LITTER, Link, RULES, Rules, executable, follow, is_made_again, is_secret_directory,
            is_secret_file, is_secret_target,
        },
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
        rules: Rules::default(),
        shipped: Shipped::default(),
        secrets: Vec::new(),
        special: Vec::new(),
    };
    walk.directory(&root, "", &mut Vec::new())?;
    let mut shipped = walk.shipped;
    shipped.files.sort();
    if !walk.secrets.is_empty() {
        walk.secrets.sort();
        let names = walk.secrets;
        let verb = if names.len() == 1 { "is" } else { "are" };
        shipped.warnings.push(
            Message::new(format!(
                "{} {verb} not shipped: what looks like a secret stays here",
                names.join(", ")
            ))
            .help("give it to the agent as a secret: `permissions = [{ secret = \"ARN\" }]`"),
        );
    }
    if !walk.special.is_empty() {
        walk.special.sort();
        shipped.warnings.push(
            Message::new("the deployment folder holds what is neither a file nor a directory; it is not shipped")
                .note(walk.special.join(", "))
                .help("a line in `.agentcoreignore` keeps this quiet"),
        );
    }
    let entry = |file: &&Input| file.path == request.entrypoint;
    if let Some(entry) = shipped.files.iter().find(entry) {
        shipped
            .problems
            .extend(findings::idle_entry(request, &entry.from)?);
    } else {
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
    rules: Rules,
    shipped: Shipped,
    /// In backticks, a link with what it leads to.
    secrets: Vec<String>,
    /// What is neither a file nor a directory.
    special: Vec<String>,
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
        let [_, own] = RULES;
        let depth = self.rules.enter(path, &[own]);
        chain.push(real);
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            self.entry(&entry.path(), &entry.file_name(), prefix, chain)?;
        }
        chain.pop();
        self.rules.leave(depth);
        Ok(())
    }

    fn entry(
        &mut self,
        path: &Path,
        file_name: &OsStr,
        prefix: &str,
        chain: &mut Vec<PathBuf>,
    ) -> Result<(), Failure> {
        let name = &*file_name.to_string_lossy();
        let full = format!("{prefix}{name}");
        let ours = name.starts_with(TEMPORARY) || LITTER.contains(&name) || RULES.contains(&name);
        if ours || self.rules.matched(path).is_ignore() {
            return Ok(());
        }
        let is_dir = path.is_dir();
        if is_dir && is_secret_directory(name) {
            self.secrets.push(format!("`{full}`"));
            return Ok(());
        }
        if is_dir && is_made_again(path, name) {
            return Ok(());
        }
        if file_name.to_str().is_none() {
            self.problem(format!("the name of `{full}` is not UTF-8"));
            return Ok(());
        }
        match follow(path, &self.root) {
            Link::Inside(target) if is_secret_target(&target, &self.root) => {
                let target = target.strip_prefix(&self.root).unwrap_or(&target).display();
                self.secrets
                    .push(format!("`{full}` (a link to `{target}`)"));
                return Ok(());
            }
            Link::No | Link::Inside(_) => {}
            Link::Outside(target) => {
                self.problem(format!(
                    "the link `{full}` leads out of the deployment folder, to `{target}`"
                ));
                return Ok(());
            }
            Link::Broken(target) => {
                self.problem(format!(
                    "the link `{full}` is broken: there is no `{target}`"
                ));
                return Ok(());
            }
        }
        if is_dir {
            self.directory(path, &format!("{full}/"), chain)
        } else {
            self.file(path, name, full)
        }
    }

    fn file(&mut self, path: &Path, name: &str, full: String) -> Result<(), Failure> {
        let failed = |error| FileError::new("read", path, error);
        let found = fs::metadata(path).map_err(failed)?;
        if !found.is_file() {
            // A pipe would be waited for, a device read without end.
            self.special.push(full);
        } else if is_secret_file(path, name).map_err(failed)? {
            self.secrets.push(format!("`{full}`"));
        } else {
            self.shipped.files.push(Input {
                path: full,
                from: path.to_owned(),
                size: found.len(),
                executable: executable(path),
                instead: None,
            });
        }
        Ok(())
    }

    fn problem(&mut self, what: String) {
        self.shipped.problems.push(
            Message::new(what).help("take it out of the deployment folder, or leave it out with a line in `.agentcoreignore`"),
        );
    }
}
