//! Files on disk. Every error names the path and the operation.
#![expect(clippy::disallowed_methods, reason = "this is where files are touched")]

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind, Read, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use sha2::{Digest as _, Sha256};

use crate::{
    error::Failure,
    package::record::Hash,
    system::System,
    text::{
        decoding::{self, NotUtf8},
        hex,
    },
};

/// The prefix of our temporary files. A killed run may leave one, which the next run removes.
pub(crate) const TEMPORARY: &str = ".cargo-agentcore-";

/// A failed file operation.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} `{}`: {cause}", .path.display())]
pub(crate) struct FileError {
    doing: &'static str,
    path: PathBuf,
    cause: io::Error,
}

/// Something unexpected is in the place of a directory or file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Obstacle {
    #[error("it is a symbolic link")]
    Link,
    #[error("it is not a directory")]
    NoDirectory,
    #[error("it is not a regular file")]
    NoFile,
    #[error("it leads out of its folder")]
    Outside,
}

impl FileError {
    /// Creates the error for something in the way that must not be changed.
    pub(super) fn obstacle(doing: &'static str, path: &Path, what: Obstacle) -> Self {
        Self::new(doing, path, io::Error::other(what))
    }

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
        let obstacle = error.cause.get_ref().and_then(|why| why.downcast_ref());
        if let Some(obstacle) = obstacle {
            return Failure::world(error.to_string()).help(match obstacle {
                Obstacle::Link => "remove the link: nothing is read, written or deleted through it",
                Obstacle::NoDirectory | Obstacle::NoFile | Obstacle::Outside => {
                    "move it away and run this again"
                }
            });
        }
        let encoding = error.cause.get_ref().and_then(|why| why.downcast_ref());
        if let Some(encoding) = encoding.copied() {
            let help = NotUtf8::help(encoding, System::HERE.is_windows());
            return Failure::config(error.to_string()).help(help);
        }
        let help = match error.cause.kind() {
            ErrorKind::PermissionDenied => match System::HERE {
                System::Windows => "check who may write there: `icacls` with the path lists it",
                System::Linux | System::MacOs => {
                    "check who owns the path and who may write there: `ls -ld` with the path lists it"
                }
            },
            ErrorKind::ReadOnlyFilesystem => "the file system is mounted read-only",
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "free disk space and run this again"
            }
            _ => return Failure::world(error.to_string()),
        };
        Failure::world(error.to_string()).help(help)
    }
}

pub(crate) fn read_text(path: &Path) -> Result<Option<String>, FileError> {
    match fs::read(path) {
        Ok(bytes) => decoded(bytes, path).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new("read", path, error)),
    }
}

/// Returns the text of a file's bytes, without a byte order mark.
pub(super) fn decoded(bytes: Vec<u8>, path: &Path) -> Result<String, FileError> {
    decoding::decoded(bytes).map_err(|error| {
        FileError::new("read", path, io::Error::new(ErrorKind::InvalidData, error))
    })
}

pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|error| FileError::new("read", path, error))
}

/// Reads stdin to its end.
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

/// Returns a file's length in bytes, or `None` if it cannot be found.
pub(crate) fn length(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|file| file.len())
}

pub(crate) fn create_dir_all(path: &Path) -> Result<(), FileError> {
    fs::create_dir_all(path).map_err(|error| FileError::new("create the directory", path, error))
}

/// Replaces `path` atomically. The temporary file is made in `beside`, which must be on the same
/// file system.
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

/// Gives a new file the usual mode, because temporary files are private.
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

/// Makes a file readable only by the user.
#[cfg(unix)]
pub(crate) fn close_to_others(path: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .map_err(|error| FileError::new("write", path, error))
}

/// The user's directories are already private.
#[cfg(not(unix))]
pub(crate) fn close_to_others(_path: &Path) -> Result<(), FileError> {
    Ok(())
}

/// Removes a file; a missing one is not an error.
pub(crate) fn remove_file(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(FileError::new("remove", path, error))
        }
        _ => Ok(()),
    }
}

/// Removes a directory and its content; a missing one is not an error.
pub(crate) fn remove_tree(path: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(FileError::new("remove the directory", path, error))
        }
        _ => Ok(()),
    }
}

/// Returns the sorted names in a directory, or none if it does not exist.
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

/// Returns a file's modification time in nanoseconds since 1970.
pub(crate) fn modified(path: &Path) -> Option<u64> {
    let modified = fs::metadata(path).ok()?.modified().ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
}

pub(crate) fn hash_file(path: &Path) -> Result<Hash, FileError> {
    let failed = |error| FileError::new("read", path, error);
    let file = File::open(path).map_err(failed)?;
    hash_all(file).map_err(failed)
}

/// Hashes a part of a file.
pub(crate) fn hash_part(path: &Path, from: u64, to: u64) -> Result<Hash, FileError> {
    let failed = |error| FileError::new("read", path, error);
    let mut file = File::open(path).map_err(failed)?;
    file.seek(SeekFrom::Start(from)).map_err(failed)?;
    hash_all(file.take(to - from)).map_err(failed)
}

/// Hashes everything up to the end.
pub(crate) fn hash_all(mut content: impl Read) -> io::Result<Hash> {
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => return Ok(hex(&sha256.finalize())),
            Ok(count) => sha256.update(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

pub(crate) fn hash(content: &[u8]) -> Hash {
    hex(&Sha256::digest(content))
}

/// Held while a run works on a project.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Returns whether this is the locked file rather than one that replaced it.
    pub(crate) fn is_of(&self, file: &File) -> bool {
        is_one_file(&self.file, file)
    }
}

#[cfg(unix)]
pub(super) fn is_one_file(one: &File, other: &File) -> bool {
    super::env::is_one_file(one, other)
}

/// An open file cannot be replaced.
#[cfg(not(unix))]
pub(super) fn is_one_file(_one: &File, _other: &File) -> bool {
    true
}

/// The result of trying to take a lock without waiting.
pub(crate) enum Attempt {
    Held(Lock),
    Busy(Busy),
}

impl Attempt {
    pub(super) fn of(file: File, path: PathBuf) -> Result<Self, FileError> {
        match file.try_lock() {
            Ok(()) => Ok(Self::Held(Lock { file })),
            Err(TryLockError::WouldBlock) => Ok(Self::Busy(Busy { path, file })),
            Err(TryLockError::Error(error)) => Err(FileError::new("lock", &path, error)),
        }
    }
}

/// A lock that another process holds.
pub(crate) struct Busy {
    path: PathBuf,
    file: File,
}

impl Busy {
    pub(super) fn wait(self) -> Result<Lock, FileError> {
        let Self { path, file } = self;
        file.lock()
            .map_err(|error| FileError::new("lock", &path, error))?;
        Ok(Lock { file })
    }
}
