//! The copy of an agent's sources in its deployment folder.
#![expect(
    clippy::disallowed_methods,
    reason = "this is where the copy is read and removed"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::{
    files::{FileError, TEMPORARY, hash, hash_file},
    folder::{Folder, Mode},
    source::MAX_DEPTH,
};
use crate::{
    error::{Exit, Failure},
    package::{
        composition::Files,
        record::{self, Hash, Record},
    },
    plan::files::{FilePlan, FileStep},
};

/// The copy of an agent's sources in the deployment folder.
#[derive(Debug, Clone, Default)]
pub(crate) struct ObservedCopy {
    /// By path relative to the deployment folder, with `/`.
    pub(crate) files: BTreeMap<String, Hash>,
    pub(crate) record: Record,
}

/// Refuses a deployment folder behind a link, which could point anywhere.
pub(crate) fn check_deployment(package: &Path, folder: &Path) -> Result<(), Failure> {
    let folder = Folder::of_project(package.to_owned()).join(folder);
    folder.exists().map(drop).map_err(|error| {
        let mut failure = Failure::from(error);
        failure.exit = Exit::Config;
        failure.note(format!(
            "the deployment folder is `{}`, but it must be inside the package",
            folder.path().display()
        ))
    })
}

/// Returns the record in a deployment folder, or an empty one.
pub(crate) fn observe_record(deployment: &Path) -> Result<Record, Failure> {
    let folder = Folder::of_project(deployment.to_owned());
    match folder.read_text(record::FILE)? {
        Some(text) => {
            Record::parse(&deployment.join(record::FILE), &text).map_err(|message| Failure {
                exit: Exit::World,
                messages: vec![message],
            })
        }
        None => Ok(Record::default()),
    }
}

/// Reads the record and hashes the files in the recorded folders and in that of `package`.
pub(crate) fn observe_copy(
    deployment: &Path,
    package: Option<&str>,
) -> Result<ObservedCopy, Failure> {
    let record = observe_record(deployment)?;
    // A folder that only the record names belongs to the package's former name.
    let recorded = record
        .files
        .keys()
        .filter_map(|path| path.split('/').next());
    let copies: BTreeSet<&str> = recorded.chain(package).collect();
    let mut files = BTreeMap::new();
    for name in copies {
        let copy = deployment.join(name);
        if fs::symlink_metadata(&copy).is_ok() {
            hash_tree(&copy, name, &mut files)?;
        }
    }
    Ok(ObservedCopy { files, record })
}

/// Hashes the recorded copies that are still files.
pub(crate) fn hash_recorded(
    deployment: &Path,
    record: &Record,
) -> Result<BTreeMap<String, Hash>, FileError> {
    let mut found = BTreeMap::new();
    for path in record.files.keys() {
        let full = deployment.join(path);
        if fs::symlink_metadata(&full).is_ok_and(|found| found.is_file()) {
            found.insert(path.clone(), hash_file(&full)?);
        }
    }
    Ok(found)
}

fn hash_tree(path: &Path, name: &str, files: &mut BTreeMap<String, Hash>) -> Result<(), Failure> {
    let failed = |error| FileError::new("read", path, error);
    let found = fs::symlink_metadata(path).map_err(failed)?;
    if found.is_symlink() {
        return Err(Failure::world(format!(
            "`{}` is a link, and nothing is written through links",
            path.display()
        ))
        .help("remove it, and run this again"));
    }
    if !found.is_dir() && !found.is_file() {
        // Reading a pipe could block forever.
        return Err(Failure::world(format!(
            "`{}` is neither a file nor a directory",
            path.display()
        ))
        .help("remove it, and run this again"));
    }
    if !found.is_dir() {
        files.insert(name.to_owned(), hash_file(path)?);
        return Ok(());
    }
    if name.split('/').count() > MAX_DEPTH {
        return Err(Failure::world(format!(
            "directories are nested more than {MAX_DEPTH} deep: `{}`",
            path.display()
        ))
        .help("remove what does not belong to the copy, and run this again"));
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let child = entry.file_name();
        let child = child.to_string_lossy();
        let junk =
            child == "__pycache__" || child.ends_with(".pyc") || child.starts_with(TEMPORARY);
        if !junk {
            hash_tree(&entry.path(), &format!("{name}/{child}"), files)?;
        }
    }
    Ok(())
}

/// Carries out the plan: writes a record of everything that may exist, then the files, then the
/// final record.
pub(crate) fn apply(deployment: &Path, plan: &FilePlan, origins: &Files) -> Result<(), Failure> {
    if plan.steps.is_empty() && !plan.record_changes {
        return Ok(());
    }
    let folder = Folder::of_project(deployment.to_owned());
    folder.create()?;
    sweep(&folder)?;
    if !plan.steps.is_empty() {
        folder.write(record::FILE, plan.record_before.to_text().as_bytes())?;
    }
    for step in &plan.steps {
        match step {
            FileStep::Create { path } | FileStep::Update { path } => {
                copy(&folder, path, origins)?;
            }
            FileStep::Remove { path } => {
                let (below, name) = path.rsplit_once('/').unwrap_or(("", path));
                folder.join(below).remove_file(name)?;
                remove_empty_parents(&deployment.join(path), deployment);
            }
        }
    }
    if plan.record_after.files.is_empty() {
        folder.remove_file(record::FILE)?;
    } else {
        folder.write(record::FILE, plan.record_after.to_text().as_bytes())?;
    }
    Ok(())
}

fn copy(folder: &Folder, path: &str, origins: &Files) -> Result<(), Failure> {
    let origin = &origins[path];
    let content =
        fs::read(&origin.from).map_err(|error| FileError::new("read", &origin.from, error))?;
    if hash(&content) != origin.hash {
        return Err(Failure::world(format!(
            "`{}` changed while it was copied",
            origin.from.display()
        ))
        .help("run this again"));
    }
    let mode = if origin.executable {
        Mode::Executable
    } else {
        Mode::Plain
    };
    Ok(folder.write_below(path, &content, mode)?)
}

/// Removes temporary files that a killed run left.
fn sweep(folder: &Folder) -> Result<(), FileError> {
    let names = folder.names()?.into_iter();
    for name in names.filter(|name| name.starts_with(TEMPORARY)) {
        folder.remove_file(&name)?;
    }
    Ok(())
}

/// Removes directories that contained only removed files and Python's caches of them.
fn remove_empty_parents(path: &Path, stop: &Path) {
    let mut at = path.parent();
    while let Some(directory) = at.filter(|directory| *directory != stop) {
        let cache = directory.join("__pycache__");
        if cache.is_dir() && fs::read_dir(directory).is_ok_and(|entries| entries.count() == 1) {
            // Caches are recreated when needed.
            let _ = fs::remove_dir_all(&cache);
        }
        if fs::remove_dir(directory).is_err() {
            return;
        }
        at = directory.parent();
    }
}
