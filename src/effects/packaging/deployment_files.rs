//! Selects the files of a deployment folder that are shipped.
#![expect(
    clippy::disallowed_methods,
    reason = "the deployment folder is read here"
)]

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use ignore::Match;

use crate::{
    effects::{
        files::{self, FileError, TEMPORARY},
        path::real_path,
        source::{
            Include, LITTER, LeftOut, Link, MAX_DEPTH, RULES, Rules, follow, is_made_again,
            is_program, is_secret_directory, is_secret_target, judge_file,
        },
    },
    error::{Failure, Message},
    package::{
        composition::{Files, Origin},
        record::Record,
    },
    redaction::secret::{self, is_secret_name},
};

/// The files from a deployment folder.
#[derive(Debug, Default)]
pub(crate) struct Shipped {
    /// By their path in the folder.
    pub(crate) files: Files,
    /// Why no archive can be built.
    pub(crate) problems: Vec<Message>,
    pub(crate) warnings: Vec<Message>,
    pub(crate) notes: Vec<String>,
}

/// Returns all files in the deployment folder except caches, secrets, this tool's record and the
/// copies in it, hidden files, and those that an `.agentcoreignore` excludes. `include` adds hidden
/// or ignored files. `.gitignore` is not used, because it lists the copied sources.
pub(crate) fn observe(
    deployment: &Path,
    copies: &Record,
    include: &[String],
) -> Result<Shipped, Failure> {
    let root = real_path(deployment).map_err(|error| FileError::new("read", deployment, error))?;
    let mut walk = Walk {
        include: Include::new(include, &root, "")?,
        root: root.clone(),
        copies,
        rules: Rules::default(),
        shipped: Shipped::default(),
        left_out: LeftOut::default(),
        special: Vec::new(),
    };
    walk.directory(&root, "", false, &mut Vec::new())?;
    let mut shipped = walk.shipped;
    shipped.warnings.extend(walk.left_out.warnings());
    shipped.notes.extend(walk.left_out.notes());
    if !walk.special.is_empty() {
        walk.special.sort();
        shipped.warnings.push(
            Message::new("something in the deployment folder is neither a file nor a directory; it is not shipped")
                .note(walk.special.join(", "))
                .help("a line in `.agentcoreignore` silences this warning"),
        );
    }
    Ok(shipped)
}

struct Walk<'a> {
    root: PathBuf,
    include: Include,
    copies: &'a Record,
    rules: Rules,
    shipped: Shipped,
    left_out: LeftOut,
    /// Entries that are neither files nor directories.
    special: Vec<String>,
}

impl Walk<'_> {
    /// Walks a directory. `ignored` is true if a rule excludes the whole directory; `chain` detects
    /// cycles of links.
    fn directory(
        &mut self,
        path: &Path,
        prefix: &str,
        ignored: bool,
        chain: &mut Vec<PathBuf>,
    ) -> Result<(), Failure> {
        let failed = |error| FileError::new("read", path, error);
        let real = real_path(path).map_err(failed)?;
        if chain.len() >= MAX_DEPTH {
            self.problem(format!(
                "directories are nested more than {MAX_DEPTH} deep: `{prefix}`"
            ));
            return Ok(());
        }
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
            self.entry(&entry.path(), &entry.file_name(), (prefix, ignored), chain)?;
        }
        chain.pop();
        self.rules.leave(depth);
        Ok(())
    }

    fn entry(
        &mut self,
        path: &Path,
        file_name: &OsStr,
        (prefix, ignored): (&str, bool),
        chain: &mut Vec<PathBuf>,
    ) -> Result<(), Failure> {
        let name = &*file_name.to_string_lossy();
        let full = format!("{prefix}{name}");
        let ours = name.starts_with(TEMPORARY) || LITTER.contains(&name) || RULES.contains(&name);
        if ours || self.copies.files.contains_key(&full) {
            return Ok(());
        }
        let is_dir = path.is_dir();
        let ignored = match self.rules.matched(path) {
            Match::Ignore(_) => true,
            Match::Whitelist(_) => false,
            Match::None => ignored,
        } && !self.include.names(path);
        // `include` may name something in an ignored directory.
        if ignored && (!is_dir || self.include.is_empty()) {
            return Ok(());
        }
        if is_dir && is_secret_directory(path) {
            if !ignored {
                self.left_out.secret(&full);
            }
            return Ok(());
        }
        if is_dir && is_made_again(path, name) {
            return Ok(());
        }
        let is_hidden = self.include.hides(path) && !is_secret_name(name);
        if is_hidden && (!is_dir || !self.include.may_reveal()) {
            if !ignored && secret::is_hidden(name) {
                self.left_out.hidden(&full);
            }
            return Ok(());
        }
        if file_name.to_str().is_none() {
            self.problem(format!("the name of `{full}` is not UTF-8"));
            return Ok(());
        }
        match follow(path, &self.root) {
            Link::Outside(_) | Link::Broken(_) if ignored || is_hidden => return Ok(()),
            Link::Inside(target) if is_secret_target(&target, &self.root) => {
                let target = target.strip_prefix(&self.root).unwrap_or(&target);
                self.left_out.link(&full, target);
                return Ok(());
            }
            Link::Inside(target) if self.include.hides(&target) => {
                let target = target.strip_prefix(&self.root).unwrap_or(&target);
                self.left_out.hidden_link(&full, target);
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
            let before = self.shipped.files.len();
            self.directory(path, &format!("{full}/"), ignored, chain)?;
            let is_left_out = is_hidden && before == self.shipped.files.len();
            if is_left_out && !ignored && secret::is_hidden(name) {
                self.left_out.hidden(&full);
            }
            Ok(())
        } else {
            self.file(path, name, full)
        }
    }

    fn file(&mut self, path: &Path, name: &str, full: String) -> Result<(), Failure> {
        let failed = |error| FileError::new("read", path, error);
        let found = fs::metadata(path).map_err(failed)?;
        if !found.is_file() {
            // Reading a pipe would block, and a device may be endless.
            self.special.push(full);
        } else if self
            .left_out
            .judged(&full, judge_file(path, name).map_err(failed)?)
        {
            // Read before the content, so that a change in between is noticed.
            let modified = files::modified(path);
            let origin = Origin {
                from: path.to_owned(),
                hash: files::hash_file(path)?,
                size: found.len(),
                modified,
                executable: is_program(path).map_err(failed)?,
                instead: None,
            };
            self.shipped.files.insert(full, origin);
        }
        Ok(())
    }

    fn problem(&mut self, what: String) {
        self.shipped.problems.push(
            Message::new(what).help("take it out of the deployment folder, or leave it out with a line in `.agentcoreignore`"),
        );
    }
}
