//! An image as the files of a folder, which other tools for images read ("OCI image layout").

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::{Image, MANIFEST};

/// The name of the folder next to other build outputs.
pub(crate) const FOLDER: &str = "image";

/// Returns the files by their paths in the folder, without the layers that are in files already.
pub(crate) fn files(image: &Image) -> BTreeMap<String, Arc<[u8]>> {
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": MANIFEST,
            "digest": image.digest(),
            "size": image.manifest.size(),
            "annotations": { "org.opencontainers.image.ref.name": image.tag() },
        }],
    });
    let layout = json!({ "imageLayoutVersion": "1.0.0" });
    let text = |value: serde_json::Value| Arc::from(value.to_string().into_bytes());
    let blobs = image.blobs();
    let mut files: BTreeMap<String, Arc<[u8]>> = blobs
        .into_iter()
        .chain([&image.manifest])
        .map(|blob| (path(&blob.digest), Arc::clone(&blob.bytes)))
        .collect();
    files.insert("index.json".to_owned(), text(index));
    files.insert("oci-layout".to_owned(), text(layout));
    files
}

/// Returns the place of content in the folder.
pub(crate) fn path(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}
