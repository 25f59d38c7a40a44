//! The command-line options that several commands share.

use std::path::PathBuf;

use clap::{Args, ColorChoice, ValueEnum};

use crate::{
    config::selection::Asked,
    names::{AgentName, EndpointUrl, Region, StageName},
};

/// What every command understands.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Terminal options")]
pub struct Terminal {
    /// Use verbose output, including the values of variables (-vv also logs requests to AWS)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Print only warnings, errors and the requested output
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Control when to use colors
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        env = "CARGO_AGENTCORE_COLOR",
        default_value = "auto"
    )]
    pub color: ColorChoice,
}

/// Which project, and which of its agents.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Project options")]
pub struct Project {
    /// Path to Cargo.toml
    #[arg(long, value_name = "PATH", env = "CARGO_AGENTCORE_MANIFEST_PATH")]
    pub manifest_path: Option<PathBuf>,
    /// Agents to use, from any package (repeatable or comma-separated)
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = NamedAgent::parse)]
    pub agent: Vec<NamedAgent>,
    /// Use the agents of these packages [default: the current package's, as in cargo]
    #[arg(short, long, value_name = "SPEC", conflicts_with = "workspace")]
    pub package: Vec<String>,
    /// Use the agents of all packages in the workspace
    #[arg(long)]
    pub workspace: bool,
    /// Exclude the agents of these packages
    #[arg(long, value_name = "SPEC", requires = "workspace")]
    pub exclude: Vec<String>,
    /// Stage from Cargo.toml, such as `prod`
    #[arg(long, value_name = "STAGE", env = "CARGO_AGENTCORE_STAGE", value_parser = StageName::from_option)]
    pub stage: Option<StageName>,
}

/// An agent named by the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAgent {
    pub given: String,
    /// The name with hyphens replaced by underscores, as `new` does it.
    pub name: AgentName,
}

impl Project {
    /// Returns the same project, without the selection of agents and of a stage.
    #[must_use]
    pub fn of_any_agent(self) -> Self {
        Self {
            agent: Vec::new(),
            stage: None,
            ..self
        }
    }

    /// Returns the package selection.
    pub fn asked(&self) -> Asked {
        Asked {
            packages: self.package.clone(),
            workspace: self.workspace,
            exclude: self.exclude.clone(),
            by_agent: !self.agent.is_empty(),
        }
    }
}

impl NamedAgent {
    fn parse(text: &str) -> Result<Self, String> {
        let name = AgentName::from_option(&text.replace('-', "_"))?;
        Ok(Self {
            given: text.to_owned(),
            name,
        })
    }
}

/// Which AWS.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "AWS options")]
pub struct Aws {
    /// Profile from the AWS configuration; overrides credentials in the environment
    #[arg(long, value_name = "NAME", env = "CARGO_AGENTCORE_PROFILE")]
    pub profile: Option<String>,
    /// AWS region
    #[arg(long, value_name = "REGION", env = "CARGO_AGENTCORE_REGION", value_parser = Region::read_option)]
    pub region: Option<Region>,
    /// Send every request to this address instead of AWS
    #[arg(long, value_name = "URL", env = "CARGO_AGENTCORE_ENDPOINT_URL", value_parser = EndpointUrl::from_option)]
    pub endpoint_url: Option<EndpointUrl>,
    /// Use the local AgentCore on this machine; needs no account and no credentials
    #[arg(long)]
    pub local: bool,
}

/// The token for runtimes that accept no signed requests.
#[derive(Debug, Clone, Args)]
pub struct Bearer {
    /// JWT for a runtime with an authorizer; the variable keeps it out of the process list
    #[arg(
        long,
        value_name = "JWT",
        env = "CARGO_AGENTCORE_BEARER_TOKEN",
        hide_env_values = true
    )]
    bearer_token: Option<String>,
}

impl Bearer {
    /// Returns the token as given. An empty variable counts as none.
    pub fn given(&self) -> Option<&str> {
        self.bearer_token.as_deref().filter(|text| !text.is_empty())
    }
}

/// The options that point the run somewhere, if its command has them.
#[derive(Debug, Clone, Default)]
pub struct Lead {
    pub project: Option<Project>,
    pub aws: Option<Aws>,
}

/// Output format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    #[default]
    Text,
    Json,
}

/// Whether the plan is carried out.
#[derive(Debug, Clone, Args)]
pub struct Applying {
    /// Show what would be done without doing it
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Like `--dry-run`, and exit with 5 if anything would change
    #[arg(long)]
    pub check: bool,
}

impl Applying {
    pub fn changes_nothing(&self) -> bool {
        self.dry_run || self.check
    }
}
