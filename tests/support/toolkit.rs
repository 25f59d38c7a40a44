//! The Python toolkit's command line, run as `prepare` prints it.

use std::{path::Path, process::Command};

use super::bed;

/// Runs a printed line as a user would paste it, with the test bed's toolkit. Returns its output.
#[track_caller]
pub fn shell(line: &str, directory: &Path, home: &Path) -> String {
    let agents = bed::agents().join("bin");
    let path = format!("{}:{}", agents.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(directory)
        .env_remove("AWS_PROFILE")
        .env("PATH", path)
        .env("HOME", home)
        .env("UV_CACHE_DIR", bed::directory().join("uv-cache"))
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "`{line}` failed:\n{said}");
    said
}
