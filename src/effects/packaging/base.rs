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

use super::{dependencies::Ready, sink::Sink};
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

/// What a new archive goes on from.
pub(super) struct Base {
    pub(super) sink: Sink,
    pub(super) taken: Option<Taken>,
}

/// Makes `to` hold the layer's entries; its directory is read from the sink. `last` is an archive that
/// begins with the same bytes, on the same file system.
pub(super) fn lay(ready: &Ready, last: Option<&Path>, to: &Path) -> Result<Base, FileError> {
    let failed = |error| FileError::new("write", to, error);
    let layer = ready.held.archive();
    let head = ready.layer.head;
    let directory = tail_of(&layer, head).map_err(|error| FileError::new("read", &layer, error))?;
    let taken = match last {
        Some(last) => {
            let tail = tail_of(last, head).map_err(|error| FileError::new("read", last, error))?;
            fs::rename(last, to).map_err(failed)?;
            Some(Taken {
                from: last.to_owned(),
                to: to.to_owned(),
                head,
                tail,
                replaced: false,
            })
        }
        None => {
            // The file system copies without reading where it can.
            fs::copy(&layer, to).map_err(failed)?;
            None
        }
    };
    let file = cut_off(to, head).map_err(failed)?;
    Ok(Base {
        sink: Sink::after(file, head, directory),
        taken,
    })
}

impl Taken {
    /// A new archive stands in its place.
    pub(super) fn replace(mut self) {
        self.replaced = true;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.replaced {
            return;
        }
        // What cannot be put back is built again.
        let whole = cut_off(&self.to, self.head).and_then(|mut file| file.write_all(&self.tail));
        if whole.is_ok() {
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

/// The file without what follows `head`, at its end.
fn cut_off(path: &Path, head: u64) -> io::Result<File> {
    let mut file = File::options().read(true).write(true).open(path)?;
    file.set_len(head)?;
    file.seek(SeekFrom::Start(head))?;
    Ok(file)
}
