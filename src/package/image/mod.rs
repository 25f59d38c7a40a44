//! Container images, assembled without a container engine. Equal input gives equal bytes, and so an
//! equal digest, on every machine.

pub(crate) mod agent;
mod base;
mod entry;
mod layer;
pub(crate) mod layout;
pub(crate) mod stored;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use self::layer::Layer;
use crate::{
    error::Message,
    text::{byte_size, hex},
};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// The service's limit. It is documented as "2 GB"; an image within the smaller reading is within
/// both.
const LARGEST: u64 = 2_000_000_000;

/// The time of everything in an image.
const EPOCH: &str = "1970-01-01T00:00:00Z";

/// How many hexadecimal digits of the digest are the tag. A tag that starts with `sha256-` would
/// mean something else to registries.
const TAG_DIGITS: usize = 16;

/// Content with its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blob {
    /// `sha256:` and 64 hexadecimal digits.
    pub(crate) digest: String,
    pub(crate) bytes: Arc<[u8]>,
}

/// A finished image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) manifest: Blob,
    pub(crate) config: Blob,
    pub(crate) layers: Vec<Blob>,
}

/// What an image runs, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    /// In the words of Go, such as `arm64`.
    pub(crate) architecture: String,
    /// In the words of Go, such as `linux`.
    pub(crate) system: &'static str,
    pub(crate) user: String,
    pub(crate) directory: &'static str,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) port: u16,
    pub(crate) labels: BTreeMap<String, String>,
}

impl Blob {
    pub(crate) fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self {
            digest: digest(&bytes),
            bytes,
        }
    }

    pub(crate) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// Returns the address of content.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

impl Image {
    /// Puts layers together, the lowest first.
    pub(crate) fn assemble(run: &Run, layers: Vec<Layer>) -> Self {
        let config = Blob::new(config(run, &layers).to_string().into_bytes());
        let descriptor = |media_type: &str, blob: &Blob| json!({ "mediaType": media_type, "digest": blob.digest, "size": blob.size() });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config),
            "layers": layers
                .iter()
                .map(|layer| descriptor(LAYER, &layer.blob))
                .collect::<Vec<_>>(),
        });
        Self {
            manifest: Blob::new(manifest.to_string().into_bytes()),
            config,
            layers: layers.into_iter().map(|layer| layer.blob).collect(),
        }
    }

    pub(crate) fn digest(&self) -> &str {
        &self.manifest.digest
    }

    /// Returns the tag, which is the same for the same image, so that an immutable tag never has to
    /// change.
    pub(crate) fn tag(&self) -> &str {
        tag_of(&self.manifest.digest)
    }

    /// Returns the layers and the configuration, each once.
    pub(crate) fn blobs(&self) -> Vec<&Blob> {
        let mut seen = BTreeSet::new();
        self.layers
            .iter()
            .chain([&self.config])
            .filter(|blob| seen.insert(&blob.digest))
            .collect()
    }

    /// Returns the size of everything that a registry stores, in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.blobs().iter().map(|blob| blob.size()).sum::<u64>() + self.manifest.size()
    }

    /// Returns the files in all layers with their sizes, the lowest layer first.
    pub(crate) fn entries(&self) -> Vec<(u64, String)> {
        let layers = self.layers.iter();
        layers
            .flat_map(|layer| layer::entries(&layer.bytes))
            .collect()
    }

    /// Returns a message if the service does not accept the image.
    pub(crate) fn exceeded(&self) -> Option<Message> {
        exceeded(self.size())
    }
}

/// Returns the tag of the image with this digest.
pub(crate) fn tag_of(digest: &str) -> &str {
    let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
    digits.get(..TAG_DIGITS).unwrap_or(digits)
}

fn exceeded(size: u64) -> Option<Message> {
    (size > LARGEST).then(|| {
        Message::new(format!(
            "the image has {}, but the service accepts {}",
            byte_size(size),
            byte_size(LARGEST)
        ))
        .help("leave out data that the agent can fetch")
    })
}

fn config(run: &Run, layers: &[Layer]) -> Value {
    let Run {
        architecture,
        system,
        user,
        directory,
        entrypoint,
        environment,
        port,
        labels,
    } = run;
    let ports = json!({ format!("{port}/tcp"): {} });
    let environment: Vec<String> = environment
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    json!({
        "created": EPOCH,
        "architecture": architecture,
        "os": system,
        "config": {
            "User": user,
            "ExposedPorts": ports,
            "Env": environment,
            "Entrypoint": entrypoint,
            "WorkingDir": directory,
            "Labels": labels,
        },
        "rootfs": {
            "type": "layers",
            "diff_ids": layers.iter().map(|layer| &layer.diff_id).collect::<Vec<_>>(),
        },
        "history": layers
            .iter()
            .map(|layer| json!({ "created": EPOCH, "created_by": layer.made_by }))
            .collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;

/// Returns an image for tests of what happens to images.
#[cfg(test)]
pub(crate) fn test_image(program: Arc<[u8]>) -> Image {
    let run = tests::run();
    let layers = vec![
        base::layer().expect("it can be made"),
        Layer::of(
            vec![entry::Entry::file("my_agent", 0o755, program)],
            "the agent",
        )
        .expect("it can be made"),
    ];
    Image::assemble(&run, layers)
}
