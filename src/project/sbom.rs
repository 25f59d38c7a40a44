//! Writes what an artifact is made of next to it.

use std::{collections::BTreeSet, path::PathBuf};

use crate::{
    config::Agent,
    effects::{self, folder::Folder, packaging::Built},
    error::Failure,
    names::image_reference::ImageReference,
    package::sbom::{self, Component},
};

/// A software bill of materials that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sbom {
    pub(crate) path: PathBuf,
    pub(crate) content: Vec<u8>,
}

/// Writes the bill of a Python agent: what is installed, and the base image if there is one.
pub(crate) fn of_python(
    agent: &Agent,
    built: &Built,
    base: Option<&ImageReference>,
    output: &Folder,
) -> Result<Sbom, Failure> {
    let entries = effects::packaging::entries(&built.archive.path)?;
    let paths = entries.iter().map(|entry| entry.path.as_str());
    let mut components = sbom::distributions(paths);
    components.extend(base.map(sbom::base_image));
    write(agent, &components, output)
}

/// Writes the bill of a Rust agent: what cargo compiled for its target.
pub(crate) fn of_rust(
    agent: &Agent,
    packages: &BTreeSet<String>,
    output: &Folder,
) -> Result<Sbom, Failure> {
    let packages = packages.iter();
    let components = packages.filter_map(|id| sbom::cargo_package(id)).collect();
    write(agent, &components, output)
}

fn write(
    agent: &Agent,
    components: &BTreeSet<Component>,
    output: &Folder,
) -> Result<Sbom, Failure> {
    let content = sbom::document(agent.name.as_str(), components);
    output.write(sbom::FILE, &content)?;
    Ok(Sbom {
        path: output.path().join(sbom::FILE),
        content,
    })
}
