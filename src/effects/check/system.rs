//! Observes a running agent: its files, its descriptors and the processes it leaves behind.
#![expect(
    clippy::disallowed_methods,
    reason = "the system tells of processes in files, and the agent's folder is looked through"
)]

use std::{collections::BTreeMap, path::Path, time::SystemTime};

/// The files in a folder by path, with size and modification time.
pub(super) type Tree = BTreeMap<String, (u64, Option<SystemTime>)>;

/// Returns all files below a folder, except those that Python itself writes.
pub(super) fn tree(folder: &Path) -> Tree {
    let mut found = BTreeMap::new();
    add(folder, "", &mut found);
    found
}

fn add(folder: &Path, prefix: &str, found: &mut Tree) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let Ok(about) = entry.metadata() else {
            continue;
        };
        if name == "__pycache__" {
            continue;
        }
        if about.is_dir() {
            add(&entry.path(), &format!("{path}/"), found);
        } else {
            found.insert(path, (about.len(), about.modified().ok()));
        }
    }
}

/// Returns the number of descriptors that the processes have open.
#[cfg(target_os = "linux")]
pub(super) fn descriptors(pids: &[u32]) -> usize {
    let open = pids
        .iter()
        .map(|pid| std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count));
    open.sum()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn descriptors(_pids: &[u32]) -> usize {
    0
}

/// Returns the process's command line.
#[cfg(target_os = "linux")]
pub(super) fn command(pid: u32) -> String {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    command.trim().chars().take(60).collect()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn command(_pid: u32) -> String {
    String::new()
}
