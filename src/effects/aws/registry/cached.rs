//! Base images in the user's cache, where they are pulled once. Each layer is an entry of its own,
//! because base images share layers, and an interrupted pull continues with the next one.

use std::{path::Path, sync::Arc};

use tokio::runtime::Handle;

use super::source::Source;
use crate::{
    effects::{aws::sent_bytes::Sent, cache, files, folder::Folder, runtime},
    error::Failure,
    package::image::{StoredLayer, digest, stored::Descriptor},
};

/// The file with the content.
const CONTENT: &str = "content";
/// Written when the content is complete.
const COMPLETE: &str = "complete";

/// What kind of document is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    Manifest,
    Configuration,
}

impl Source {
    /// Returns a document by its digest.
    pub(crate) async fn cached(
        self: &Arc<Self>,
        document: Document,
        wanted: &str,
    ) -> Result<Vec<u8>, Failure> {
        let (source, owned) = (Arc::clone(self), wanted.to_owned());
        let home = in_cache(wanted, move |home, handle| {
            let pulled = match document {
                Document::Manifest => handle.block_on(source.manifest(&owned)),
                Document::Configuration => handle.block_on(source.configuration(&owned)),
            };
            Ok(Folder::private(home.to_owned()).write(CONTENT, &pulled?)?)
        })
        .await?;
        let bytes = files::read_bytes(&home.join(CONTENT))?;
        if digest(&bytes) == wanted {
            return Ok(bytes);
        }
        Err(damaged(&home))
    }

    /// Returns a layer, and counts the bytes that are received.
    pub(crate) async fn cached_layer(
        self: &Arc<Self>,
        wanted: &Descriptor,
        received: &Sent,
    ) -> Result<StoredLayer, Failure> {
        let Descriptor { digest, size } = wanted.clone();
        let (source, received, owned) = (Arc::clone(self), received.clone(), digest.clone());
        let home = in_cache(&digest, move |home, handle| {
            Folder::private(home.to_owned()).create()?;
            handle.block_on(source.layer(&owned, &home.join(CONTENT), &received))
        })
        .await?;
        let path = home.join(CONTENT);
        match files::length(&path) {
            Some(length) if length == size => Ok(StoredLayer { digest, size, path }),
            _ => Err(damaged(&home)),
        }
    }
}

fn damaged(home: &Path) -> Failure {
    Failure::world(format!(
        "the cache `{}` has other content than was pulled",
        home.display()
    ))
    .help("delete that folder")
}

/// Returns the folder of content in the cache, which `make` fills unless it exists.
async fn in_cache(
    digest: &str,
    make: impl Fn(&Path, &Handle) -> Result<(), Failure> + Send + 'static,
) -> Result<std::path::PathBuf, Failure> {
    let digits = digest.trim_start_matches("sha256:");
    let name = format!("image-layer-{}", digits.get(..32).unwrap_or(digits));
    let handle = Handle::current();
    let work = move |_: &(dyn Fn(()) + Sync)| {
        let is_complete = |home: &Path| files::exists(&home.join(COMPLETE));
        cache::ensure(
            &name,
            is_complete,
            || {},
            |home| {
                let made = make(home, &handle)
                    .and_then(|()| Ok(Folder::private(home.to_owned()).write(COMPLETE, b"")?));
                if made.is_err() {
                    files::remove_tree(home)?;
                }
                made
            },
        )
    };
    runtime::aside(work, |()| {}).await
}
