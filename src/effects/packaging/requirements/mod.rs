//! Reads the requirements and every file that they refer to, so that uv and pip need not read the
//! checkout themselves.

mod export;
mod locked;
mod nearby_settings;
mod pythons;
mod reading;
mod requirements_file;
mod sources;
mod uv_lock;

use std::path::{Path, PathBuf};

pub(super) use self::{
    export::{exported, lay_for_export},
    locked::{how_to_lock, lock_down},
    pythons::mismatches,
};
use self::{
    nearby_settings::{Around, Folder},
    pythons::AskedPython,
    reading::Reading,
};
use crate::{
    effects::{
        files::{self, FileError},
        programs::{Checkout, settings, uv_config},
    },
    error::{Exit, Failure, Message, Snippet},
    package::{
        index_settings::IndexSettings,
        layout::Part,
        requirements::{Kind, Requirement, lock, normalized},
    },
};

const BUILD: &str =
    "build a wheel (`uv build --wheel`) and require that, or make it the agent's `source`";

/// What to install.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) kind: Kind,
    pub(super) file: PathBuf,
    /// A hash of every text, wheel and setting that affects the installation.
    pub(super) digest: String,
    /// True if there is anything to install.
    pub(super) requires: bool,
    pub(super) inputs: Inputs,
    /// Projects in the checkout that are shipped from their folders.
    pub(super) beside: Vec<Beside>,
    pub(super) lock: Option<Lock>,
    pub(super) warnings: Vec<Message>,
    /// The project's statements about its Python version.
    pub(super) pythons: Vec<AskedPython>,
}

/// The input of an installer.
#[derive(Debug, Clone, Default)]
pub(super) struct Inputs {
    /// The requirements with their positions.
    pub(super) requirements: Vec<(String, Snippet)>,
    pub(super) constraints: Vec<String>,
    /// Lines of requirements files about package indexes.
    pub(super) options: Vec<String>,
    pub(super) requires_hashes: bool,
    /// Requirements with their own index: the requirement, and the index in uv's form.
    pub(super) pinned: Vec<(String, String)>,
    /// Indexes that only the lock names: name and address.
    pub(super) indexes: Vec<(String, String)>,
    /// True if nothing beyond the requirements is installed.
    pub(super) is_complete: bool,
    /// Packages that are shipped from the checkout, whatever else requires them.
    pub(super) shipped_beside: Vec<String>,
    /// The project's settings, with precedence over the user's.
    pub(super) settings: IndexSettings,
    /// True if the project determines where packages come from.
    pub(super) has_settings: bool,
}

/// A project in the checkout, and which parts of it are shipped.
#[derive(Debug)]
pub(super) struct Beside {
    /// Normalized, as indexes compare names.
    pub(super) name: String,
    pub(super) folder: PathBuf,
    pub(super) version: String,
    pub(super) parts: Vec<Part>,
}

/// A lock file, and the project in it to install.
#[derive(Debug)]
pub(super) struct Lock {
    pub(super) project: String,
    /// The folder of the lock file.
    pub(super) folder: PathBuf,
    /// Folders whose `pyproject.toml` uv needs, relative to the lock's folder.
    pub(super) folders: Vec<String>,
    pub(super) registries: std::collections::BTreeMap<String, String>,
}

pub(super) fn observe(file: &Path, checkout: &Checkout) -> Result<Wanted, Failure> {
    let name = file.file_name().and_then(|name| name.to_str());
    let mut kind = Kind::of(name.unwrap_or_default());
    let mut file = file.to_owned();
    let folder = nearby_settings::real(file.parent().unwrap_or(Path::new(".")));
    let around = Around::of(&folder, checkout)?;
    let mut locked = None;
    if kind != Kind::Requirements {
        // An existing lock determines the versions.
        locked = find_lock(&around, &folder)?;
        if let Some(lock) = &locked {
            kind = Kind::Lock;
            file = lock.folder.join("uv.lock");
        }
    }
    let pythons = pythons::asked(&folder, &around, checkout)?;
    let mut reading = Reading::new(checkout, &folder, around);
    reading.pythons = pythons;
    reading.warnings.extend(unread_lock(kind, &folder));
    match (kind, &mut locked) {
        (Kind::Lock, Some(lock)) => reading.lock(&file, lock)?,
        (Kind::Lock, None) => return Err(no_project(&file)),
        (Kind::Pyproject, _) => reading.project(&folder, &[])?,
        (Kind::Requirements, _) => reading.requirements(&file)?,
    }
    reading.finish(kind, file, locked)
}

/// Finds the lock of a project or of its workspace.
fn find_lock(around: &Around, folder: &Path) -> Result<Option<Lock>, Failure> {
    let Some(own) = around.folders.first().filter(|own| own.path == folder) else {
        return Ok(None);
    };
    let Some(project) = own.pyproject.name.as_deref().map(normalized) else {
        return Ok(None);
    };
    for at in &around.folders {
        let is_root = at.path == folder || at.pyproject.workspace.is_some();
        let file = at.path.join("uv.lock");
        if !is_root || !files::exists(&file) {
            continue;
        }
        let text = read(&file)?;
        let found = lock::read(&text, &project).map_err(|(span, label)| Failure {
            exit: Exit::Config,
            messages: vec![Message::new("the lock file is not valid TOML").at(Snippet {
                file: file.clone(),
                text: text.clone(),
                span,
                label,
            })],
        })?;
        if let Some(found) = found {
            require_in_lock(own, &file, &project, &found)?;
            return Ok(Some(Lock {
                project,
                folder: at.path.clone(),
                folders: found.folders,
                registries: found.registries,
            }));
        }
        if at.path == folder {
            return Err(no_project(&file));
        }
    }
    Ok(None)
}

/// Locks of other tools.
const UNREAD_LOCKS: [(&str, &str); 3] = [
    ("poetry.lock", "poetry export --output requirements.txt"),
    ("pdm.lock", "pdm export --output requirements.txt"),
    ("Pipfile.lock", "pipenv requirements > requirements.txt"),
];

/// Returns a warning about a lock that is not used, and so pins no version.
fn unread_lock(kind: Kind, folder: &Path) -> Option<Message> {
    let mut locks = UNREAD_LOCKS.iter();
    let (name, command) =
        locks.find(|(name, _)| kind == Kind::Pyproject && files::exists(&folder.join(name)))?;
    let what = format!(
        "`{}` is not read, so it fixes no versions",
        folder.join(name).display()
    );
    Some(Message::new(what).help(format!(
        "run `{command}`, and name that file in the agent's `requirements`; or run `uv lock`: a `uv.lock` is read"
    )))
}

/// Fails if the lock is older than its project, because it would install too little.
fn require_in_lock(
    own: &Folder,
    file: &Path,
    project: &str,
    found: &lock::Locked,
) -> Result<(), Failure> {
    let missing = own
        .pyproject
        .dependencies
        .iter()
        .filter_map(|(span, text)| {
            let name = Requirement::read(text).normalized();
            let is_there = name.is_empty() || name == project || found.direct.contains(&name);
            let what = format!("`{name}` is not in `{}`", file.display());
            let message = Message::new(what)
                .at(own.at(span.clone()))
                .help("`uv lock` updates the lock file");
            (!is_there).then_some(message)
        });
    let messages: Vec<Message> = missing.collect();
    if messages.is_empty() {
        return Ok(());
    }
    Err(Failure {
        exit: Exit::Config,
        messages,
    })
}

fn no_project(lock: &Path) -> Failure {
    Failure::config(format!(
        "`{}` does not contain the project of the `pyproject.toml` beside it",
        lock.display()
    ))
    .help("`uv lock` updates the lock file")
}

/// Returns what the environment and the user's configuration add to every installation.
fn of_the_user(reading: &mut Reading<'_>) -> Result<IndexSettings, Failure> {
    for (name, value) in settings::deciding() {
        reading.seen(name, without_credentials(&value).as_bytes());
        for word in value.split([' ', ',']) {
            let path = Path::new(word.rsplit_once('=').map_or(word, |(_, path)| path));
            if path.is_absolute() && path.is_file() {
                let text = files::read_bytes(path)?;
                let text = without_credentials(&String::from_utf8_lossy(&text));
                reading.seen("file", text.as_bytes());
            } else if path.is_absolute() && path.is_dir() {
                reading.offered(path)?;
            }
        }
    }
    for file in settings::files_of_pip() {
        if let Some(text) = files::read_text(&file)? {
            reading.seen("pip", without_credentials(&text).as_bytes());
        }
    }
    let user = uv_config::of_the_user()?;
    reading.seen("uv", without_credentials(&user.text()).as_bytes());
    Ok(user)
}

fn read(file: &Path) -> Result<String, Failure> {
    files::read_text(file)?
        .ok_or_else(|| FileError::new("read", file, std::io::ErrorKind::NotFound.into()).into())
}

/// Removes the changing credentials from each `https://user:token@host`.
fn without_credentials(value: &str) -> String {
    let mut rest = value;
    let mut kept = String::new();
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        kept.push_str(before);
        let end = after
            .find(|c: char| c == '/' || c.is_whitespace() || "\"',".contains(c))
            .unwrap_or(after.len());
        let (host, behind) = after.split_at(end);
        kept.push_str(host.rsplit_once('@').map_or(host, |(_, host)| host));
        rest = behind;
    }
    kept + rest
}

#[cfg(test)]
mod tests;
