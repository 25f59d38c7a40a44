//! The packages of a build, as cargo resolves them.

use std::collections::BTreeMap;

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, PackageId, Target};

use super::{Flags, sources::LocalPackage};
use crate::{
    config::RustPackage,
    error::{Exit, Failure},
    package::cargo::graph::{Graph, Node},
};

/// Returns the packages that the agent's binary is built from for the service.
pub(super) fn graph(package: &RustPackage, flags: &Flags) -> Result<Graph, Failure> {
    let platform = ["--filter-platform", package.target.triple()].map(str::to_owned);
    let metadata = metadata(package, flags, platform.to_vec())?;
    let Some(resolve) = &metadata.resolve else {
        return Ok(Graph::default());
    };
    let ids = resolve.nodes.iter().enumerate();
    let places: BTreeMap<&PackageId, usize> = ids.map(|(place, node)| (&node.id, place)).collect();
    let about: BTreeMap<&PackageId, &cargo_metadata::Package> = metadata
        .packages
        .iter()
        .map(|package| (&package.id, package))
        .collect();
    let nodes = resolve.nodes.iter().map(|node| {
        let of_kind = |kind: DependencyKind| {
            let deps = node.deps.iter();
            let deps = deps.filter(move |dep| dep.dep_kinds.iter().any(|found| found.kind == kind));
            deps.filter_map(|dep| places.get(&dep.pkg).copied())
                .collect()
        };
        let about = about.get(&node.id);
        Node {
            name: about.map_or_else(String::new, |package| package.name.to_string()),
            is_macro: about.is_some_and(|about| about.targets.iter().any(Target::is_proc_macro)),
            normal: of_kind(DependencyKind::Normal),
            build: of_kind(DependencyKind::Build),
        }
    });
    let nodes: Vec<Node> = nodes.collect();
    let root = metadata
        .packages
        .iter()
        .find(|found| found.manifest_path.as_std_path() == package.manifest)
        .and_then(|found| places.get(&found.id).copied());
    Ok(Graph {
        root: root.unwrap_or(nodes.len()),
        nodes,
    })
}

/// Returns the packages in directories that the binary is built from: the agent's and its path
/// dependencies.
pub(crate) fn local_packages(
    package: &RustPackage,
    flags: &Flags,
) -> Result<Vec<LocalPackage>, Failure> {
    let metadata = metadata(package, flags, Vec::new())?;
    let nodes = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes);
    let nodes: BTreeMap<&PackageId, _> = nodes.map(|node| (&node.id, node)).collect();
    let local: BTreeMap<&PackageId, &cargo_metadata::Package> = metadata
        .packages
        .iter()
        .filter(|package| package.source.is_none())
        .map(|package| (&package.id, package))
        .collect();
    let root = local
        .values()
        .find(|found| found.manifest_path.as_std_path() == package.manifest);
    let mut open: Vec<&PackageId> = root.map(|found| &found.id).into_iter().collect();
    let mut found: Vec<&PackageId> = Vec::new();
    while let Some(id) = open.pop() {
        if found.contains(&id) {
            continue;
        }
        found.push(id);
        let next = nodes
            .get(id)
            .into_iter()
            .flat_map(|node| &node.dependencies);
        open.extend(next.filter(|next| local.contains_key(next)));
    }
    let packages = found.into_iter().filter_map(|id| {
        let manifest = local.get(id)?.manifest_path.as_std_path();
        Some(LocalPackage {
            id: id.repr.clone(),
            directory: manifest.parent()?.to_owned(),
        })
    });
    Ok(packages.collect())
}

fn metadata(
    package: &RustPackage,
    flags: &Flags,
    mut options: Vec<String>,
) -> Result<Metadata, Failure> {
    let switches = [(flags.locked, "--locked"), (flags.offline, "--offline")];
    let given = switches.into_iter().filter(|(is_given, _)| *is_given);
    options.extend(given.map(|(_, name)| name.to_owned()));
    let features: Vec<String> = package
        .features
        .iter()
        .chain(&flags.features)
        .cloned()
        .collect();
    let mut command = MetadataCommand::new();
    command
        .manifest_path(&package.manifest)
        .current_dir(package.directory())
        .other_options(options);
    // The features of one package can only be named in its own directory.
    if !features.is_empty() {
        command.features(CargoOpt::SomeFeatures(features));
    }
    for (name, value) in &package.env {
        command.env(name, value);
    }
    command.exec().map_err(|error| match error {
        cargo_metadata::Error::CargoMetadata { stderr } => {
            let said = stderr.trim();
            Failure::new(
                Exit::World,
                said.strip_prefix("error: ").unwrap_or(said).to_owned(),
            )
            .note("`cargo metadata` resolves the dependencies")
        }
        other => Failure::world(format!("cannot run `cargo metadata`: {other}")),
    })
}
