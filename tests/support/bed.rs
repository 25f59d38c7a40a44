//! The Python programs for the tests: two virtual environments under `target/test-bed`, created
//! once from the pinned requirements in this directory and shared by all test processes.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use sha2::{Digest, Sha256};

/// The virtual environment with ministack, moto and a compatible boto3.
pub fn emulators() -> PathBuf {
    static READY: OnceLock<PathBuf> = OnceLock::new();
    READY
        .get_or_init(|| {
            environment(
                "emulators",
                "requirements-emulators.txt",
                include_str!("requirements-emulators.txt"),
            )
        })
        .clone()
}

/// A user's virtual environment: the bedrock-agentcore SDK, the starter toolkit (`agentcore`),
/// strands, anthropic, boto3, ruff, mypy and uv.
pub fn agents() -> PathBuf {
    static READY: OnceLock<PathBuf> = OnceLock::new();
    READY
        .get_or_init(|| {
            environment(
                "agents",
                "requirements-agents.txt",
                include_str!("requirements-agents.txt"),
            )
        })
        .clone()
}

/// Returns the path of a program in a virtual environment.
pub fn program(environment: &Path, name: &str) -> PathBuf {
    if cfg!(windows) {
        environment.join("Scripts").join(format!("{name}.exe"))
    } else {
        environment.join("bin").join(name)
    }
}

/// Returns PATH with the agents' uv first.
pub fn path_with_uv() -> std::ffi::OsString {
    let mut path = std::ffi::OsString::from(agents().join("bin"));
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    path
}

/// Returns the directory for everything that the tests keep between runs. Unit tests, which also
/// use it, find it from their own path `<target>/<profile>/deps`.
pub fn directory() -> PathBuf {
    let target = match option_env!("CARGO_TARGET_TMPDIR") {
        Some(temporary) => Path::new(temporary).parent().map(Path::to_owned),
        None => std::env::current_exe()
            .ok()
            .and_then(|test| test.ancestors().nth(3).map(Path::to_owned)),
    };
    target
        .expect("the tests run inside a target directory")
        .join("test-bed")
}

fn environment(name: &str, file: &str, requirements: &str) -> PathBuf {
    let digest = Sha256::digest(requirements.as_bytes());
    let key: String = digest[..6].iter().map(|b| format!("{b:02x}")).collect();
    let bed = directory();
    let path = bed.join(format!("{name}-{key}"));
    let ready = path.join("ready");
    fs::create_dir_all(&bed).unwrap();
    let lock = File::create(bed.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    // The marker is not enough, because the interpreter may be gone.
    if !ready.exists() || !program(&path, "python").exists() {
        if path.exists() {
            fs::remove_dir_all(&path).unwrap();
        }
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/support")
            .join(file);
        make(&path, &file);
        fs::write(&ready, "").unwrap();
    }
    path
}

fn make(path: &Path, requirements: &Path) {
    let with_uv = [
        vec!["venv", "--quiet", "--no-project"],
        // Most programs are started without writing bytecode, so they would compile it at each start.
        vec![
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--compile-bytecode",
        ],
    ];
    let mut uv = Command::new("uv");
    uv.args(&with_uv[0])
        .arg("--python")
        .arg("python3")
        .arg(path);
    let mut install = Command::new("uv");
    install
        .args(&with_uv[1])
        .arg("--python")
        .arg(program(path, "python"))
        .arg("--requirement")
        .arg(requirements);
    // pip's configuration may contain an index that uv does not know, so pip is the fallback.
    if succeeds(&mut uv) && succeeds(&mut install) {
        return;
    }
    if path.exists() {
        fs::remove_dir_all(path).unwrap();
    }
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .arg(path)
        .output();
    match made {
        Err(error) => panic!(
            "the tests need Python 3.10 or later as `python3` on PATH: {error}; install it and run them again"
        ),
        Ok(made) if !made.status.success() => panic!(
            "`python3 -m venv` failed; install the venv module (Debian: `apt-get install python3-venv`):\n{}{}",
            String::from_utf8_lossy(&made.stdout),
            String::from_utf8_lossy(&made.stderr)
        ),
        Ok(_) => {}
    }
    let installed = Command::new(program(path, "python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--requirement",
        ])
        .arg(requirements)
        .output()
        .expect("the interpreter that was just made runs");
    assert!(
        installed.status.success(),
        "cannot install {}:\n{}{}",
        requirements.display(),
        String::from_utf8_lossy(&installed.stdout),
        String::from_utf8_lossy(&installed.stderr)
    );
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
