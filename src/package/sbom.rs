//! What an artifact is made of, as a software bill of materials (CycloneDX 1.6, JSON). The same
//! artifact has the same bill on every machine: it contains no time and no random number.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::names::{distribution::normalized, image_reference::ImageReference};

/// The media type of a bill.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.cyclonedx+json";
/// The name of the file next to the artifact.
pub(crate) const FILE: &str = "sbom.cdx.json";

/// A part of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Component {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) origin: Origin,
}

/// Where a part comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// An installed Python distribution.
    Python,
    /// A package from crates.io.
    CratesIo,
    /// A package from a git repository.
    Git(String),
    /// A package on this machine, or in another registry.
    Unpublished,
    /// The base image, from this repository.
    Image(String),
}

/// What is not encoded in a package URL.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Returns the bill of an agent's artifact.
pub(crate) fn document(agent: &str, components: &BTreeSet<Component>) -> Vec<u8> {
    let components: Vec<Value> = components.iter().map(Component::value).collect();
    let bill = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": { "type": "application", "bom-ref": "agent", "name": agent },
        },
        "components": components,
    });
    let mut text = serde_json::to_vec_pretty(&bill).expect("it is plain data");
    text.push(b'\n');
    text
}

/// Returns the distributions whose records are among the paths of an archive.
pub(crate) fn distributions<'a>(paths: impl Iterator<Item = &'a str>) -> BTreeSet<Component> {
    paths
        .filter_map(super::distributions::of_record)
        .map(|(name, version)| Component {
            name: normalized(name),
            version: version.to_owned(),
            origin: Origin::Python,
        })
        .collect()
}

/// Returns the component for a base image, which has a digest.
pub(crate) fn base_image(base: &ImageReference) -> Component {
    Component {
        name: base.repository().to_owned(),
        version: base.wanted().to_owned(),
        origin: Origin::Image(format!("{}/{}", base.registry(), base.repository())),
    }
}

/// Returns the component for a package as cargo identifies it: `SOURCE#NAME@VERSION`, or
/// `SOURCE#VERSION` if the source ends with the name.
pub(crate) fn cargo_package(id: &str) -> Option<Component> {
    let (source, about) = id.rsplit_once('#')?;
    let place = source.split('?').next().unwrap_or(source);
    let (name, version) = about.split_once('@').unwrap_or_else(|| {
        let name = place.rsplit('/').next().unwrap_or_default();
        (name, about)
    });
    let origin = if source == "registry+https://github.com/rust-lang/crates.io-index" {
        Origin::CratesIo
    } else if source.starts_with("git+") {
        Origin::Git(place.to_owned())
    } else {
        Origin::Unpublished
    };
    Some(Component {
        name: name.to_owned(),
        version: version.to_owned(),
        origin,
    })
}

impl Component {
    fn value(&self) -> Value {
        let Self {
            name,
            version,
            origin,
        } = self;
        let kind = match origin {
            Origin::Image(_) => "container",
            Origin::Python | Origin::CratesIo | Origin::Git(_) | Origin::Unpublished => "library",
        };
        let mut value = json!({ "type": kind, "name": name, "version": version });
        match self.url() {
            Some(url) => {
                value["bom-ref"] = json!(url);
                value["purl"] = json!(url);
            }
            None => value["bom-ref"] = json!(format!("{name}@{version}")),
        }
        value
    }

    /// Returns the package URL. What is not published has none.
    fn url(&self) -> Option<String> {
        let encoded = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
        let Self {
            name,
            version,
            origin,
        } = self;
        let (kind, qualifier) = match origin {
            Origin::Python => ("pypi", None),
            Origin::CratesIo => ("cargo", None),
            Origin::Git(url) => ("cargo", Some(format!("vcs_url={}", encoded(url)))),
            Origin::Image(place) => ("oci", Some(format!("repository_url={}", encoded(place)))),
            Origin::Unpublished => return None,
        };
        let name = match origin {
            Origin::Image(_) => name.rsplit('/').next().unwrap_or(name),
            _ => name,
        };
        let qualifier = qualifier.map_or_else(String::new, |qualifier| format!("?{qualifier}"));
        Some(format!(
            "pkg:{kind}/{}@{}{qualifier}",
            encoded(name),
            encoded(version)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(components: impl IntoIterator<Item = Component>) -> Vec<String> {
        let components: BTreeSet<Component> = components.into_iter().collect();
        let bill: Value = serde_json::from_slice(&document("my_agent", &components)).unwrap();
        let components = bill["components"].as_array().unwrap();
        components
            .iter()
            .map(|component| component["bom-ref"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn installed_distributions_are_named_as_the_index_names_them() {
        let paths = [
            "yaml/__init__.py",
            "PyYAML-6.0.2.dist-info/RECORD",
            "torch-2.0+cpu.dist-info/RECORD",
            "vendored/other-1.0.dist-info/RECORD",
        ];
        assert_eq!(
            urls(distributions(paths.into_iter())),
            ["pkg:pypi/pyyaml@6.0.2", "pkg:pypi/torch@2.0%2Bcpu"]
        );
    }

    #[test]
    fn packages_of_cargo_are_named_with_their_source() {
        let ids = [
            "registry+https://github.com/rust-lang/crates.io-index#axum@0.8.9",
            "git+https://example.org/a/b?branch=main#c@0.1.0",
            "path+file:///home/me/my-agent#0.2.0",
            "registry+https://example.org/index#private@1.0.0",
        ];
        assert_eq!(
            urls(ids.into_iter().filter_map(cargo_package)),
            [
                "pkg:cargo/axum@0.8.9",
                "pkg:cargo/c@0.1.0?vcs_url=git%2Bhttps%3A%2F%2Fexample.org%2Fa%2Fb",
                "my-agent@0.2.0",
                "private@1.0.0",
            ]
        );
        assert_eq!(cargo_package("nothing"), None);
    }

    #[test]
    fn a_base_image_is_named_by_its_digest() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let base = ImageReference::parse("ghcr.io/a/python:3.13").unwrap();
        let url = urls([base_image(&base.pinned(&digest))]);
        let digits = "a".repeat(64);
        assert_eq!(
            url,
            [format!(
                "pkg:oci/python@sha256%3A{digits}?repository_url=ghcr.io%2Fa%2Fpython"
            )]
        );
    }
}
