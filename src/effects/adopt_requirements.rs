//! Finds the dependencies of an adopted agent.

use std::path::{Path, PathBuf};

use super::{files, new_project};
use crate::{
    error::{Exit, Failure, Message, Snippet},
    package::requirements::{
        lock::{self, Locked},
        normalized, pyproject,
    },
    plan::init::{LOCK, Location, Taken, is_project},
    scaffold::adopt::{self, Placed},
};

/// Finds the given file, or the nearest one: next to the entry point, in its parent folders up to
/// the source, or in the enclosing project.
pub(crate) fn find(place: &Location<'_>, inner: &str, placed: &Placed) -> Result<Taken, Failure> {
    let found = match place.requirements {
        Some(path) => {
            let text = files::read_text(path)?.ok_or_else(|| {
                Failure::usage(format!(
                    "the requirements file `{}` does not exist",
                    path.display()
                ))
            })?;
            let whole = new_project::absolute(path)?;
            Some((path.to_owned(), whole, text))
        }
        None => nearest(place, inner, placed)?
            .map(|(path, text)| (place.as_the_user_would(&path), path, text)),
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
    place: &Location<'_>,
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
    closest(place.source)
}

/// Returns the requirements closest to the sources: their own, or those of the project that
/// contains them, even if its package is below `src`.
fn closest(source: &Path) -> Result<Option<(PathBuf, String)>, Failure> {
    let is_below_src = source
        .parent()
        .is_some_and(|parent| parent.ends_with("src"));
    for folder in source.ancestors().take(if is_below_src { 3 } else { 2 }) {
        for name in ["requirements.txt", "pyproject.toml"] {
            let path = folder.join(name);
            if let Some(text) = files::read_text(&path)? {
                return Ok(Some((path, text)));
            }
        }
    }
    Ok(None)
}
