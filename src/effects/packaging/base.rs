//! What a new archive begins with: the cached layer, byte for byte.
//!
//! The last archive begins with the same bytes as long as no requirement changes. It is then cut off
//! behind them and goes on as the new one: copying a hundred megabytes, and freeing as many, takes
//! longer than everything else that a changed line asks for.
#![expect(clippy::disallowed_methods, reason = "the archive is written here")]

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use super::dependencies::Ready;
use crate::effects::files::FileError;

/// The last archive, taken from its place; put back as it was unless a new one takes its place.
pub(super) struct Taken {
    from: PathBuf,
    to: PathBuf,
    head: u64,
    /// What followed the dependencies.
    tail: Vec<u8>,
    replaced: bool,
}

/// Makes `to` equal to the layer's archive. `last` is an archive that begins with the same bytes, on
/// the same file system.
pub(super) fn lay(
    ready: &Ready,
    last: Option<&Path>,
    to: &Path,
) -> Result<Option<Taken>, FileError> {
    let failed = |error| FileError::new("write", to, error);
    let layer = ready.held.archive();
    let Some(last) = last else {
        // The file system copies without reading where it can.
        fs::copy(&layer, to).map_err(failed)?;
        return Ok(None);
    };
    let head = ready.layer.head;
    let tail = tail_of(last, head).map_err(|error| FileError::new("read", last, error))?;
    let directory = tail_of(&layer, head).map_err(|error| FileError::new("read", &layer, error))?;
    fs::rename(last, to).map_err(failed)?;
    let taken = Taken {
        from: last.to_owned(),
        to: to.to_owned(),
        head,
        tail,
        replaced: false,
    };
    end_with(to, head, &directory).map_err(failed)?;
    Ok(Some(taken))
}

impl Taken {
    /// A new archive stands in its place.
    pub(super) fn is_replaced(mut self) {
        self.replaced = true;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // What cannot be put back is built again.
        if !self.replaced && end_with(&self.to, self.head, &self.tail).is_ok() {
            let _ = fs::rename(&self.to, &self.from);
        }
    }
}

fn tail_of(path: &Path, head: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(head))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    Ok(tail)
}

fn end_with(path: &Path, head: u64, tail: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    file.set_len(head)?;
    file.seek(SeekFrom::Start(head))?;
    file.write_all(tail)
}
