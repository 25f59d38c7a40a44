//! The dependencies of an adopted agent, and how its archive gets them.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::relative;
use crate::{
    error::Message,
    package::{
        requirements::lock::{Locked, Pin},
        tracing,
    },
    scaffold::adopt::{Requirements, TOOLKIT},
};

/// The requirements and their file.
pub(crate) struct Taken {
    pub(crate) requirements: Requirements,
    /// The file's path as the user would write it, and as an absolute path.
    pub(crate) file: Option<(PathBuf, PathBuf)>,
    /// The versions in the uv.lock next to a pyproject.toml.
    pub(crate) locked: Option<Locked>,
}

pub(crate) const LOCK: &str = "uv.lock";

/// What the starter toolkit adds to the dependencies of an agent with the SDK and Strands, measured
/// with 0.3.14 for Python 3.13 on 64-bit ARM.
const TOOLKIT_SIZE: &str = "31 packages and 49 MB (13 MB compressed)";

impl Taken {
    /// Returns the file's name for the table if the archive can use it as it is: any file in a flat
    /// archive by its path, and a pyproject.toml with its lock also next to the sources or
    /// Cargo.toml.
    pub(crate) fn in_place(
        &self,
        (root, shipped): (&Path, &Path),
        is_flat: bool,
        needs: &BTreeSet<&str>,
        exists: impl Fn(&Path) -> bool,
    ) -> Option<String> {
        let (_, file) = self.file.as_ref()?;
        let fits = self.requirements.is_whole() && self.requirements.lacking(needs).is_empty();
        let inner = file.strip_prefix(shipped).ok();
        let named = match inner.filter(|_| is_flat) {
            Some(inner) => inner,
            None => {
                let (folder, name) = (file.parent()?, file.file_name()?);
                // A file next to the sources takes precedence over one next to Cargo.toml.
                let is_first = folder == root && !exists(&shipped.join(name));
                let is_seen = is_project(file) && (folder == shipped || is_first);
                Path::new(Some(name).filter(|_| is_seen)?)
            }
        };
        fits.then(|| named.to_string_lossy().replace('\\', "/"))
    }

    /// Returns the locked versions as the text of a constraints file.
    pub(crate) fn constraints(&self) -> Option<String> {
        let Locked { pins, .. } = self.locked.as_ref()?;
        let (shown, _) = self.file.as_ref()?;
        let lock = shown.with_file_name(LOCK);
        let lines: Vec<String> = pins.iter().map(Pin::line).collect();
        Some(format!(
            "# The versions in `{}`, as of `cargo agentcore init`.\n{}\n",
            lock.display(),
            lines.join("\n")
        ))
    }

    /// Returns the text of a requirements file in the deployment folder. If possible, it refers to
    /// the agent's own file, so that there is one place to edit. `constraints` is the file with the
    /// locked versions.
    pub(crate) fn written(
        &self,
        (root, deployment): (&Path, &str),
        constraints: Option<&str>,
        needs: &BTreeSet<&str>,
    ) -> String {
        let named = self.file.as_ref().filter(|(_, file)| {
            let is_list = file.extension().is_some_and(|ending| ending == "txt");
            is_list && self.requirements.is_whole() && file.starts_with(root)
        });
        match named {
            Some((_, file)) => {
                let way = relative(&root.join(deployment), file);
                let mut text = format!("-r {way}\n");
                for line in self.requirements.lacking(needs) {
                    text.push_str(&line);
                    text.push('\n');
                }
                text
            }
            None => {
                let text = self.requirements.with(needs);
                match constraints {
                    Some(constraints) => format!("-c {constraints}\n{text}"),
                    None => text,
                }
            }
        }
    }

    pub(crate) fn said(&self) -> Option<String> {
        let (shown, _) = self.file.as_ref()?;
        let versions = self.locked.as_ref().map(|_| {
            let lock = shown.with_file_name(LOCK);
            format!(", pinned by `{}`", lock.display())
        });
        Some(format!(
            "the requirements in `{}`{}",
            shown.display(),
            versions.unwrap_or_default()
        ))
    }

    /// Returns the warnings. `listed` is the written requirements file.
    pub(crate) fn warnings(&self, listed: Option<&Path>) -> Vec<Message> {
        let mut warnings = Vec::new();
        let Some((shown, _)) = &self.file else {
            warnings.extend(listed.map(|listed| {
                Message::new("the source has no requirements.txt and no pyproject.toml").help(
                    format!("add what the agent imports to `{}`", listed.display()),
                )
            }));
            return warnings;
        };
        let left_out = self
            .requirements
            .left_out
            .iter()
            .filter(|_| listed.is_some());
        warnings.extend(left_out.map(|(line, text)| {
            Message::new(format!(
                "`{text}` is left out of the deployment's requirements ({}:{line})",
                shown.display()
            ))
            .note("it refers to a file beside it, which does not exist when the agent is packaged")
            .help("add what it refers to to the deployment's requirements.txt")
        }));
        if let Some(Locked { direct, .. }) = &self.locked
            && listed.is_some()
        {
            let newer = self.requirements.beyond(direct).into_iter();
            warnings.extend(newer.map(|name| {
                let lock = shown.with_file_name(LOCK);
                Message::new(format!(
                    "`{name}` is not in `{}`, so its version is not pinned",
                    lock.display()
                ))
                .help("run `uv lock` and then this again")
            }));
        }
        if let Some(line) = self.requirements.toolkit {
            warnings.push(
                Message::new(format!(
                    "`{TOOLKIT}` is not needed at run time ({}:{line})",
                    shown.display()
                ))
                .note(format!("it adds {TOOLKIT_SIZE} to the archive"))
                .help("remove it there; an agent that imports `bedrock_agentcore` needs `bedrock-agentcore`"),
            );
        }
        if let Some(line) = self.requirements.no_traces {
            let what = format!(
                "this version of `{}` sends no traces from a new runtime ({}:{line})",
                tracing::DISTRIBUTION,
                shown.display()
            );
            let help = format!("require `{}`", tracing::CURRENT);
            warnings.push(Message::new(what).note(tracing::WHY).help(help));
        }
        warnings
    }
}

pub(crate) fn is_project(file: &Path) -> bool {
    file.extension()
        .is_some_and(|extension| extension == "toml")
}
