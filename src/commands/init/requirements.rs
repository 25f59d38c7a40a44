//! The dependencies of an adopted agent: from a given file, or the source's own.

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use super::adopted::Place;
use crate::{
    effects::{adopt_files, files},
    error::{Exit, Failure, Message, Snippet},
    package::{
        requirements::{
            lock::{self, Locked, Pin},
            normalized, pyproject,
        },
        tracing,
    },
    plan::init as plan,
    scaffold::adopt::{self, Placed, Requirements, TOOLKIT},
    text::path::folded,
};

/// The requirements and their file.
pub(super) struct Taken {
    pub(super) requirements: Requirements,
    /// The file's path as the user would write it, and as an absolute path.
    file: Option<(PathBuf, PathBuf)>,
    /// The versions in the uv.lock next to a pyproject.toml.
    locked: Option<Locked>,
}

const LOCK: &str = "uv.lock";

/// What the starter toolkit adds to the dependencies of an agent with the SDK and Strands, measured
/// with 0.3.14 for Python 3.13 on 64-bit ARM.
const TOOLKIT_SIZE: &str = "31 packages and 49 MB (13 MB compressed)";

impl Taken {
    /// Returns the file's name for the table if the archive can use it as it is: any file in a flat
    /// archive by its path, and a pyproject.toml with its lock also next to the sources or
    /// Cargo.toml.
    pub(super) fn in_place(
        &self,
        (root, shipped): (&Path, &Path),
        is_flat: bool,
        needs: &BTreeSet<&str>,
    ) -> Option<String> {
        let (_, file) = self.file.as_ref()?;
        let fits = self.requirements.is_whole() && self.requirements.lacking(needs).is_empty();
        let inner = file.strip_prefix(shipped).ok();
        let named = match inner.filter(|_| is_flat) {
            Some(inner) => inner,
            None => {
                let (folder, name) = (file.parent()?, file.file_name()?);
                // A file next to the sources takes precedence over one next to Cargo.toml.
                let is_first = folder == root && !files::exists(&shipped.join(name));
                let is_seen = is_project(file) && (folder == shipped || is_first);
                Path::new(Some(name).filter(|_| is_seen)?)
            }
        };
        fits.then(|| named.to_string_lossy().replace('\\', "/"))
    }

    /// Returns the locked versions as the text of a constraints file.
    pub(super) fn constraints(&self) -> Option<String> {
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
    pub(super) fn written(
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
                let way = plan::relative(&root.join(deployment), file);
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

    pub(super) fn said(&self) -> Option<String> {
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
    pub(super) fn warnings(&self, listed: Option<&Path>) -> Vec<Message> {
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

/// Finds the given file, or the nearest one: next to the entry point, in its parent folders up to
/// the source, or in the enclosing project.
pub(super) fn find(place: &Place<'_>, inner: &str, placed: &Placed) -> Result<Taken, Failure> {
    let found = match place.requirements {
        Some(path) => {
            let text = files::read_text(path)?.ok_or_else(|| {
                Failure::usage(format!(
                    "the requirements file `{}` does not exist",
                    path.display()
                ))
            })?;
            let whole = crate::effects::new_project::absolute(path)?;
            Some((path.to_owned(), whole, text))
        }
        None => nearest(place, inner, placed)?.map(|(path, text)| {
            (
                as_the_user_would(&path, place.shown, place.source),
                path,
                text,
            )
        }),
    };
    let Some((shown, file, text)) = found else {
        return Ok(Taken {
            requirements: adopt::from_requirements(""),
            file: None,
            locked: None,
        });
    };
    let is_project = is_project(&file);
    // The build only finds the file in parent folders.
    let is_seen = file
        .parent()
        .is_some_and(|folder| place.root.starts_with(folder));
    if is_project
        && !is_seen
        && let Some(span) = adopt::pin(&text)
    {
        let at = Snippet {
            file,
            text,
            span,
            label: String::new(),
        };
        let what = format!(
            "the dependencies of `{}` are pinned, and their names alone would install other packages",
            shown.display()
        );
        return Err(Failure {
            exit: Exit::Config,
            messages: vec![Message::new(what).at(at)],
        }
        .help("run `cargo agentcore init` in the folder of that file, or name a requirements file with `--requirements`"));
    }
    let requirements = if is_project {
        adopt::from_pyproject(&text).map_err(|why| {
            Failure::config(format!(
                "the dependencies of `{}` cannot be taken: {why}",
                shown.display()
            ))
            .help("or name a requirements file with `--requirements FILE`")
        })?
    } else {
        adopt::from_requirements(&text)
    };
    let locked = if is_project {
        locked(&shown, &file, &text)?
    } else {
        None
    };
    Ok(Taken {
        requirements,
        file: Some((shown, file)),
        locked,
    })
}

fn is_project(file: &Path) -> bool {
    file.extension()
        .is_some_and(|extension| extension == "toml")
}

/// Returns the locked versions of a project.
fn locked(shown: &Path, file: &Path, project: &str) -> Result<Option<Locked>, Failure> {
    let lock = file.with_file_name(LOCK);
    let (Some(text), Ok(project)) = (files::read_text(&lock)?, pyproject::read(project)) else {
        return Ok(None);
    };
    let Some(name) = project.name.as_deref().map(normalized) else {
        return Ok(None);
    };
    let shown = shown.with_file_name(LOCK);
    let invalid = |(span, label)| Failure {
        exit: Exit::Config,
        messages: vec![
            Message::new(format!("`{}` is not valid TOML", shown.display())).at(Snippet {
                file: lock.clone(),
                text: text.clone(),
                span,
                label,
            }),
        ],
    };
    match lock::read(&text, &name).map_err(invalid)? {
        Some(locked) => Ok(Some(locked)),
        None => Err(Failure::config(format!(
            "`{}` does not contain the project `{name}`",
            shown.display()
        ))
        .help("`uv lock` updates the lock file; `--requirements FILE` names another file")),
    }
}

fn nearest(
    place: &Place<'_>,
    inner: &str,
    placed: &Placed,
) -> Result<Option<(PathBuf, String)>, Failure> {
    let beside = match placed.own_folder() {
        Some(folder) => place.source.join(folder),
        None => place.source.join(inner),
    };
    let below = beside
        .ancestors()
        .take_while(|folder| *folder != place.source && folder.starts_with(place.source));
    for folder in below {
        for name in ["requirements.txt", "pyproject.toml"] {
            let path = folder.join(name);
            if let Some(text) = files::read_text(&path)? {
                return Ok(Some((path, text)));
            }
        }
    }
    adopt_files::requirements(place.source)
}

/// Returns the path of a file in or above the source, starting like the user's path of the source.
fn as_the_user_would(path: &Path, shown: &Path, source: &Path) -> PathBuf {
    if let Ok(inner) = path.strip_prefix(source) {
        return match shown.to_str() {
            Some("." | "") => inner.to_owned(),
            _ => shown.join(inner),
        };
    }
    let folder = path.parent().unwrap_or(source);
    let up = source.ancestors().take_while(|at| *at != folder).count();
    let mut last = shown.components().rev().take(up);
    let has_names = last.all(|part| matches!(part, Component::Normal(_)));
    let beginning = match shown.ancestors().nth(up) {
        Some(beginning) if has_names => beginning.to_owned(),
        _ => shown.join(plan::relative(source, folder)),
    };
    folded(&beginning.join(path.file_name().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_above_the_source_is_named_from_where_the_user_stands() {
        for (path, shown, said) in [
            ("/a/b/c/r.txt", "../c", "../c/r.txt"),
            ("/a/b/c/d/r.txt", "../c", "../c/d/r.txt"),
            ("/a/b/c/r.txt", ".", "r.txt"),
            ("/a/b/r.txt", "../b/c", "../b/r.txt"),
            ("/a/b/r.txt", "c", "r.txt"),
            ("/a/b/r.txt", ".", "../r.txt"),
            ("/a/r.txt", "../c", "../../r.txt"),
        ] {
            let found = as_the_user_would(Path::new(path), Path::new(shown), Path::new("/a/b/c"));
            assert_eq!(found, Path::new(said), "{path} from {shown}");
        }
    }
}
