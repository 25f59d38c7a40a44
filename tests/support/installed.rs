//! The emulator of the local AgentCore, installed once for the tests that are about something else.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use super::{Cli, Project, wheels::with_uv};

/// Puts the installed emulator into a cache of the tool.
pub fn emulator_into(cache: &Path) {
    fs::create_dir_all(cache).unwrap();
    let copies = |how: &str| {
        let copy = Command::new("cp")
            .arg(how)
            .args([emulator(), cache.to_owned()])
            .output();
        copy.unwrap().status.success()
    };
    // Linked files only work on the same file system.
    assert!(copies("-al") || copies("-a"), "{}", cache.display());
}

/// Returns the folder of the installed emulator.
fn emulator() -> PathBuf {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED
        .get_or_init(|| {
            let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
            let project = Project::new().agent("one");
            for word in ["start", "stop"] {
                with_uv(Cli::new(&project))
                    .env("CARGO_AGENTCORE_CACHE_DIR", &cache)
                    .args(["local", word])
                    .run()
                    .succeeds();
            }
            folder_in(&cache)
        })
        .clone()
}

/// Returns the emulator's folder in a cache.
pub fn folder_in(cache: &Path) -> PathBuf {
    let entries = fs::read_dir(cache).unwrap();
    entries
        .map(|entry| entry.unwrap())
        .find(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().starts_with("ministack-") && entry.path().is_dir()
        })
        .unwrap()
        .path()
}
