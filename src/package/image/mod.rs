//! Container images, assembled without a container engine. Equal input gives equal bytes, and so an
//! equal digest, on every machine.

pub(crate) mod agent;
pub(crate) mod base;
pub(crate) mod builder;
pub(crate) mod built;
pub(crate) mod entry;
pub(crate) mod layer;
pub(crate) mod layout;
pub(crate) mod python;
pub(crate) mod stored;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use serde::{Deserialize, Serialize};
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

/// A layer in a file on this machine, which is not read into memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredLayer {
    pub(crate) digest: String,
    pub(crate) size: u64,
    pub(crate) path: PathBuf,
}

/// A finished image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) manifest: Blob,
    pub(crate) config: Blob,
    /// The lowest layers, if they are in files.
    pub(crate) stored: Vec<StoredLayer>,
    /// The layers above them.
    pub(crate) layers: Vec<Blob>,
}

/// What is known about a layer without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LayerOf<'a> {
    pub(crate) digest: &'a str,
    pub(crate) bytes: u64,
    /// From the image's history.
    pub(crate) made_by: String,
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
        let config = config(run, &layers);
        let layers = layers.into_iter().map(|layer| layer.blob).collect();
        Self::of(&config, Vec::new(), layers)
    }

    /// Makes the image that has this configuration and these layers, the lowest first.
    fn of(config: &Value, stored: Vec<StoredLayer>, layers: Vec<Blob>) -> Self {
        Self::with(Blob::new(config.to_string().into_bytes()), stored, layers)
    }

    /// Like [`Image::of`], with the configuration as it is stored.
    fn with(config: Blob, stored: Vec<StoredLayer>, layers: Vec<Blob>) -> Self {
        let descriptor = |media_type: &str, digest: &str, size: u64| json!({ "mediaType": media_type, "digest": digest, "size": size });
        let below = stored.iter().map(|layer| (&layer.digest, layer.size));
        let above = layers.iter().map(|blob| (&blob.digest, blob.size()));
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config.digest, config.size()),
            "layers": below
                .chain(above)
                .map(|(digest, size)| descriptor(LAYER, digest, size))
                .collect::<Vec<_>>(),
        });
        Self {
            manifest: Blob::new(manifest.to_string().into_bytes()),
            config,
            stored,
            layers,
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

    /// Returns the layers and the configuration that are in memory, each once.
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
        let stored: u64 = self.stored().iter().map(|layer| layer.size).sum();
        let blobs: u64 = self.blobs().iter().map(|blob| blob.size()).sum();
        stored + blobs + self.manifest.size()
    }

    /// Returns the layers in files, each once.
    pub(crate) fn stored(&self) -> Vec<&StoredLayer> {
        let mut seen = BTreeSet::new();
        self.stored
            .iter()
            .filter(|layer| seen.insert(&layer.digest))
            .collect()
    }

    /// Returns all layers, the lowest first.
    pub(crate) fn described(&self) -> Vec<LayerOf<'_>> {
        let config: Value = serde_json::from_slice(&self.config.bytes).unwrap_or_default();
        let history = config["history"].as_array().cloned().unwrap_or_default();
        let mut made_by = history
            .into_iter()
            .filter(|entry| entry["empty_layer"] != true)
            .map(|entry| entry["created_by"].as_str().unwrap_or_default().to_owned());
        let stored = self.stored.iter();
        let stored = stored.map(|layer| (layer.digest.as_str(), layer.size));
        let layers = self.layers.iter();
        stored
            .chain(layers.map(|blob| (blob.digest.as_str(), blob.size())))
            .map(|(digest, bytes)| LayerOf {
                digest,
                bytes,
                made_by: made_by.next().unwrap_or_default(),
            })
            .collect()
    }

    /// Returns the files in the layers in memory with their sizes, the lowest layer first.
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

/// Returns a message if the service does not accept an image of this size.
pub(crate) fn exceeded(size: u64) -> Option<Message> {
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
