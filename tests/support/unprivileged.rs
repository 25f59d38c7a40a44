//! The binary as a user with no rights, where the tests run as root: to root nothing is read-only.
//!
//! That user cannot look into root's home, where the toolchain and perhaps the checkout are, so the
//! two programs that a run needs, ours and cargo, are put where everyone can execute them.

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

/// A command that runs the binary as nobody, to whom everything under `root` is given.
pub fn command(root: &Path) -> Command {
    as_nobody("cargo-agentcore", root)
}

/// A command that runs `cargo-agentcore`, `cargo` or any program that everyone can execute as nobody,
/// to whom everything under `root` is given.
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
            // Cargo tells its tests which cargo it is; that is the program, not rustup's proxy.
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

/// A second name where the file system allows it: these files are large.
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
