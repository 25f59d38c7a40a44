//! Files on disk: every error names the path and what was being done.
#![expect(clippy::disallowed_methods, reason = "this is where files are touched")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, TryLockError},
    io::{self, ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::{
    error::Failure,
    package::record::{self, Hash, Record},
    plan::files::{FilePlan, FileStep},
};

/// What our temporary files begin with; a killed run may leave one, the next one removes it.
pub(crate) const TEMPORARY: &str = ".cargo-agentcore-";

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{}`: {cause}", .path.display())]
pub(crate) struct FileError {
    doing: &'static str,
    path: PathBuf,
    cause: io::Error,
}

impl FileError {
    pub(crate) fn new(doing: &'static str, path: &Path, cause: io::Error) -> Self {
        Self {
            doing,
            path: path.to_owned(),
            cause,
        }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let help = match error.cause.kind() {
            ErrorKind::PermissionDenied => {
                "check who owns the path and who may write there (`ls -ld`)"
            }
            ErrorKind::ReadOnlyFilesystem => "the file system is mounted read-only",
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "make room on the disk and run this again"
            }
            _ => return Failure::world(error.to_string()),
        };
        Failure::world(error.to_string()).help(help)
    }
}

pub(crate) fn read_text(path: &Path) -> Result<Option<String>, FileError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new("read", path, error)),
    }
}

pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|error| FileError::new("read", path, error))
}

/// Everything that comes in on stdin, to its end.
pub(crate) fn read_stdin() -> Result<Vec<u8>, FileError> {
    let mut content = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut content)
        .map_err(|error| FileError::new("read", Path::new("-"), error))?;
    Ok(content)
}

pub(crate) fn exists(path: &Path) -> bool {
    path.exists()
}

pub(crate) fn create_dir_all(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(|error| FileError::new("create the directory", path, error))
}

/// Replaces `path` in one step; the old content stands until the new one is whole. The temporary
/// file is made in `beside`, which has to be on the same file system.
pub(crate) fn write_atomic(
    path: &Path,
    beside: &Path,
    content: &[u8],
    executable: bool,
) -> Result<(), FileError> {
    let failed = |error| FileError::new("write", path, error);
    let mut temporary = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempfile_in(beside)
        .map_err(failed)?;
    temporary.write_all(content).map_err(failed)?;
    set_mode(temporary.as_file(), executable).map_err(failed)?;
    temporary
        .persist(path)
        .map_err(|error| failed(error.error))?;
    Ok(())
}

/// The mode of a file that is written aside; a temporary one is closed to others.
pub(crate) fn open_to_readers(file: &File) -> io::Result<()> {
    set_mode(file, false)
}

#[cfg(unix)]
fn set_mode(file: &File, executable: bool) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(if executable {
        0o755
    } else {
        0o644
    }))
}

#[cfg(not(unix))]
fn set_mode(_file: &File, _executable: bool) -> io::Result<()> {
    Ok(())
}

/// Removes a file; one that is gone already is no error.
pub(crate) fn remove_file(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(FileError::new("remove", path, error))
        }
        _ => Ok(()),
    }
}

/// Removes a directory with all that is in it; one that is gone already is no error.
pub(crate) fn remove_tree(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(FileError::new("remove the directory", path, error))
        }
        _ => Ok(()),
    }
}

/// Removes a directory where nothing is in it.
pub(crate) fn remove_empty_dir(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir(path) {
        Err(error)
            if !matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Err(FileError::new("remove the directory", path, error))
        }
        _ => Ok(()),
    }
}

/// What is directly in a directory, sorted; nothing where there is none.
pub(crate) fn names_in(directory: &Path) -> Result<Vec<String>, FileError> {
    let failed = |error| FileError::new("read", directory, error);
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// The copy of an agent's sources, as it lies in the deployment folder.
#[derive(Debug, Clone, Default)]
pub(crate) struct ObservedCopy {
    /// Relative to the deployment folder, with `/`.
    pub(crate) files: BTreeMap<String, Hash>,
    pub(crate) record: Record,
}

/// What the record in a deployment folder says; nothing where there is none.
pub(crate) fn observe_record(deployment: &Path) -> Result<Record, Failure> {
    let path = deployment.join(record::FILE);
    match read_text(&path)? {
        Some(text) => Record::parse(&path, &text).map_err(|message| Failure {
            exit: crate::error::Exit::World,
            messages: vec![message],
        }),
        None => Ok(Record::default()),
    }
}

/// Reads the record and hashes the copied files of `agent`.
pub(crate) fn observe_copy(deployment: &Path, agent: &str) -> Result<ObservedCopy, Failure> {
    if fs::symlink_metadata(deployment).is_ok_and(|found| found.is_symlink()) {
        return Err(Failure::config(format!(
            "the deployment folder `{}` is a link",
            deployment.display()
        ))
        .help("put a real directory in its place: nothing is written through links"));
    }
    let record = observe_record(deployment)?;
    // A folder that only the record names is the copy of an agent that was called otherwise before.
    let recorded = record
        .files
        .keys()
        .filter_map(|path| path.split('/').next());
    let copies: BTreeSet<&str> = recorded.chain([agent]).collect();
    let mut files = BTreeMap::new();
    for name in copies {
        let copy = deployment.join(name);
        if fs::symlink_metadata(&copy).is_ok() {
            hash_tree(&copy, name, &mut files)?;
        }
    }
    Ok(ObservedCopy { files, record })
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
        // A pipe would be waited for without end.
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

pub(crate) fn hash_file(path: &Path) -> Result<Hash, FileError> {
    let content = fs::read(path).map_err(|error| FileError::new("read", path, error))?;
    Ok(hash(&content))
}

pub(crate) fn hash(content: &[u8]) -> Hash {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(content) {
        text.push(char::from_digit(u32::from(byte >> 4), 16).expect("four bits are one digit"));
        text.push(char::from_digit(u32::from(byte & 15), 16).expect("four bits are one digit"));
    }
    text
}

/// Where a file of the plan comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) from: PathBuf,
    pub(crate) hash: Hash,
    pub(crate) executable: bool,
}

/// Carries out the plan: the record of everything that may be found, the files, the final record.
pub(crate) fn apply(
    deployment: &Path,
    plan: &FilePlan,
    origins: &BTreeMap<String, Origin>,
) -> Result<(), Failure> {
    if plan.steps.is_empty() && !plan.record_changes {
        return Ok(());
    }
    create_dir_all(deployment)?;
    sweep(deployment)?;
    let path = deployment.join(record::FILE);
    if !plan.steps.is_empty() {
        write_atomic(
            &path,
            deployment,
            plan.record_before.to_text().as_bytes(),
            false,
        )?;
    }
    for step in &plan.steps {
        match step {
            FileStep::Create { path } | FileStep::Update { path } => {
                copy(deployment, path, origins)?;
            }
            FileStep::Remove { path } => {
                let full = deployment.join(path);
                remove_file(&full)?;
                remove_empty_parents(&full, deployment);
            }
        }
    }
    if plan.record_after.files.is_empty() {
        remove_file(&path)?;
    } else {
        write_atomic(
            &path,
            deployment,
            plan.record_after.to_text().as_bytes(),
            false,
        )?;
    }
    Ok(())
}

fn copy(deployment: &Path, path: &str, origins: &BTreeMap<String, Origin>) -> Result<(), Failure> {
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
    let full = deployment.join(path);
    let parent = full.parent().unwrap_or(deployment);
    create_dir_all(parent)?;
    write_atomic(&full, deployment, &content, origin.executable)?;
    Ok(())
}

/// Temporary files that a killed run left.
fn sweep(deployment: &Path) -> Result<(), FileError> {
    let failed = |error| FileError::new("read", deployment, error);
    for entry in fs::read_dir(deployment).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            remove_file(&entry.path())?;
        }
    }
    Ok(())
}

/// Directories that held nothing but what was removed, and Python's caches of it.
fn remove_empty_parents(path: &Path, stop: &Path) {
    let mut at = path.parent();
    while let Some(directory) = at.filter(|directory| *directory != stop) {
        let cache = directory.join("__pycache__");
        if cache.is_dir() && fs::read_dir(directory).is_ok_and(|entries| entries.count() == 1) {
            // A cache is made again when it is missed.
            let _ = fs::remove_dir_all(&cache);
        }
        if fs::remove_dir(directory).is_err() {
            return;
        }
        at = directory.parent();
    }
}

/// Held while one run works on a project.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Waits for the lock; `waiting` is called once where somebody else holds it.
pub(crate) fn lock(path: &Path, waiting: impl FnOnce()) -> Result<Lock, FileError> {
    match try_lock(path)? {
        Attempt::Held(lock) => Ok(lock),
        Attempt::Busy(busy) => {
            waiting();
            busy.wait()
        }
    }
}

/// What came of asking for a lock without waiting.
pub(crate) enum Attempt {
    Held(Lock),
    Busy(Busy),
}

/// A lock that somebody else holds.
pub(crate) struct Busy {
    path: PathBuf,
    file: File,
}

impl Busy {
    pub(crate) fn wait(self) -> Result<Lock, FileError> {
        let Self { path, file } = self;
        file.lock()
            .map_err(|error| FileError::new("lock", &path, error))?;
        Ok(Lock { _file: file })
    }
}

pub(crate) fn try_lock(path: &Path) -> Result<Attempt, FileError> {
    if let Some(parent) = path.parent() {
        create_dir_all(parent)?;
    }
    let failed = |error| FileError::new("lock", path, error);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Attempt::Held(Lock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(Attempt::Busy(Busy {
            path: path.to_owned(),
            file,
        })),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
