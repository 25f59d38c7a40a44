//! Layers: compressed archives of files.

use std::io::{self, Write};

use flate2::{Compression, GzBuilder, read::GzDecoder, write::GzEncoder};
use sha2::{Digest as _, Sha256};
use tar::{Archive, Builder, EntryType, Header};

use super::{
    Blob,
    entry::{Content, Entry},
};
use crate::text::hex;

/// A fixed level, because another level gives another digest.
const LEVEL: Compression = Compression::new(6);
/// The number for an unknown operating system in a gzip header.
const NO_SYSTEM: u8 = 255;

/// A part of an image's file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layer {
    /// The compressed archive.
    pub(crate) blob: Blob,
    /// The digest of the archive without compression.
    pub(crate) diff_id: String,
    /// For the image's history.
    pub(crate) made_by: String,
}

impl Layer {
    /// Makes a layer. The order of the entries does not matter.
    ///
    /// # Errors
    ///
    /// Fails if a path is too long for an archive.
    pub(crate) fn of(mut entries: Vec<Entry>, made_by: impl Into<String>) -> io::Result<Self> {
        entries.sort();
        entries.dedup_by(|later, first| later.path == first.path);
        let mut packer = Packer::new(Vec::new());
        for entry in &entries {
            packer.add(entry)?;
        }
        let Packed {
            out,
            digest,
            size: _,
            diff_id,
        } = packer.finish()?;
        Ok(Self {
            blob: Blob {
                digest,
                bytes: out.into(),
            },
            diff_id,
            made_by: made_by.into(),
        })
    }
}

/// Compresses a layer. Returns what it was written to, the digest and the size.
pub(crate) fn compress<W: Write>(mut layer: impl io::Read, out: W) -> io::Result<(W, String, u64)> {
    let mut gzip = GzBuilder::new()
        .mtime(0)
        .operating_system(NO_SYSTEM)
        .write(Hashing::new(out), LEVEL);
    io::copy(&mut layer, &mut gzip)?;
    Ok(gzip.finish()?.finish())
}

/// Writes a layer, one entry after the other.
pub(crate) struct Packer<W: Write> {
    archive: Builder<Hashing<GzEncoder<Hashing<W>>>>,
}

/// A finished layer.
pub(crate) struct Packed<W> {
    pub(crate) out: W,
    pub(crate) digest: String,
    pub(crate) size: u64,
    /// The digest of the archive without compression.
    pub(crate) diff_id: String,
}

impl<W: Write> Packer<W> {
    pub(crate) fn new(out: W) -> Self {
        let gzip = GzBuilder::new()
            .mtime(0)
            .operating_system(NO_SYSTEM)
            .write(Hashing::new(out), LEVEL);
        Self {
            archive: Builder::new(Hashing::new(gzip)),
        }
    }

    pub(crate) fn add(&mut self, entry: &Entry) -> io::Result<()> {
        let Entry {
            path,
            mode,
            owner,
            content,
        } = entry;
        let mut header = Header::new_gnu();
        header.set_mode(*mode);
        header.set_uid(u64::from(owner.id()));
        header.set_gid(u64::from(owner.id()));
        header.set_mtime(0);
        match content {
            Content::Folder => {
                header.set_entry_type(EntryType::Directory);
                header.set_size(0);
                self.archive
                    .append_data(&mut header, format!("{path}/"), io::empty())
            }
            Content::File(bytes) => {
                header.set_entry_type(EntryType::Regular);
                header.set_size(bytes.len() as u64);
                self.archive.append_data(&mut header, path, &**bytes)
            }
        }
    }

    pub(crate) fn finish(self) -> io::Result<Packed<W>> {
        let (gzip, diff_id, _) = self.archive.into_inner()?.finish();
        let (out, digest, size) = gzip.finish()?.finish();
        Ok(Packed {
            out,
            digest,
            size,
            diff_id,
        })
    }
}

/// Hashes and counts what is written.
struct Hashing<W> {
    out: W,
    hash: Sha256,
    size: u64,
}

impl<W> Hashing<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            hash: Sha256::new(),
            size: 0,
        }
    }

    fn finish(self) -> (W, String, u64) {
        let digest = format!("sha256:{}", hex(&self.hash.finalize()));
        (self.out, digest, self.size)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Returns the files of a compressed layer with their sizes.
pub(super) fn entries(layer: &[u8]) -> Vec<(u64, String)> {
    let mut archive = Archive::new(GzDecoder::new(layer));
    let Ok(entries) = archive.entries() else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.header().entry_type().is_file())
        .filter_map(|entry| {
            let path = entry.path().ok()?.to_string_lossy().into_owned();
            Some((entry.size(), path))
        })
        .collect()
}
