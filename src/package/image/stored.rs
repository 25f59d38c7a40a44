//! An image as a registry describes it: what to fetch and how to run it.

use serde_json::Value;

use super::{CONFIG, LAYER, MANIFEST};
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
    /// The digest of the configuration.
    pub(crate) config: String,
    /// The digests of the layers, the lowest first.
    pub(crate) layers: Vec<String>,
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
        let digest = |descriptor: &Value| {
            descriptor["digest"]
                .as_str()
                .filter(|digest| is_digest(digest))
                .map(str::to_owned)
                .ok_or_else(|| "the image's manifest has an invalid digest".to_owned())
        };
        let layers = value["layers"].as_array().map_or(&[][..], Vec::as_slice);
        let layers = layers
            .iter()
            .map(|layer| match canonical(&layer["mediaType"]) {
                LAYER => digest(layer),
                other => Err(format!(
                    "the image has a layer of the type `{other}`, and only layers compressed with gzip can be unpacked"
                )),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            config: digest(&value["config"])?,
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
        Ok(Self {
            architecture: text("architecture"),
            system: text("os"),
            command,
            environment: environment.collect(),
            directory: (!directory.is_empty()).then(|| directory.to_owned()),
        })
    }
}

fn canonical(media_type: &Value) -> &str {
    let given = media_type.as_str().unwrap_or_default();
    let known = DOCKERS.iter().find(|(theirs, _)| *theirs == given);
    known.map_or(given, |(_, ours)| ours)
}
