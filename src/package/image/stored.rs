//! An image as a registry describes it: what to fetch and how to run it.

use serde_json::Value;

use super::{CONFIG, LAYER, MANIFEST, python::PYTHON};
use crate::names::image_uri::is_digest;

/// Media types that mean the same in Docker's words.
const DOCKERS: [(&str, &str); 3] = [
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        MANIFEST,
    ),
    ("application/vnd.docker.container.image.v1+json", CONFIG),
    ("application/vnd.docker.image.rootfs.diff.tar.gzip", LAYER),
];

/// A manifest that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) config: Descriptor,
    /// The lowest first.
    pub(crate) layers: Vec<Descriptor>,
}

/// What a manifest says about content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Descriptor {
    pub(crate) digest: String,
    pub(crate) size: u64,
}

/// Returns the digest of the image for 64-bit ARM Linux in an index of images for several
/// platforms; `None` if the document is the manifest of a single image.
///
/// # Errors
///
/// Fails with a text if the index has no such image.
pub(crate) fn for_service(bytes: &[u8]) -> Result<Option<String>, String> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| format!("the image's manifest is not JSON: {error}"))?;
    let Some(images) = value["manifests"].as_array() else {
        return Ok(None);
    };
    let is_wanted = |image: &&Value| {
        let platform = &image["platform"];
        let variant = platform["variant"].as_str().unwrap_or_default();
        platform["os"] == "linux"
            && platform["architecture"] == "arm64"
            && ["", "v8"].contains(&variant)
    };
    let found = images.iter().find(is_wanted);
    let digest = found.and_then(|image| image["digest"].as_str());
    match digest.filter(|digest| is_digest(digest)) {
        Some(digest) => Ok(Some(digest.to_owned())),
        None => Err("it has no image for 64-bit ARM Linux".to_owned()),
    }
}

/// How an image runs, as its configuration says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) architecture: String,
    pub(crate) system: String,
    /// The entry point and its arguments.
    pub(crate) command: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) directory: Option<String>,
    /// The version of Python for an image that only runs in the local AgentCore, such as `3.13`.
    pub(crate) python: Option<String>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// Fails with a text if it is an index or has layers that this version cannot unpack.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| format!("the image's manifest is not JSON: {error}"))?;
        if value["manifests"].is_array() {
            return Err(
                "it is an index of images for several platforms, and only a single image can run"
                    .to_owned(),
            );
        }
        let read = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str();
            let digest = digest
                .filter(|digest| is_digest(digest))
                .ok_or("the image's manifest has an invalid digest")?;
            Ok::<_, String>(Descriptor {
                digest: digest.to_owned(),
                size: descriptor["size"].as_u64().unwrap_or_default(),
            })
        };
        let layers = value["layers"].as_array().map_or(&[][..], Vec::as_slice);
        let layers = layers
            .iter()
            .map(|layer| match canonical(&layer["mediaType"]) {
                LAYER => read(layer),
                other => Err(format!(
                    "the image has a layer of the type `{other}`, and only layers compressed with gzip can be unpacked"
                )),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            config: read(&value["config"])?,
            layers,
        })
    }
}

impl Settings {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| format!("the image's configuration is not JSON: {error}"))?;
        let run = &value["config"];
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let strings = |value: &Value| -> Vec<String> {
            let list = value.as_array().map_or(&[][..], Vec::as_slice);
            let texts = list.iter().filter_map(Value::as_str);
            texts.map(str::to_owned).collect()
        };
        let mut command = strings(&run["Entrypoint"]);
        command.extend(strings(&run["Cmd"]));
        if command.is_empty() {
            return Err("the image does not say which program to start".to_owned());
        }
        let environment = strings(&run["Env"]).into_iter().filter_map(|variable| {
            let (name, value) = variable.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        });
        let directory = run["WorkingDir"].as_str().unwrap_or_default();
        let python = run["Labels"][PYTHON].as_str().map(str::to_owned);
        Ok(Self {
            architecture: text("architecture"),
            system: text("os"),
            command,
            environment: environment.collect(),
            directory: (!directory.is_empty()).then(|| directory.to_owned()),
            python,
        })
    }
}

fn canonical(media_type: &Value) -> &str {
    let given = media_type.as_str().unwrap_or_default();
    let known = DOCKERS.iter().find(|(theirs, _)| *theirs == given);
    known.map_or(given, |(_, ours)| ours)
}
