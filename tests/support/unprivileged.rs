//! Runs the binary as an unprivileged user if the tests run as root, because root can write
//! everywhere.
//!
//! That user cannot read root's home, which contains the toolchain and perhaps the checkout, so the
//! two programs that a run needs, this tool and cargo, are copied to a readable directory.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, lchown},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use tempfile::TempDir;

const NOBODY: u32 = 65534;

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Returns a command that runs the binary as nobody, who gets everything under `root`.
pub fn command(root: &Path) -> Command {
    as_nobody("cargo-agentcore", root)
}

/// Returns a command that runs `cargo-agentcore`, `cargo` or any program that everyone can execute
/// as nobody, who gets everything under `root`.
pub fn as_nobody(program: &str, root: &Path) -> Command {
    give_to_nobody(root);
    let programs = programs();
    let mut command = Command::new("setpriv");
    command
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--no-new-privs",
            "--",
        ])
        .arg(programs.join(program))
        .env(
            "PATH",
            format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display()),
        )
        .env("HOME", root.join("home"))
        .env_remove("CARGO_HOME")
        .env_remove("RUSTUP_HOME");
    command
}

fn programs() -> PathBuf {
    static PROGRAMS: OnceLock<TempDir> = OnceLock::new();
    PROGRAMS
        .get_or_init(|| {
            let directory = tempfile::tempdir().unwrap();
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
            // Cargo sets this to the real program instead of rustup's proxy.
            let cargo = std::env::var_os("CARGO").expect("cargo runs the tests");
            place(
                Path::new(env!("CARGO_BIN_EXE_cargo-agentcore")),
                &directory.path().join("cargo-agentcore"),
            );
            place(Path::new(&cargo), &directory.path().join("cargo"));
            directory
        })
        .path()
        .to_owned()
}

/// Creates a hard link if possible, because these files are large.
fn place(program: &Path, at: &Path) {
    if fs::hard_link(program, at).is_err() {
        fs::copy(program, at).unwrap();
    }
}

fn give_to_nobody(path: &Path) {
    let metadata = fs::symlink_metadata(path).unwrap();
    if metadata.uid() != NOBODY {
        lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give_to_nobody(&entry.unwrap().path());
        }
    }
}
