//! The emulator's private virtual environment, in the user's cache.
#![expect(
    clippy::disallowed_methods,
    reason = "programs are run and files are written here"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::{Progress, VERSION};
use crate::{
    effects::{
        env,
        files::{self, FileError},
    },
    error::Failure,
};

/// Everything that is installed, with versions and hashes.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The interpreter that the emulator runs in; installed on first use.
pub(super) fn python(say: &(dyn Fn(Progress) + Sync)) -> Result<PathBuf, Failure> {
    let cache = cache_dir()?;
    let digest = files::hash(REQUIREMENTS.as_bytes());
    let home = cache.join(format!("ministack-{VERSION}-{}", &digest[..12]));
    let python = interpreter(&home);
    if python.exists() {
        return Ok(python);
    }
    let _turn = files::lock(&cache.join("ministack.lock"), || say(Progress::Waiting))?;
    if python.exists() {
        return Ok(python);
    }
    say(Progress::Installing { into: home.clone() });
    // Made aside and renamed when it is whole: a killed run leaves nothing that looks finished.
    let partial = cache.join(format!("ministack-{VERSION}-partial"));
    files::remove_tree(&partial)?;
    install(&partial).inspect_err(|_| {
        // The next run begins anew either way.
        let _ = files::remove_tree(&partial);
    })?;
    fs::rename(&partial, &home).map_err(|error| FileError::new("rename", &partial, error))?;
    Ok(python)
}

fn interpreter(home: &Path) -> PathBuf {
    if cfg!(windows) {
        home.join("Scripts").join("python.exe")
    } else {
        home.join("bin").join("python")
    }
}

fn cache_dir() -> Result<PathBuf, Failure> {
    let given = env::var("CARGO_AGENTCORE_CACHE_DIR").map(PathBuf::from);
    let home = || env::home_dir();
    let found = given.or_else(|| {
        if cfg!(windows) {
            env::var("LOCALAPPDATA").map(|local| PathBuf::from(local).join("cargo-agentcore"))
        } else if cfg!(target_os = "macos") {
            home().map(|home| home.join("Library/Caches/cargo-agentcore"))
        } else {
            env::var("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
                .or_else(|| home().map(|home| home.join(".cache")))
                .map(|cache| cache.join("cargo-agentcore"))
        }
    });
    let cache = found.ok_or_else(|| {
        Failure::world("there is no place for the emulator: no home directory is known")
            .help("set CARGO_AGENTCORE_CACHE_DIR to a directory")
    })?;
    files::create_dir_all(&cache)?;
    Ok(cache)
}

fn install(home: &Path) -> Result<(), Failure> {
    let requirements = home.with_extension("txt");
    files::write_atomic(
        &requirements,
        home.parent().unwrap_or(home),
        REQUIREMENTS.as_bytes(),
        false,
    )?;
    let python = interpreter(home);
    if answers("uv", &["--version"]) {
        run(Command::new("uv")
            .args(["venv", "--quiet", "--no-project", "--python", ">=3.10"])
            .arg(home))?;
        run(Command::new("uv")
            .args([
                "pip",
                "install",
                "--quiet",
                "--require-hashes",
                "--compile-bytecode",
                "--python",
            ])
            .arg(&python)
            .arg("-r")
            .arg(&requirements))?;
        return Ok(());
    }
    let Some(base) = base_python() else {
        return Err(Failure::world("the emulator of `--local` needs uv, or Python 3.10 or later, and neither is on PATH")
            .help("install uv (`pip install uv`, or see docs.astral.sh/uv), or Python with its `venv` module"));
    };
    run(Command::new(base).args(["-m", "venv"]).arg(home))?;
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "-r",
        ])
        .arg(&requirements))
}

/// A Python that is new enough.
fn base_python() -> Option<&'static str> {
    let check = "import sys; sys.exit(sys.version_info < (3, 10))";
    ["python3", "python"]
        .into_iter()
        .find(|name| answers(name, &["-c", check]))
}

fn answers(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .output()
        .is_ok_and(|output| output.status.success())
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = format!("{command:?}");
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(Output { stderr, .. }) => Err(Failure::world(
            "the emulator of `--local` cannot be installed",
        )
        .note(format!("{shown} failed"))
        .note(String::from_utf8_lossy(&stderr).trim().to_owned())),
        Err(error) => Err(Failure::world(format!("cannot run {shown}: {error}"))),
    }
}
