//! Builds the binaries of Rust agents with cargo. This runs code of the checkout: its build scripts
//! and macros, and what its cargo configuration names.
#![expect(
    clippy::disallowed_methods,
    reason = "cargo and rustc are started here, and their files are read"
)]

mod configuration;
mod dependencies;
mod observation;
mod sources;

use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
};

use cargo_metadata::{Message, camino::Utf8PathBuf};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

use self::sources::depends_on_everything;
pub(crate) use self::{
    dependencies::local_packages,
    observation::observe,
    sources::{LocalPackage, MadeFrom, Sources, Watched, below, since},
};
use super::{env, files};
use crate::{
    config::RustPackage,
    error::Failure,
    package::cargo::route::{Route, ZIGBUILD},
    text::hex,
};

/// What a build is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// The service: the agent's target and profile.
    Service,
    /// This machine: cargo's defaults.
    ThisMachine,
}

/// Options that are passed to cargo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) locked: bool,
    pub(crate) offline: bool,
    pub(crate) features: Vec<String>,
    pub(crate) jobs: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) quiet: bool,
}

/// A built binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binary {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    pub(crate) sha256: String,
    /// `None` if cargo does not say.
    pub(crate) made_from: Option<MadeFrom>,
    /// The IDs of the packages that were compiled for the agent's target. Empty for a build for this
    /// machine, which also has what build scripts and macros need.
    pub(crate) packages: BTreeSet<String>,
}

/// Builds the binary, and returns where cargo put it. cargo prints to stderr itself.
pub(crate) async fn run(
    package: &RustPackage,
    purpose: For,
    route: &Route,
    flags: &Flags,
) -> Result<Binary, Failure> {
    let (program, first) = program(route);
    let mut command = Command::new(&program);
    command
        .args(first)
        .args(words(package, purpose, flags, has_default_target(package)))
        .current_dir(package.directory())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .envs(&package.env)
        .envs(variables(package, route))
        .kill_on_drop(true);
    let shown = program.to_string_lossy().into_owned();
    let failed = |error: std::io::Error| Failure::world(format!("cannot run `{shown}`: {error}"));
    let mut child = command.spawn().map_err(failed)?;
    let mut told = Told::default();
    if let Some(stdout) = child.stdout.take() {
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await.map_err(failed)? {
            told.hear(&line, package);
        }
    }
    let status = child.wait().await.map_err(failed)?;
    if !status.success() {
        return Err(
            Failure::world(format!("cargo cannot build `{}` ({status})", package.bin))
                .note("cargo's messages are above"),
        );
    }
    let Told {
        executable,
        whole,
        packages,
    } = told;
    let path = executable.ok_or_else(|| {
        Failure::world(format!("cargo did not say where it put `{}`", package.bin))
    })?;
    let bytes = files::read_bytes(&path)?;
    Ok(Binary {
        made_from: MadeFrom::of(&path, whole),
        path,
        size: bytes.len() as u64,
        sha256: hex(&Sha256::digest(&bytes)),
        packages,
    })
}

/// Returns cargo, or what runs in its place.
fn program(route: &Route) -> (PathBuf, Vec<OsString>) {
    let words = |words: &[&str]| words.iter().map(OsString::from).collect();
    match route {
        Route::Cargo | Route::Gcc(_) | Route::RustLld => (cargo(), words(&["build"])),
        Route::Zigbuild(program) => (program.clone(), words(&["zigbuild"])),
        Route::ZigbuildOfUv { uv, asks: _ } => (
            uv.clone(),
            words(&[
                "tool",
                "run",
                "--from",
                ZIGBUILD,
                "cargo-zigbuild",
                "zigbuild",
            ]),
        ),
    }
}

/// Returns the cargo that runs this program, or the one on PATH.
fn cargo() -> PathBuf {
    env::var("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// Returns cargo's arguments after the subcommand.
fn words(
    package: &RustPackage,
    purpose: For,
    flags: &Flags,
    has_default_target: bool,
) -> Vec<OsString> {
    let Flags {
        locked,
        offline,
        features,
        jobs,
        profile,
        quiet,
    } = flags;
    let mut words: Vec<OsString> = vec!["--manifest-path".into(), package.manifest.clone().into()];
    let mut option = |name: &str, value: &str| {
        words.push(name.into());
        words.push(value.into());
    };
    option("--bin", &package.bin);
    option("--message-format", "json-render-diagnostics");
    let profile = match purpose {
        For::Service => {
            option("--target", package.target.triple());
            let own = profile.as_ref().or(package.profile.as_ref());
            Some(own.map_or("release", String::as_str))
        }
        For::ThisMachine => {
            // The configuration's target may be for another machine.
            if has_default_target && let Some(host) = observation::host(package.directory()) {
                option("--target", &host);
            }
            profile.as_deref()
        }
    };
    if let Some(profile) = profile {
        option("--profile", profile);
    }
    let all: Vec<&str> = package
        .features
        .iter()
        .chain(features)
        .map(String::as_str)
        .collect();
    if !all.is_empty() {
        option("--features", &all.join(","));
    }
    if let Some(jobs) = jobs {
        option("--jobs", jobs);
    }
    let switches = [
        (*locked, "--locked"),
        (*offline, "--offline"),
        (*quiet, "--quiet"),
    ];
    let given = switches.into_iter().filter(|(is_given, _)| *is_given);
    words.extend(given.map(|(_, name)| name.into()));
    words
}

/// Returns true if cargo's configuration names a target.
fn has_default_target(package: &RustPackage) -> bool {
    configuration::default_target(package.directory()).is_some()
}

/// Returns the variables that select the route's linker.
fn variables(package: &RustPackage, route: &Route) -> Vec<(String, String)> {
    let triple = package.target.triple();
    let linker = format!("CARGO_TARGET_{}_LINKER", configuration::in_variable(triple));
    match route {
        Route::Gcc(program) => vec![
            (linker, program.clone()),
            (format!("CC_{}", triple.replace('-', "_")), program.clone()),
        ],
        Route::RustLld => vec![(linker, "rust-lld".to_owned())],
        Route::Cargo | Route::Zigbuild(_) | Route::ZigbuildOfUv { .. } => Vec::new(),
    }
}

/// What cargo's messages tell about a build.
#[derive(Default)]
struct Told {
    /// The path of the agent's binary.
    executable: Option<PathBuf>,
    /// The IDs of packages that are built again after a change to any of their files.
    whole: Vec<String>,
    /// The IDs of packages that were compiled for the service's target.
    packages: BTreeSet<String>,
}

impl Told {
    fn hear(&mut self, line: &str, package: &RustPackage) {
        match serde_json::from_str(line) {
            Ok(Message::CompilerArtifact(artifact)) => {
                let is_agent = artifact.manifest_path.as_std_path() == package.manifest
                    && artifact.target.is_bin()
                    && artifact.target.name == package.bin;
                // The target's files are in a folder of its name, and those for this machine are not.
                let triple = package.target.triple();
                let is_for = |file: &Utf8PathBuf| file.iter().any(|part| part == triple);
                if artifact.filenames.iter().any(is_for) {
                    self.packages.insert(artifact.package_id.repr.clone());
                }
                if let Some(path) = artifact.executable.filter(|_| is_agent) {
                    self.executable = Some(path.into_std_path_buf());
                }
            }
            Ok(Message::BuildScriptExecuted(script))
                if depends_on_everything(script.out_dir.as_std_path()) =>
            {
                self.whole.push(script.package_id.repr);
            }
            _ => {}
        }
    }
}

/// Reads a binary.
pub(crate) fn content(binary: &Path) -> Result<Vec<u8>, Failure> {
    Ok(files::read_bytes(binary)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Target;

    fn package() -> RustPackage {
        RustPackage {
            package: "my-agent".to_owned(),
            manifest: "/p/Cargo.toml".into(),
            bin: "serve".to_owned(),
            features: vec!["otel".to_owned()],
            profile: None,
            target: Target::Musl,
            env: BTreeMap::new(),
        }
    }

    fn said(purpose: For, flags: &Flags) -> String {
        let words = words(&package(), purpose, flags, false);
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    #[test]
    fn what_is_only_compiled_for_this_machine_is_not_in_the_binary() {
        let mut told = Told::default();
        for (id, kind, file) in [
            (
                "registry+x#axum@0.8.9",
                "lib",
                "/t/aarch64-unknown-linux-musl/release/deps/libaxum.rmeta",
            ),
            ("registry+x#cc@1.2.0", "lib", "/t/release/deps/libcc.rmeta"),
            (
                "registry+x#serde_derive@1.0.0",
                "proc-macro",
                "/t/release/deps/libserde_derive.so",
            ),
        ] {
            let message = serde_json::json!({
                "reason": "compiler-artifact", "package_id": id, "manifest_path": "/x/Cargo.toml",
                "target": {
                    "kind": [kind], "crate_types": [kind], "name": "x", "src_path": "/x/lib.rs",
                    "edition": "2024", "doc": true, "doctest": true, "test": true,
                },
                "profile": {
                    "opt_level": "3", "debuginfo": null, "debug_assertions": false,
                    "overflow_checks": false, "test": false,
                },
                "features": [], "filenames": [file], "executable": null, "fresh": true,
            });
            told.hear(&message.to_string(), &package());
        }
        let compiled: Vec<String> = told.packages.into_iter().collect();
        assert_eq!(compiled, ["registry+x#axum@0.8.9"]);
    }

    #[test]
    fn cargo_gets_the_target_of_the_service_and_the_users_options() {
        let start =
            "--manifest-path /p/Cargo.toml --bin serve --message-format json-render-diagnostics";
        assert_eq!(
            said(For::Service, &Flags::default()),
            format!(
                "{start} --target aarch64-unknown-linux-musl --profile release --features otel"
            )
        );
        assert_eq!(
            said(For::ThisMachine, &Flags::default()),
            format!("{start} --features otel")
        );
        let flags = Flags {
            locked: true,
            offline: true,
            features: vec!["more".to_owned()],
            jobs: Some("2".to_owned()),
            profile: Some("small".to_owned()),
            quiet: true,
        };
        assert_eq!(
            said(For::ThisMachine, &flags),
            format!(
                "{start} --profile small --features otel,more --jobs 2 --locked --offline --quiet"
            )
        );
    }

    #[test]
    fn the_linker_is_chosen_with_cargos_own_variables() {
        let route = Route::Gcc("aarch64-linux-musl-gcc".to_owned());
        let names: Vec<String> = variables(&package(), &route)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            names,
            [
                "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER",
                "CC_aarch64_unknown_linux_musl"
            ]
        );
    }
}
