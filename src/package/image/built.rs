//! An image that another program built: which of an archive's images it is, and whether the service
//! can run it.

use serde_json::Value;

use super::{Blob, Image, LAYER, StoredLayer, stored::for_service};
use crate::names::image_uri::is_digest;

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
}

/// The types of layers, in OCI's words and in Docker's.
const COMPRESSIONS: [(&str, Compression); 4] = [
    (LAYER, Compression::Gzip),
    (
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        Compression::Gzip,
    ),
    ("application/vnd.oci.image.layer.v1.tar", Compression::None),
    (
        "application/vnd.docker.image.rootfs.diff.tar",
        Compression::None,
    ),
];

/// The parts of an image in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    /// The digest of the configuration.
    pub(crate) config: String,
    /// The digests of the layers, the lowest first.
    pub(crate) layers: Vec<(String, Compression)>,
}

/// What a document of an archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Document {
    /// It leads to the document with this digest.
    Index(String),
    Image(Parts),
}

impl Document {
    /// Reads an index or a manifest.
    ///
    /// # Errors
    ///
    /// Fails with a text if there is no image for 64-bit ARM Linux, or if it cannot be used.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|error| format!("a manifest is not JSON: {error}"))?;
        if let Some(images) = value["manifests"].as_array() {
            // A single image may be listed without its platform.
            let only = match &images[..] {
                [only] if only["platform"].is_null() => only["digest"].as_str(),
                _ => None,
            };
            let found = match only.filter(|digest| is_digest(digest)) {
                Some(only) => Some(only.to_owned()),
                None => for_service(bytes)?,
            };
            let none = || "it has no image for 64-bit ARM Linux".to_owned();
            return found.map(Self::Index).ok_or_else(none);
        }
        let digest = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str();
            let digest = digest.filter(|digest| is_digest(digest));
            digest
                .map(str::to_owned)
                .ok_or("a manifest has an invalid digest")
        };
        let layers = value["layers"].as_array().map_or(&[][..], Vec::as_slice);
        let layers = layers
            .iter()
            .map(|layer| {
                let kind = layer["mediaType"].as_str().unwrap_or_default();
                let known = COMPRESSIONS.iter().find(|(name, _)| *name == kind);
                let (_, compression) = known.ok_or_else(|| {
                    format!("it has a layer of the type `{kind}`, and AgentCore reads layers compressed with gzip")
                })?;
                Ok((digest(layer)?, *compression))
            })
            .collect::<Result<_, String>>()?;
        Ok(Self::Image(Parts {
            config: digest(&value["config"])?,
            layers,
        }))
    }
}

/// Checks how an image runs. Returns what is only worth a warning.
///
/// # Errors
///
/// Fails with a text if the service cannot run the image.
pub(crate) fn check(config: &[u8], port: u16) -> Result<Option<String>, String> {
    let value: Value = serde_json::from_slice(config)
        .map_err(|error| format!("the image's configuration is not JSON: {error}"))?;
    let word = |name: &str| value[name].as_str().unwrap_or("unknown").to_owned();
    let (system, processor) = (word("os"), word("architecture"));
    if (system.as_str(), processor.as_str()) != ("linux", "arm64") {
        return Err(format!(
            "it is for {system}/{processor}, and AgentCore runs linux/arm64"
        ));
    }
    let run = &value["config"];
    let is_empty = |name: &str| run[name].as_array().is_none_or(Vec::is_empty);
    if is_empty("Entrypoint") && is_empty("Cmd") {
        return Err("it does not say which program to start".to_owned());
    }
    let Some(ports) = run["ExposedPorts"]
        .as_object()
        .filter(|ports| !ports.is_empty())
    else {
        return Ok(None);
    };
    let wanted = format!("{port}/tcp");
    if ports.contains_key(&wanted) || ports.contains_key(&port.to_string()) {
        return Ok(None);
    }
    let named: Vec<&str> = ports.keys().map(String::as_str).collect();
    Ok(Some(format!(
        "the Dockerfile exposes {}, and AgentCore calls the agent on port {port}",
        named.join(", ")
    )))
}

/// Puts an image together from its configuration and its compressed layers, the lowest first.
pub(crate) fn image(config: Vec<u8>, layers: Vec<StoredLayer>) -> Image {
    Image::with(Blob::new(config), layers, Vec::new())
}

/// Reads an image back from its own documents. `stored` returns the file of a layer.
pub(crate) fn read(
    manifest: &[u8],
    config: Vec<u8>,
    stored: impl Fn(&str, u64) -> Option<StoredLayer>,
) -> Option<Image> {
    let value: Value = serde_json::from_slice(manifest).ok()?;
    let layers = value["layers"].as_array()?.iter().map(|layer| {
        let digest = layer["digest"]
            .as_str()
            .filter(|digest| is_digest(digest))?;
        stored(digest, layer["size"].as_u64()?)
    });
    let read = image(config, layers.collect::<Option<_>>()?);
    // Anything else was written by another version.
    (*read.manifest.bytes == *manifest).then_some(read)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn digest(of: char) -> String {
        format!("sha256:{}", String::from(of).repeat(64))
    }

    fn parse(value: &Value) -> Result<Document, String> {
        Document::parse(value.to_string().as_bytes())
    }

    #[test]
    fn the_image_for_the_service_is_found_in_what_programs_write() {
        // As buildah and podman write it.
        let single = json!({ "manifests": [{ "digest": digest('a') }] });
        assert_eq!(parse(&single), Ok(Document::Index(digest('a'))));
        let of = |processor: &str, name: char| json!({ "digest": digest(name), "platform": { "os": "linux", "architecture": processor } });
        let several = json!({ "manifests": [of("amd64", 'a'), of("arm64", 'b')] });
        assert_eq!(parse(&several), Ok(Document::Index(digest('b'))));
        let other = json!({ "manifests": [of("amd64", 'a')] });
        assert!(parse(&other).is_err());
        assert!(parse(&json!({ "manifests": [] })).is_err());
        assert!(parse(&json!({ "manifests": [{ "digest": "../../etc" }] })).is_err());
    }

    #[test]
    fn layers_are_compressed_with_gzip_or_not_at_all() {
        let of = |kind: &str| {
            json!({
                "config": { "digest": digest('c') },
                "layers": [{ "mediaType": kind, "digest": digest('d') }],
            })
        };
        for (kind, expected) in [
            ("application/vnd.oci.image.layer.v1.tar", Compression::None),
            (
                "application/vnd.docker.image.rootfs.diff.tar",
                Compression::None,
            ),
            (LAYER, Compression::Gzip),
            (
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
                Compression::Gzip,
            ),
        ] {
            let parts = Parts {
                config: digest('c'),
                layers: vec![(digest('d'), expected)],
            };
            assert_eq!(parse(&of(kind)), Ok(Document::Image(parts)), "{kind}");
        }
        let refused = parse(&of("application/vnd.oci.image.layer.v1.tar+zstd"));
        assert!(refused.is_err_and(|what| what.contains("zstd")));
    }

    #[test]
    fn an_image_that_the_service_cannot_run_is_refused() {
        let with = |change: &dyn Fn(&mut Value)| {
            let mut config = json!({
                "os": "linux", "architecture": "arm64",
                "config": { "Cmd": ["/agent"], "ExposedPorts": { "8080/tcp": {} } },
            });
            change(&mut config);
            check(config.to_string().as_bytes(), 8080)
        };
        assert_eq!(with(&|_| {}), Ok(None));
        assert_eq!(
            with(&|config| config["config"]["ExposedPorts"] = json!({})),
            Ok(None)
        );
        let other = with(&|config| config["config"]["ExposedPorts"] = json!({ "80/tcp": {} }));
        assert!(other.is_ok_and(|warning| warning.is_some_and(|text| text.contains("80/tcp"))));
        assert!(with(&|config| config["architecture"] = json!("amd64")).is_err());
        assert!(with(&|config| config["os"] = json!("windows")).is_err());
        assert!(with(&|config| config["config"] = json!({ "Entrypoint": [] })).is_err());
    }
}
