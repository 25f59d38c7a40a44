//! Agents that are deployed as container images: in the local AgentCore, where they run, and in an
//! emulator, where another tool reads what was pushed.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod arm64;
#[cfg(unix)]
mod code_build;
#[cfg(unix)]
mod code_build_kills;
mod dockerfile;
mod existing;
mod local;
mod python;
mod registry;
mod replacement;
mod service;
mod zip;

use crate::support::{self, Project};

const AGENT: &str = include_str!("agent.rs");

/// A package without dependencies that is an agent.
fn package() -> Project {
    Project::new()
        .file(
            "Cargo.toml",
            "[package]\nname = \"my-agent\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [package.metadata.agentcore]\nproject = \"shop-7k2qpx\"\nregion = \"us-east-1\"\n\
             env = { MOOD = \"fine\" }\n",
        )
        .file("src/main.rs", AGENT)
}
