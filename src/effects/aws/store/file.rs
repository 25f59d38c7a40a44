//! Reading the archive that is sent: pieces of it, and its checksum.
#![expect(
    clippy::disallowed_methods,
    reason = "this is where the archive is read"
)]

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    ops::Range,
    path::Path,
};

use crate::effects::files::FileError;

/// The bytes of a range; fewer than that are an error.
pub(super) async fn read(path: &Path, range: Range<u64>) -> Result<Vec<u8>, FileError> {
    let owned = path.to_owned();
    in_background(path, move || {
        let mut file = File::open(&owned)?;
        file.seek(SeekFrom::Start(range.start))?;
        let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    })
    .await
}

/// CRC-32 of the first `boundary` bytes, and of the whole file.
pub(super) async fn checksums(path: &Path, boundary: u64) -> Result<(u32, u32), FileError> {
    let owned = path.to_owned();
    in_background(path, move || {
        let mut file = File::open(&owned)?;
        let mut hasher = crc32fast::Hasher::new();
        update(&mut hasher, &mut (&mut file).take(boundary))?;
        let beginning = hasher.clone().finalize();
        update(&mut hasher, &mut file)?;
        Ok((beginning, hasher.finalize()))
    })
    .await
}

fn update(hasher: &mut crc32fast::Hasher, from: &mut dyn io::Read) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            length => hasher.update(&buffer[..length]),
        }
    }
}

async fn in_background<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, FileError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(|error| FileError::new("read", path, error))
}
