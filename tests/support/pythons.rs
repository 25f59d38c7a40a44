//! What uv knows of the Python interpreters of this machine. It asks each of them once per cache, and
//! most tests have a cache of their own, so that takes longer than what they use uv for.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use super::bed;

/// Lets an empty cache share what uv knows of interpreters. `variable` reads the environment of a
/// command that may run the test bed's uv.
pub fn share(variable: impl Fn(&str) -> Option<OsString>) {
    let path = variable("PATH").unwrap_or_default();
    let has_uv = path
        .to_string_lossy()
        .contains(&*bed::directory().to_string_lossy());
    if !has_uv || variable("UV_CACHE_DIR").is_some() || variable("UV_NO_CACHE").is_some() {
        return;
    }
    let caches = variable("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(variable("HOME")?).join(".cache"));
    let Some(cache) = caches.or_else(home).map(|caches| caches.join("uv")) else {
        return;
    };
    if !cache.exists() && fs::create_dir_all(&cache).is_ok() {
        let shared = shared();
        let name = shared.file_name().expect("a folder in a cache");
        // Another run in the same home may be as fast.
        let _ = symlink(shared, cache.join(name));
    }
}

/// Returns the folder of interpreters in a cache that all tests share.
fn shared() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let cache = bed::directory().join("uv-pythons");
        let found = Command::new(bed::program(&bed::agents(), "uv"))
            .args(["python", "find", "--no-config", "--no-project", "--offline"])
            .arg("--cache-dir")
            .arg(&cache)
            .output();
        let found = found.expect("the test bed's uv starts");
        let entries = fs::read_dir(&cache).expect("uv makes its cache");
        entries
            .map(|entry| entry.expect("the cache is readable").path())
            // The name contains a version.
            .find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("interpreter-")
            })
            .unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&found.stderr)))
    })
}
