//! Parses manifests into the wanted configuration, or into all problems at once.
//!
//! Decides what the metadata means. Independent of files, environment and AWS: texts are passed in
//! as values, and problems are returned as [`crate::error::Message`]s with spans.

mod agent;
mod artifact;
mod authorizer;
mod caller;
mod excluded;
mod image;
mod layer;
mod layout;
mod load;
mod local;
mod model;
pub(crate) mod permission;
mod read;
mod resource;
mod role;
mod runtime;
mod rust;
pub(crate) mod selection;
pub(crate) mod settings;
pub(crate) mod variable;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

pub use artifact::Artifact;
pub(crate) use artifact::PROGRAM_ENTRY;
pub use authorizer::Authorizer;
pub use caller::Caller;
pub use excluded::ExcludedPackage;
pub use image::Dockerfile;
pub use layout::{ImportName, Layout};
pub(crate) use load::{DECLARE, declared_projects, default_role, load_with, none_declared};
pub use load::{Manifest, Stage, load};
pub use local::{Local, LocalModels};
pub use model::{GEOGRAPHIES, Model};
pub(crate) use permission::PUBLIC_PARAMETERS;
pub use permission::{Access, Allowed, Permission, QueueAccess};
pub(crate) use resource::{Link, PartAgent, PartFile};
pub use resource::{Part, Resource, ResourceKind, ServiceRole};
pub use role::{ManagedPolicy, RoleArn, RoleSettings};
pub use runtime::Runtime;
pub use rust::{CargoPackage, RustPackage, Target};
use serde::Serialize;
pub use settings::Settings;

use crate::names::{
    AccountId, AgentName, ProjectId, Region, RuntimeName, StageName,
    image_reference::ImageReference, image_uri::ImageUri,
};

/// Every agent in the manifests, with the layers of one stage applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Sorted by name, without duplicates.
    pub agents: Vec<Agent>,
    /// What the user should know about an agent, in one line.
    pub notes: BTreeMap<AgentName, String>,
    /// Warnings about a valid configuration, sorted by position.
    pub warnings: Vec<crate::error::Message>,
    /// Why the service would refuse an agent. A warning, or an error if the agent must run there.
    pub refused: BTreeMap<AgentName, crate::error::Message>,
    /// Why a stage cannot be used with an agent: its tables do not declare the stage.
    pub unstaged: BTreeMap<AgentName, crate::error::Message>,
    pub declared: Declared,
}

/// All names and places in the metadata, not only those of the current command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declared {
    pub agents: BTreeSet<AgentName>,
    pub stages: BTreeSet<StageName>,
    pub regions: BTreeSet<Region>,
    /// The deployment folders, with their parent directories.
    pub deployments: BTreeSet<PathBuf>,
    /// The names of the agents' packages.
    pub packages: BTreeSet<ImportName>,
    /// The resources that tables declare, whether or not an agent uses them.
    pub resources: Vec<Resource>,
}

impl Declared {
    /// Returns true if a runtime has the name of one of these agents, with one of these stages or
    /// without a stage.
    pub fn knows(&self, runtime: &str) -> bool {
        self.agents.iter().any(|agent| {
            runtime.strip_prefix(agent.as_str()).is_some_and(|rest| {
                let staged = rest.strip_prefix('_');
                rest.is_empty()
                    || staged.is_some_and(|rest| self.stages.iter().any(|s| s.as_str() == rest))
            })
        })
    }
}

/// The table's scope: `[workspace.metadata.agentcore]` or `[package.metadata.agentcore]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableScope {
    Workspace,
    Package,
}

/// An agent with all layers merged and the defaults applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    pub name: AgentName,
    /// The agent's name, or `<agent>_<stage>` with a stage.
    pub runtime_name: RuntimeName,
    pub project: ProjectId,
    pub stage: Option<StageName>,
    /// The table that declares the agent.
    pub scope: TableScope,
    /// The directory of the manifest that declares the agent; paths below are relative to it.
    pub dir: PathBuf,
    pub language: Language,
    pub artifact: Artifact,
    /// The image that the agent's image starts from; `None` for the default one.
    pub base_image: Option<ImageReference>,
    /// What is built with `artifact = "dockerfile"`, and `None` with any other artifact.
    pub dockerfile: Option<Dockerfile>,
    /// An existing image that runs instead of a built one. From a command or a deployed runtime,
    /// never from the metadata.
    pub image: Option<ImageUri>,
    /// The agent's own sources, relative to `dir`.
    pub source: PathBuf,
    /// Where the sources are in the archive.
    pub layout: Layout,
    /// Patterns of data files that are shipped despite ignore rules.
    pub include: Vec<String>,
    /// The folder of other shipped files, relative to `dir`.
    pub deployment: Option<PathBuf>,
    /// The entry point's path in the archive.
    pub entrypoint: String,
    /// The requirements file, relative to the deployment folder or in the sources.
    pub requirements: String,
    pub runtime: Runtime,
    pub bytecode: Bytecode,
    /// Distributions that the requirements install and the archive leaves out.
    pub exclude_packages: Vec<ExcludedPackage>,
    pub models: Vec<Model>,
    pub permissions: Vec<Permission>,
    /// The declared resources that the permissions refer to.
    pub resources: Vec<Resource>,
    pub env: BTreeMap<String, String>,
    pub lifecycle: Lifecycle,
    pub network: Network,
    pub protocol: Protocol,
    pub authorizer: Option<Authorizer>,
    pub header_allowlist: Vec<String>,
    pub description: Option<String>,
    /// `None` keeps the runtime's platform, or uses the service's default for a new one.
    pub platform: Option<Platform>,
    /// The callers from other accounts.
    pub callers: BTreeSet<Caller>,
    /// Other members of the service's document of the runtime, including the platform.
    pub settings: Settings,
    /// From the metadata only; options and the AWS configuration are applied when the session is
    /// opened.
    pub region: Option<Region>,
    pub account: Option<AccountId>,
    pub profile: Option<String>,
    /// The user's tags for all created resources.
    pub tags: BTreeMap<String, String>,
    /// The tags of the project's table, without those of agents and stages, for shared resources.
    pub shared_tags: BTreeMap<String, String>,
    pub role: RoleSettings,
    pub local: Local,
}

impl Agent {
    /// Returns true if the agent runs from a container image.
    pub fn has_image(&self) -> bool {
        self.artifact != Artifact::Zip || self.image.is_some()
    }

    /// Returns true if what is shipped is made from Python sources.
    pub(crate) fn ships_sources(&self) -> bool {
        self.rust().is_none() && self.image.is_none() && self.dockerfile.is_none()
    }

    /// Returns the Dockerfile that the agent's image is built from, unless an existing image runs.
    pub(crate) fn builds_dockerfile(&self) -> Option<&Dockerfile> {
        self.dockerfile.as_ref().filter(|_| self.image.is_none())
    }

    /// Makes the agent run from an existing image.
    pub(crate) fn run_from(&mut self, image: ImageUri) {
        self.image = Some(image);
    }

    /// Returns the directory of the sources.
    pub fn source_dir(&self) -> PathBuf {
        // Drops `.` components.
        self.dir.join(&self.source).components().collect()
    }

    /// Returns the package of a Rust agent.
    pub fn rust(&self) -> Option<&RustPackage> {
        match &self.language {
            Language::Python => None,
            Language::Rust(package) => Some(package),
        }
    }

    /// Returns the folder of other shipped files.
    pub fn deployment_dir(&self) -> Option<PathBuf> {
        Some(self.dir.join(self.deployment.as_ref()?))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Language {
    Python,
    Rust(Box<RustPackage>),
}

/// Whether to ship compiled Python files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bytecode {
    /// If a Python of the runtime's version is available.
    #[default]
    Auto,
    Never,
}

/// Times in seconds; `None` is the service's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lifecycle {
    pub idle_timeout: Option<u32>,
    pub max_lifetime: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Network {
    #[default]
    Public,
    Vpc {
        subnets: Vec<String>,
        security_groups: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    #[default]
    Http,
    Mcp,
    A2a,
    Agui,
}

impl Protocol {
    pub(crate) const ALL: [Self; 4] = [Self::Http, Self::Mcp, Self::A2a, Self::Agui];

    /// Returns the name in the table and on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Mcp => "mcp",
            Self::A2a => "a2a",
            Self::Agui => "agui",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|protocol| protocol.word() == text)
    }

    pub fn service_name(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Mcp => "MCP",
            Self::A2a => "A2A",
            Self::Agui => "AGUI",
        }
    }
}

/// The platform that runs an agent. V2 starts the agent once and begins every session from a
/// snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    V1,
    V2,
}

impl Platform {
    pub(crate) const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// Returns the value in the table.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }

    pub(crate) fn service_name(self) -> &'static str {
        match self {
            Self::V1 => "V1",
            Self::V2 => "V2",
        }
    }

    /// Returns `None` for a platform that this version does not support.
    pub(crate) fn of_service(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|platform| platform.service_name().eq_ignore_ascii_case(name))
    }
}
