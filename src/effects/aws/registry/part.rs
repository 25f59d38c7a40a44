//! The parts of an image that are pushed.

use std::{path::PathBuf, sync::Arc};

use crate::package::image::{Blob, Image, StoredLayer};

/// A part of an image that is stored as a whole: a layer or the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) digest: String,
    pub(super) size: u64,
    pub(super) content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    Memory(Arc<[u8]>),
    File(PathBuf),
}

/// Returns the parts of an image, each once.
pub(super) fn parts(image: &Image) -> Vec<Part> {
    let stored = image.stored().into_iter().map(Part::from);
    stored
        .chain(image.blobs().into_iter().map(Part::from))
        .collect()
}

impl From<&Blob> for Part {
    fn from(blob: &Blob) -> Self {
        Self {
            digest: blob.digest.clone(),
            size: blob.size(),
            content: Content::Memory(Arc::clone(&blob.bytes)),
        }
    }
}

impl From<&StoredLayer> for Part {
    fn from(layer: &StoredLayer) -> Self {
        Self {
            digest: layer.digest.clone(),
            size: layer.size,
            content: Content::File(layer.path.clone()),
        }
    }
}
