//! What is there to link a binary for the service.

use std::{path::Path, process::Command};

use super::{Flags, configuration, dependencies};
use crate::{
    config::RustPackage,
    effects::{
        env,
        programs::{Checkout, Programs, run},
    },
    error::Failure,
    package::cargo::{
        route::{Download, Found, Gcc, ZIGBUILD},
        settings::BuiltFor,
    },
};

const MUSL_GCC: [&str; 2] = ["aarch64-linux-musl-gcc", "aarch64-unknown-linux-musl-gcc"];
/// Only compiles for the machine that it is on.
const NATIVE_MUSL_GCC: &str = "musl-gcc";
const GNU_GCC: [&str; 2] = ["aarch64-linux-gnu-gcc", "aarch64-unknown-linux-gnu-gcc"];

/// Looks at the toolchain, the configuration, the dependencies and the programs on PATH. `download`
/// is what the user allows uv to do.
pub(crate) fn observe(
    package: &RustPackage,
    workspace: &Path,
    flags: &Flags,
    download: Download,
) -> Result<Found, Failure> {
    let directory = package.directory();
    let triple = package.target.triple();
    let programs = Programs::outside(Checkout::around(workspace));
    let host = host(directory).ok_or_else(|| {
        Failure::world("cannot run `rustc`").help("install Rust from https://rustup.rs")
    })?;
    let cfgs = rustc(directory, &["--print", "cfg", "--target", triple]).unwrap_or_default();
    let target = BuiltFor::new(triple, &cfgs);
    configuration::refuse_native(directory, &target)?;
    let sysroot = rustc(directory, &["--print", "sysroot"]).unwrap_or_default();
    let rustlib = Path::new(sysroot.trim()).join("lib/rustlib");
    let has_std = rustlib.join(triple).join("lib").is_dir();
    let mut found = Found {
        target: package.target,
        has_std,
        has_rustup: programs.find("rustup").is_some(),
        toolchain: chosen_toolchain(directory, Path::new(sysroot.trim())),
        has_linker: configuration::has_linker(directory, &target),
        zigbuild: programs.find("cargo-zigbuild"),
        gcc: gcc(&programs, host.starts_with("aarch64-")),
        uv: programs.find("uv"),
        download,
        needs_c: Vec::new(),
        host,
    };
    if !has_std {
        return Ok(found);
    }
    let graph = dependencies::graph(package, flags)?;
    if let Some(path) = graph.system_openssl() {
        return Err(openssl(&path, triple));
    }
    found.needs_c = graph.needs_c();
    let is_linked = found.has_linker || found.zigbuild.is_some();
    if let Some(uv) = found.uv.as_ref().filter(|_| !is_linked) {
        let words = [
            "tool",
            "run",
            "--offline",
            "--from",
            ZIGBUILD,
            "cargo-zigbuild",
            "--version",
        ];
        let answer = run(&programs, &[uv], &words)?;
        if answer.is_some_and(|answer| answer.succeeded) {
            found.download = Download::Done;
        } else if flags.offline || programs.is_offline() {
            found.download = Download::Refused;
        }
    }
    Ok(found)
}

fn gcc(programs: &Programs, is_arm: bool) -> Gcc {
    let first = |names: &[&str]| {
        let mut names = names.iter();
        let found = names.find(|name| programs.find(name).is_some());
        found.map(|name| (*name).to_owned())
    };
    let native = is_arm.then(|| first(&[NATIVE_MUSL_GCC])).flatten();
    Gcc {
        musl: first(&MUSL_GCC).or(native),
        gnu: first(&GNU_GCC),
    }
}

/// Returns this machine's triple, as the package's toolchain has it.
pub(super) fn host(directory: &Path) -> Option<String> {
    let about = rustc(directory, &["-vV"])?;
    let line = about.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned)
}

/// Runs the rustc of the package's toolchain.
#[expect(clippy::disallowed_methods, reason = "rustc is started here")]
fn rustc(directory: &Path, words: &[&str]) -> Option<String> {
    let program = env::var("RUSTC").unwrap_or_else(|| "rustc".to_owned());
    let output = Command::new(program)
        .args(words)
        .current_dir(directory)
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}

/// Returns the toolchain's name if a file chooses it.
fn chosen_toolchain(directory: &Path, sysroot: &Path) -> Option<String> {
    let is_chosen = directory.ancestors().any(|above| {
        let files = ["rust-toolchain.toml", "rust-toolchain"];
        files.into_iter().any(|file| above.join(file).is_file())
    });
    let is_of_rustup = sysroot.parent()?.file_name()? == "toolchains";
    let name = sysroot.file_name()?.to_str()?;
    (is_chosen && is_of_rustup).then(|| name.to_owned())
}

fn openssl(path: &[String], triple: &str) -> Failure {
    Failure::config(format!(
        "`openssl-sys` needs an OpenSSL for `{triple}`, which this machine does not have"
    ))
    .note(format!("it is brought in by {}", path.join(" → ")))
    .help("use rustls instead (in reqwest: `default-features = false, features = [\"rustls\"]`), or add the feature `vendored` of `openssl`")
}
