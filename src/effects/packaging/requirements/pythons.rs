//! A project's statements about its Python version, in addition to the agent's `runtime`.

use std::path::Path;

use super::nearby_settings::Around;
use crate::{
    config::Runtime,
    effects::{files, programs::Checkout},
    error::{Failure, Message, Snippet},
    package::{
        installer::minor_version,
        requirements::python::{self, Minor},
    },
};

/// A statement and its position.
#[derive(Debug, Clone)]
pub(in super::super) struct AskedPython {
    said: Said,
    at: Snippet,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    /// `requires-python` of a project.
    Requires(String),
    /// The file `.python-version`, which uv and pyenv follow.
    Chosen(Minor),
}

const CHOICE: &str = ".python-version";

/// Returns the nearest statement of each kind, searching from the folder upwards.
pub(super) fn asked(
    folder: &Path,
    around: &Around,
    checkout: &Checkout,
) -> Result<Vec<AskedPython>, Failure> {
    let project = around.folders.iter().find_map(|at| {
        let (span, text) = at.pyproject.requires_python.clone()?;
        let said = Said::Requires(text);
        Some(AskedPython {
            said,
            at: at.at(span),
        })
    });
    let mut found: Vec<AskedPython> = project.into_iter().collect();
    for at in folder.ancestors() {
        if at != folder && !checkout.holds(at) {
            break;
        }
        let file = at.join(CHOICE);
        let Some(text) = files::read_text(&file)? else {
            continue;
        };
        if let Some((minor, span)) = python::chosen(&text) {
            found.push(AskedPython {
                said: Said::Chosen(minor),
                at: Snippet {
                    file,
                    text,
                    span,
                    label: String::new(),
                },
            });
        }
        break;
    }
    Ok(found)
}

/// Returns a warning for each statement that excludes the agent's Python version.
pub(in super::super) fn mismatches(pythons: &[AskedPython], runtime: Runtime) -> Vec<Message> {
    let runs = minor_version(runtime);
    let numbers: Option<Minor> = runs
        .split_once('.')
        .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    let Some(numbers) = numbers else {
        return Vec::new();
    };
    pythons
        .iter()
        .filter_map(|AskedPython { said, at }| {
            let what = match said {
                Said::Requires(specifier) if !python::allows(specifier, numbers) => {
                    format!("the project requires Python `{specifier}`, and the agent runs on Python {runs}")
                }
                Said::Chosen(minor) if *minor != numbers => format!(
                    "`{CHOICE}` chooses Python {}.{}, and the agent runs on Python {runs}",
                    minor.0, minor.1
                ),
                Said::Requires(_) | Said::Chosen(_) => return None,
            };
            let help = "change this or the agent's `runtime`, so that what you test is what runs";
            Some(Message::new(what).at(at.clone()).help(help))
        })
        .collect()
}
