//! The start of a new archive: the bytes of the cached layer.
//!
//! The last archive starts with the same bytes as long as the requirements do not change. It is
//! then truncated after them and reused, because copying and freeing a hundred megabytes takes
//! longer than everything else after an edit.
#![expect(clippy::disallowed_methods, reason = "the archive is written here")]

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use super::{dependencies::Ready, hashing_writer::Sink};
use crate::effects::files::FileError;

/// The last archive, moved away. It is restored unless a new one replaces it.
pub(crate) struct Taken {
    from: PathBuf,
    to: PathBuf,
    head: u64,
    /// The bytes after the dependencies.
    tail: Vec<u8>,
    replaced: bool,
}

/// The start of a new archive.
pub(crate) struct Base {
    pub(crate) sink: Sink,
    pub(crate) taken: Option<Taken>,
}

/// Makes `to` contain the layer's entries; the sink returns their directory. `last` is an archive
/// with the same start, on the same file system.
pub(crate) fn lay(ready: &Ready, last: Option<&Path>, to: &Path) -> Result<Base, FileError> {
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
            // The file system may copy without reading.
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
    /// Records that a new archive replaces it.
    pub(crate) fn replace(mut self) {
        self.replaced = true;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.replaced {
            return;
        }
        // If this fails, the archive is rebuilt.
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

/// Truncates the file after `head` and returns it, positioned at its end.
fn cut_off(path: &Path, head: u64) -> io::Result<File> {
    let mut file = File::options().read(true).write(true).open(path)?;
    file.set_len(head)?;
    file.seek(SeekFrom::Start(head))?;
    Ok(file)
}
