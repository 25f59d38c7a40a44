//! Processes started by an agent. All of them inherit the path of the file in which it reports its
//! sockets.
#![expect(
    clippy::disallowed_methods,
    reason = "the system's list of processes is read"
)]

use std::path::Path;

/// Returns the processes of the agent that reports its sockets in this file.
pub(in crate::effects) fn processes(listening: &Path) -> Vec<u32> {
    found(&format!("{}\0", listening.display()))
}

/// Kills what agents in this folder left running. Only necessary if an agent's wrapper and the
/// process that started it were killed at the same time.
pub(in crate::effects) fn end_all_below(folder: &Path) {
    let path = format!("{}{}", folder.display(), std::path::MAIN_SEPARATOR);
    found(&path).into_iter().for_each(end);
}

/// Returns the processes that inherited a path with this prefix.
#[cfg(target_os = "linux")]
fn found(path: &str) -> Vec<u32> {
    let mark = format!("CARGO_AGENTCORE_LISTENING={path}");
    let Ok(all) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = all
        .flatten()
        .filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    pids.filter(|pid| {
        // The environment of other users' processes is not readable.
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let mut variables = environment.split_inclusive(|byte| *byte == 0);
        variables.any(|variable| variable.starts_with(mark.as_bytes()))
    })
    .collect()
}

#[cfg(not(target_os = "linux"))]
fn found(_path: &str) -> Vec<u32> {
    Vec::new()
}

/// Kills a process that an agent left behind.
#[cfg(unix)]
pub(in crate::effects) fn end(pid: u32) {
    use rustix::process::{Pid, Signal, kill_process};

    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may already have ended.
        let _ = kill_process(pid, Signal::KILL);
    }
}

#[cfg(not(unix))]
pub(in crate::effects) fn end(_pid: u32) {}
