//! Converts a lock to requirements. uv exports it from a copy of the necessary files, so that it
//! reads nothing else of the project.

use std::path::{Component, Path, PathBuf};

use super::{Inputs, Lock, Wanted, read};
use crate::{
    effects::files,
    error::{Exit, Failure, Snippet},
    package::requirements::{
        Origin, Requirement, is_wheel,
        lines::{self, Said},
    },
};

/// The default index, which every user can replace.
const PYPI: &str = "https://pypi.org/simple";

/// Copies the files that uv needs; returns the project's folder among the copies.
pub(in super::super) fn lay_for_export(lock: &Lock, work: &Path) -> Result<PathBuf, Failure> {
    let copies = work.join("locked");
    let copy = |from: &Path, name: &str| -> Result<PathBuf, Failure> {
        let folder = copies.join(below_the_root(from));
        files::create_dir_all(&folder)?;
        if let Some(text) = files::read_text(&from.join(name))? {
            files::write_atomic(&folder.join(name), &folder, text.as_bytes(), false)?;
        }
        Ok(folder)
    };
    for folder in &lock.folders {
        copy(&lock.folder.join(folder), "pyproject.toml")?;
    }
    copy(&lock.folder, "pyproject.toml")?;
    copy(&lock.folder, "uv.lock")
}

/// Makes an absolute path relative, and resolves `..` by name.
fn below_the_root(path: &Path) -> PathBuf {
    let mut made = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => made.push(name),
            Component::ParentDir => {
                made.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    made
}

/// Reads the exported file.
pub(in super::super) fn exported(
    file: &Path,
    wanted: &Wanted,
    lock: &Lock,
) -> Result<Inputs, Failure> {
    let text = read(file)?;
    let mut inputs = wanted.inputs.clone();
    inputs.is_complete = true;
    let mut problems = Vec::new();
    for (span, said) in lines::read(&text) {
        // Projects in the checkout are shipped from their folders.
        let Said::Require(line) = said else {
            continue;
        };
        let at = Snippet {
            file: file.to_owned(),
            text: text.clone(),
            span,
            label: String::new(),
        };
        let required = Requirement::read(&line);
        match required.place() {
            Origin::Local(path) if !is_wheel(&path) => {}
            Origin::Local(path) => {
                let path = lock.folder.join(path);
                let address = super::reading::address_of(&path);
                inputs.requirements.push((required.found_at(&address), at));
            }
            Origin::Sources(address) => {
                problems.push(super::reading::to_be_built(&address, at));
            }
            Origin::WheelAt(_) => inputs.requirements.push((line, at)),
            Origin::Index => match lock.registries.get(&required.normalized()) {
                Some(index) if index.contains("://") && index.trim_end_matches('/') != PYPI => {
                    let (line, hashes) = line.split_once(" --hash").unwrap_or((&line, ""));
                    if !hashes.is_empty() {
                        let name = required.name.as_str();
                        let versions = required.versions.as_str();
                        inputs
                            .constraints
                            .push(format!("{name}{versions} --hash{hashes}"));
                    }
                    let index = named(&mut inputs, index);
                    inputs.pinned.push((line.to_owned(), index));
                }
                _ => inputs.requirements.push((line, at)),
            },
        }
    }
    if problems.is_empty() {
        return Ok(inputs);
    }
    Err(Failure {
        exit: Exit::Config,
        messages: problems,
    })
}

/// Returns an index as a source, with its name in the project, for which there may be credentials.
fn named(inputs: &mut Inputs, address: &str) -> String {
    let same = |other: &str| {
        super::without_credentials(other).trim_end_matches('/') == address.trim_end_matches('/')
    };
    let known = inputs.settings.named_indexes();
    let name = known
        .iter()
        .find(|(_, table)| {
            table
                .get("url")
                .and_then(toml_edit::Value::as_str)
                .is_some_and(same)
        })
        .map(|(name, _)| name.clone())
        .or_else(|| {
            let mut added = inputs.indexes.iter();
            added
                .find(|(_, other)| same(other))
                .map(|(name, _)| name.clone())
        });
    let name = name.unwrap_or_else(|| {
        let name = format!("locked-{}", inputs.indexes.len());
        inputs.indexes.push((name.clone(), address.to_owned()));
        name
    });
    format!("{{ index = {} }}", toml_edit::Value::from(name))
}
