//! Reads the archive that is sent: ranges and checksums.
#![expect(
    clippy::disallowed_methods,
    reason = "this is where the archive is read"
)]

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use md5::{Digest as _, Md5};

use crate::effects::files::FileError;

/// An open file. It stays the same file even if it is replaced on disk.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    path: PathBuf,
    file: Arc<Mutex<File>>,
}

impl Opened {
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        let file = File::open(path).map_err(|error| FileError::new("read", path, error))?;
        Ok(Self {
            path: path.to_owned(),
            file: Arc::new(Mutex::new(file)),
        })
    }

    /// Reads a range. Fails if the file is shorter.
    pub(super) async fn read(&self, range: Range<u64>) -> Result<Vec<u8>, FileError> {
        self.in_background(move |file| {
            file.seek(SeekFrom::Start(range.start))?;
            let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
            let mut bytes = vec![0; length];
            file.read_exact(&mut bytes)?;
            Ok(bytes)
        })
        .await
    }

    /// Returns the MD5 of a range, up to the end of the file.
    pub(super) async fn md5(&self, range: Range<u64>) -> Result<[u8; 16], FileError> {
        self.in_background(move |file| {
            let mut digest = Md5::new();
            file.seek(SeekFrom::Start(range.start))?;
            let mut from = file.take(range.end - range.start);
            each(&mut from, |bytes| digest.update(bytes))?;
            Ok(digest.finalize().into())
        })
        .await
    }

    /// Returns the CRC-32 of the first `boundary` bytes and of the whole file.
    pub(super) async fn checksums(&self, boundary: u64) -> Result<(u32, u32), FileError> {
        self.in_background(move |file| {
            let mut hasher = crc32fast::Hasher::new();
            file.seek(SeekFrom::Start(0))?;
            each(&mut (&mut *file).take(boundary), |bytes| {
                hasher.update(bytes);
            })?;
            let beginning = hasher.clone().finalize();
            each(file, |bytes| hasher.update(bytes))?;
            Ok((beginning, hasher.finalize()))
        })
        .await
    }

    async fn in_background<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut File) -> io::Result<T> + Send + 'static,
    ) -> Result<T, FileError> {
        let file = Arc::clone(&self.file);
        tokio::task::spawn_blocking(move || {
            work(&mut file.lock().unwrap_or_else(PoisonError::into_inner))
        })
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(|error| FileError::new("read", &self.path, error))
    }
}

fn each(from: &mut dyn io::Read, mut work: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            length => work(&buffer[..length]),
        }
    }
}
