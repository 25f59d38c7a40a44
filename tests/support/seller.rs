//! The project of the tests of `dev` and `local`, whose agent `seller` needs only Python.

use std::{
    path::Path,
    process::{Command, Stdio},
};

pub const MANIFEST: &str = r#"
[workspace]
[workspace.metadata.agentcore]
project = "shop-7k2qpx"

[workspace.metadata.agentcore.agents.seller]
source = "seller"
deployment = "deployment"
env = { FROM_TABLE = "table" }
"#;

/// What the agents' entry points import as `server`.
pub const SERVER: &str = include_str!("agent_server.py");

/// Returns a command in this directory, without the user's AWS variables.
pub fn agentcore(directory: &Path, cache: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(snapbox::cmd::cargo_bin!("cargo-agentcore"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    command
        .arg("agentcore")
        .args(arguments)
        .current_dir(directory)
        .env_remove("CARGO_TARGET_DIR")
        .env("CARGO_AGENTCORE_CACHE_DIR", cache)
        .env("CARGO", env!("CARGO"))
        .stdin(Stdio::null());
    command
}

/// Returns the processes that name this folder in their command.
#[cfg(target_os = "linux")]
pub fn processes(folder: &Path) -> Vec<u32> {
    use std::fs;

    let folder = folder.to_string_lossy();
    let all = fs::read_dir("/proc").unwrap();
    let pids = all.filter_map(|entry| entry.unwrap().file_name().to_string_lossy().parse().ok());
    pids.filter(|pid: &u32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&*folder)
    })
    .collect()
}
