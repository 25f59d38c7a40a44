//! What a Rust agent was built from, and the files to watch for its next build.

use std::{collections::BTreeMap, path::PathBuf};

use crate::{
    config::{Agent, RustPackage},
    effects::cargo_build::{self, LocalPackage, Sources, Watched},
    project::building::{self, CargoOptions},
    ui::Ui,
};

/// What a Rust agent was built from and what runs.
#[derive(Default)]
pub(crate) struct Build {
    pub(super) options: building::Options,
    pub(super) watched: Watched,
    pub(super) last: Option<Inputs>,
    /// The hash of the running binary, with what it was started with.
    pub(super) running: Option<(String, BTreeMap<String, String>, Agent)>,
}

/// Everything that determines how the agent runs.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Inputs {
    pub(super) sources: Sources,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) agent: Agent,
}

impl Build {
    pub(crate) fn new(cargo: CargoOptions) -> Self {
        Self {
            options: building::Options {
                cargo,
                ..building::Options::default()
            },
            ..Self::default()
        }
    }

    /// Returns the directories to watch.
    pub(crate) fn roots(&self, package: &RustPackage) -> Vec<PathBuf> {
        match &self.watched.packages[..] {
            [] => vec![package.directory().to_owned()],
            packages => packages
                .iter()
                .map(|local| local.directory.clone())
                .collect(),
        }
    }

    /// Returns the files to watch.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let last = self.last.iter();
        last.flat_map(|last| last.sources.keys().cloned())
    }

    /// Looks again which packages the binary is built from, if a manifest changed.
    pub(super) fn find_packages(&mut self, package: &RustPackage, sources: &Sources, ui: &Ui) {
        let of_manifests = |sources: &Sources| -> Sources {
            let files = sources
                .iter()
                .filter(|(path, _)| path.ends_with("Cargo.toml"));
            files.map(|(path, about)| (path.clone(), *about)).collect()
        };
        let before = self.last.as_ref().map(|last| of_manifests(&last.sources));
        if before != Some(of_manifests(sources)) {
            let found = cargo_build::local_packages(package, &self.options.flags(ui));
            // cargo itself reports what is wrong when it builds.
            self.watched.packages = found.unwrap_or_else(|_| {
                vec![LocalPackage {
                    id: String::new(),
                    directory: package.directory().to_owned(),
                }]
            });
        }
    }
}
