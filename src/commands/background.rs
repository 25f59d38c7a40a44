//! Hidden commands: processes that this program starts from itself.

use std::{ffi::OsString, path::PathBuf};

use crate::{
    effects::local::{
        BUSY,
        agent::shim,
        data_plane::{self, Events, Setup},
        models::Models,
    },
    error::Failure,
    ui,
};

#[derive(Debug, clap::Subcommand)]
pub enum Background {
    #[command(name = crate::effects::local::DATA_PLANE, hide = true)]
    DataPlane(LocalAgentCore),
    #[command(name = crate::effects::local::SHIM, hide = true)]
    Agent(LocalAgent),
    #[command(name = crate::effects::local::BOUND, hide = true)]
    Bound(LocalBound),
}

/// The local AgentCore of a project, in the background
#[derive(Debug, clap::Args)]
pub struct LocalAgentCore {
    /// Where it keeps its files
    #[arg(long)]
    directory: PathBuf,
    /// The Python of ministack's installation
    #[arg(long)]
    python: PathBuf,
    /// The workspace's root
    #[arg(long)]
    workspace: PathBuf,
    /// By which it is recognized
    #[arg(long)]
    nonce: String,
    /// The port of last time
    #[arg(long)]
    port: Option<u16>,
    /// End with the command that started it
    #[arg(long)]
    guest: bool,
    /// What answers for the models of Bedrock
    #[arg(long, default_value = "emulator")]
    models: String,
    #[arg(long)]
    explicit_profile: Option<String>,
    #[arg(long)]
    metadata_profile: Option<String>,
}

/// An agent's process and all that it starts, until the pipe at stdin closes
#[derive(Debug, clap::Args)]
pub struct LocalAgent {
    program: OsString,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// An agent's process, killed when its parent ends
#[derive(Debug, clap::Args)]
pub struct LocalBound {
    parent: u32,
    program: OsString,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Runs the command and returns its exit code.
pub async fn run(command: Background) -> Result<u8, Failure> {
    match command {
        Background::DataPlane(args) => {
            let LocalAgentCore {
                directory,
                python,
                workspace,
                nonce,
                port,
                guest,
                models,
                explicit_profile,
                metadata_profile,
            } = args;
            let models = Models::read(&models, explicit_profile, metadata_profile)
                .map_err(Failure::usage)?;
            let setup = Setup {
                directory,
                python,
                workspace,
                nonce,
                port,
                guest,
                models,
            };
            // Its stderr is its log file.
            let served = data_plane::run(setup, Events::new(|event| ui::log(&event))).await?;
            Ok(if served { 0 } else { BUSY })
        }
        Background::Agent(LocalAgent { program, args }) => shim::run(&program, &args).await,
        Background::Bound(LocalBound {
            parent,
            program,
            args,
        }) => Err(shim::become_bound(parent, &program, &args)),
    }
}
