//! Builds `deployment.zip`: caches the dependencies per user and adds the agent's own files.

mod assembly;
mod build_record;
mod bytecode;
mod dependencies;
mod deployment_files;
mod excluded;
mod findings;
mod found_tools;
mod hashing_writer;
mod image_layers;
mod installation;
mod installer;
mod last_build;
mod layer_copy;
mod local_projects;
mod program_archive;
mod requirements;
mod resolution;
mod store;
mod tool_lookup;
mod writer;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

pub(crate) use self::assembly::entries;
pub(crate) use self::build_record::is_built;
pub(crate) use self::deployment_files::Shipped;
pub(crate) use self::deployment_files::observe as observe_folder;
use self::found_tools::Memory;
pub(crate) use self::image_layers::layers as image_layers;
pub(crate) use self::last_build::Last;
pub(crate) use self::last_build::last;
pub(crate) use self::last_build::last_archive;
pub(crate) use self::program_archive::write as write_program;
use crate::{
    config::{Bytecode, ExcludedPackage, Runtime},
    effects::{
        folder::Folder,
        programs::{Checkout, Programs},
    },
    error::{Failure, Message},
    package::{
        archive::Archive,
        composition::{Composition, Files},
        distributions::LeftOut,
    },
    python::Program,
};

/// What to build.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) agent: String,
    /// The workspace's root.
    pub(crate) root: PathBuf,
    /// The agent's own files.
    pub(crate) own: Composition,
    /// The Python files among them.
    pub(crate) program: Arc<Program>,
    /// Problems with them.
    pub(crate) problems: Vec<Message>,
    /// The name of the agent's package, if its sources are one.
    pub(crate) package: Option<String>,
    /// The entry point's path in the archive.
    pub(crate) entrypoint: String,
    pub(crate) requirements: Requirements,
    pub(crate) runtime: Runtime,
    pub(crate) bytecode: Bytecode,
    pub(crate) exclude_packages: Vec<ExcludedPackage>,
    /// Whether the archive is shipped as it is, so that it must be within the service's limits.
    pub(crate) shape: Shape,
    /// The folder for the archive and its description.
    pub(crate) output: Folder,
    pub(crate) reuse: Reuse,
    pub(crate) broken: Broken,
    pub(crate) limits: Limits,
}

/// In which form an archive is shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Archive,
    /// Its files are put into an image.
    Image,
}

/// Restrictions on installing dependencies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Download nothing.
    pub(crate) offline: bool,
    /// Install only pinned versions.
    pub(crate) locked: bool,
}

/// What to do with an agent whose code cannot start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    Refused,
    Shipped,
}

/// The agent's requirements file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirements {
    /// Its name in the agent's table.
    pub(crate) key: String,
    pub(crate) file: PathBuf,
}

/// Whether to use cached results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    Cache,
    Nothing,
}

/// Progress and messages of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// Another run is installing the same dependencies.
    Waiting,
    Installing {
        with: &'static str,
    },
    Compiling {
        python: String,
        files: usize,
    },
    Compressing {
        files: usize,
    },
    /// Output of the installer.
    Said(String),
    /// Why no compiled files are shipped.
    NotCompiled(String),
    Warning(Message),
    Note(Message),
}

pub(crate) type Say<'a> = &'a (dyn Fn(Event) + Sync);

/// The archive and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Built {
    pub(crate) archive: Archive,
    pub(crate) dependencies: Origin,
    pub(crate) dependency_files: usize,
    pub(crate) own_files: usize,
    pub(crate) unzipped: u64,
    pub(crate) compiled_by: Option<String>,
    pub(crate) left_out: Vec<LeftOut>,
}

/// Where the dependencies came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nothing is required.
    None,
    Cache,
    Installed,
    /// The last archive is still current.
    Archive,
}

/// The programs that may be run, and cached searches for them.
struct Search {
    programs: Programs,
    memory: Memory,
}

impl Search {
    fn outside(checkout: Checkout, request: &Request) -> Self {
        let mut programs = Programs::outside(checkout);
        if request.limits.offline {
            programs.stay_offline();
        }
        let around = tool_lookup::digest(&programs, request.runtime.as_str());
        let memory = found_tools::open(around, request.reuse);
        Self { programs, memory }
    }
}

/// Checks requirements as a build would. `root` is the workspace's.
pub(crate) fn check_requirements(file: &Path, root: &Path) -> Result<(), Failure> {
    requirements::observe(file, &Checkout::around(root)).map(|_| ())
}

/// What is shipped from the project itself, without dependencies.
#[derive(Debug, Clone)]
pub(crate) struct FromProject {
    /// Includes the required projects in the checkout.
    pub(crate) files: Files,
    /// A hash of every text, wheel and setting that affects the installation.
    pub(crate) requirements: String,
    /// The requirements files.
    pub(crate) requirements_files: BTreeSet<PathBuf>,
}

/// Reads what is shipped from the project, and writes nothing.
pub(crate) fn from_project(mut request: Request) -> Result<FromProject, Failure> {
    let checkout = Checkout::around(&request.root);
    let wanted = requirements::observe(&request.requirements.file, &checkout)?;
    local_projects::add(&mut request, &wanted.beside)?;
    let places = wanted.inputs.requirements.iter();
    let mut requirements_files: BTreeSet<PathBuf> =
        places.map(|(_, place)| place.file.clone()).collect();
    requirements_files.insert(wanted.file);
    Ok(FromProject {
        files: request.own.files,
        requirements: wanted.digest,
        requirements_files,
    })
}

/// Builds the archive; blocks until it is done.
pub(crate) fn build(request: &Request, say: Say<'_>) -> Result<Built, Failure> {
    let checkout = Checkout::around(&request.root);
    let mut wanted = requirements::observe(&request.requirements.file, &checkout)?;
    if request.limits.locked {
        requirements::lock_down(&mut wanted, request.runtime)?;
    }
    for warning in &wanted.warnings {
        say(Event::Warning(warning.clone()));
    }
    for warning in requirements::mismatches(&wanted.pythons, request.runtime) {
        say(Event::Warning(warning));
    }
    let mut request = request.clone();
    for warning in local_projects::add(&mut request, &wanted.beside)? {
        say(Event::Warning(warning));
    }
    let request = &request;
    if let Some(warning) = findings::unportable(request) {
        say(Event::Warning(warning));
    }
    let search = Search::outside(checkout, request);
    let python = match request.bytecode {
        Bytecode::Auto => bytecode::find(request.runtime, &search, say)?,
        Bytecode::Never => None,
    };
    let key = dependencies::key(
        &wanted,
        request.runtime,
        &request.exclude_packages,
        python.as_ref(),
        &search,
    )?;
    assembly::assemble(
        request,
        &dependencies::Parts {
            wanted: &wanted,
            key: &key,
            python: python.as_ref(),
            search: &search,
        },
        say,
    )
}
