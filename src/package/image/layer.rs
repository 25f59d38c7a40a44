//! Layers: compressed archives of files.

use std::io::{self, Write as _};

use flate2::{Compression, GzBuilder, read::GzDecoder};
use tar::{Archive, Builder, EntryType, Header};

use super::{
    Blob, digest,
    entry::{Content, Entry},
};

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
        let archive = archive(&entries)?;
        let mut gzip = GzBuilder::new()
            .mtime(0)
            .operating_system(NO_SYSTEM)
            .write(Vec::new(), LEVEL);
        gzip.write_all(&archive)?;
        Ok(Self {
            blob: Blob::new(gzip.finish()?),
            diff_id: digest(&archive),
            made_by: made_by.into(),
        })
    }
}

fn archive(entries: &[Entry]) -> io::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for entry in entries {
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
                builder.append_data(&mut header, format!("{path}/"), io::empty())?;
            }
            Content::File(bytes) => {
                header.set_entry_type(EntryType::Regular);
                header.set_size(bytes.len() as u64);
                builder.append_data(&mut header, path, &**bytes)?;
            }
        }
    }
    builder.into_inner()
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
