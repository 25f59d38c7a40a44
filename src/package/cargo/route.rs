//! Chooses what links a binary for the service.

use std::path::PathBuf;

use crate::{config::Target, error::Failure};

/// The version of cargo-zigbuild that uv fetches.
pub(crate) const ZIGBUILD: &str = "cargo-zigbuild==0.24.1";
/// What uv downloads for it, with the Zig compiler.
pub(crate) const DOWNLOAD: &str = "101 MB";

/// What the machine has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Found {
    /// The triple of this machine, such as `x86_64-unknown-linux-gnu`.
    pub(crate) host: String,
    pub(crate) target: Target,
    /// True if the target's standard library is installed.
    pub(crate) has_std: bool,
    pub(crate) has_rustup: bool,
    /// The toolchain's name in rustup, if the project chooses one.
    pub(crate) toolchain: Option<String>,
    /// True if cargo's configuration names a linker for the target.
    pub(crate) has_linker: bool,
    /// cargo-zigbuild on PATH.
    pub(crate) zigbuild: Option<PathBuf>,
    pub(crate) gcc: Gcc,
    pub(crate) uv: Option<PathBuf>,
    pub(crate) download: Download,
    /// The packages that compile C code for the target.
    pub(crate) needs_c: Vec<String>,
}

/// The C compilers on PATH, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Gcc {
    /// One that compiles for 64-bit ARM with musl.
    pub(crate) musl: Option<String>,
    /// One that compiles for 64-bit ARM with glibc.
    pub(crate) gnu: Option<String>,
}

/// Whether uv may download cargo-zigbuild.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Download {
    /// It is already there.
    Done,
    Allowed,
    /// The user must be asked.
    Ask,
    #[default]
    Refused,
}

/// What links the binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// What cargo is configured to use, or its default.
    Cargo,
    /// This C compiler, for linking and for C code.
    Gcc(String),
    /// cargo-zigbuild on PATH.
    Zigbuild(PathBuf),
    /// cargo-zigbuild run by this uv.
    ZigbuildOfUv { uv: PathBuf, asks: bool },
    /// The linker that comes with Rust.
    RustLld,
}

impl Route {
    /// Returns what links, for messages.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Cargo => "cargo's own linker".to_owned(),
            Self::Gcc(program) => program.clone(),
            Self::Zigbuild(_) => "cargo-zigbuild".to_owned(),
            Self::ZigbuildOfUv { .. } => "cargo-zigbuild through uv".to_owned(),
            Self::RustLld => "rust-lld".to_owned(),
        }
    }
}

/// Chooses the route: what the user configured, then what is there, then what can be fetched.
pub(crate) fn choose(found: &Found) -> Result<Route, Failure> {
    if !found.has_std {
        return Err(without_std(found));
    }
    if found.has_linker {
        return Ok(Route::Cargo);
    }
    let is_musl = found.target == Target::Musl;
    let needs_c = !found.needs_c.is_empty();
    if found.host.starts_with("aarch64-") && found.host.contains("-linux-") {
        match &found.gcc.musl {
            Some(gcc) if is_musl && needs_c => return Ok(Route::Gcc(gcc.clone())),
            // The C code of a static binary must not be compiled for glibc.
            None if is_musl && needs_c => {}
            _ => return Ok(Route::Cargo),
        }
    }
    if let Some(zigbuild) = &found.zigbuild {
        return Ok(Route::Zigbuild(zigbuild.clone()));
    }
    let gcc = match found.target {
        Target::Gnu => &found.gcc.gnu,
        Target::Musl if found.gcc.musl.is_none() && !needs_c => &found.gcc.gnu,
        Target::Musl => &found.gcc.musl,
    };
    if let Some(gcc) = gcc {
        return Ok(Route::Gcc(gcc.clone()));
    }
    match (&found.uv, found.download) {
        (Some(uv), Download::Done | Download::Allowed) => Ok(Route::ZigbuildOfUv {
            uv: uv.clone(),
            asks: false,
        }),
        (Some(uv), Download::Ask) => Ok(Route::ZigbuildOfUv {
            uv: uv.clone(),
            asks: true,
        }),
        (_, _) if is_musl && !needs_c => Ok(Route::RustLld),
        (uv, _) => Err(without_linker(found, uv.is_some())),
    }
}

fn without_std(found: &Found) -> Failure {
    let target = found.target.triple();
    let failure = Failure::world(format!(
        "the standard library for `{target}` is not installed"
    ));
    if !found.has_rustup {
        return failure.help(format!(
            "install it with your system's packages, or install Rust with rustup and run `rustup target add {target}`"
        ));
    }
    let toolchain = found
        .toolchain
        .as_ref()
        .map_or_else(String::new, |name| format!(" --toolchain {name}"));
    failure.help(format!("run `rustup target add {target}{toolchain}`"))
}

fn without_linker(found: &Found, has_uv: bool) -> Failure {
    let target = found.target.triple();
    let failure = Failure::world(format!("there is no linker for `{target}`"));
    let failure = match &found.needs_c[..] {
        [] => failure,
        packages => failure.note(format!("C code is compiled by {}", listed(packages))),
    };
    let failure = if has_uv {
        failure.help(format!(
            "`--yes` lets uv fetch cargo-zigbuild once ({DOWNLOAD}), or install it with `uv tool install {ZIGBUILD}`"
        ))
    } else {
        failure.help("install cargo-zigbuild and Zig: `pip install cargo-zigbuild`, or `uv tool install cargo-zigbuild`")
    };
    failure.help("`cargo agentcore help rust` shows the other linkers")
}

fn listed(packages: &[String]) -> String {
    let names: Vec<String> = packages.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Found {
        Found {
            host: "x86_64-unknown-linux-gnu".to_owned(),
            has_std: true,
            has_rustup: true,
            ..Found::default()
        }
    }

    /// Every combination of what a machine can have.
    fn all() -> Vec<Found> {
        let mut all = Vec::new();
        let hosts = [
            "x86_64-unknown-linux-gnu",
            "aarch64-unknown-linux-gnu",
            "aarch64-apple-darwin",
            "x86_64-pc-windows-msvc",
        ];
        let downloads = [
            Download::Done,
            Download::Allowed,
            Download::Ask,
            Download::Refused,
        ];
        for host in hosts {
            for download in downloads {
                for bits in 0..256_u32 {
                    let has = |bit: u32| bits & (1 << bit) != 0;
                    all.push(Found {
                        host: host.to_owned(),
                        target: if has(0) { Target::Gnu } else { Target::Musl },
                        has_std: has(1),
                        has_rustup: true,
                        toolchain: None,
                        has_linker: has(2),
                        zigbuild: has(3).then(|| "/bin/cargo-zigbuild".into()),
                        gcc: Gcc {
                            musl: has(4).then(|| "musl-gcc".to_owned()),
                            gnu: has(5).then(|| "gnu-gcc".to_owned()),
                        },
                        uv: has(6).then(|| "/bin/uv".into()),
                        download,
                        needs_c: if has(7) {
                            vec!["ring".to_owned()]
                        } else {
                            Vec::new()
                        },
                    });
                }
            }
        }
        all
    }

    #[test]
    fn every_combination_gets_a_route_that_can_link_it_or_the_missing_piece() {
        for found in all() {
            let needs_c = !found.needs_c.is_empty();
            let is_musl = found.target == Target::Musl;
            match choose(&found) {
                Ok(Route::Cargo) => assert!(
                    found.has_linker || found.host == "aarch64-unknown-linux-gnu",
                    "{found:?}"
                ),
                Ok(Route::Gcc(gcc)) => assert_eq!(
                    gcc,
                    if is_musl && (needs_c || found.gcc.musl.is_some()) {
                        "musl-gcc"
                    } else {
                        "gnu-gcc"
                    },
                    "{found:?}"
                ),
                Ok(Route::Zigbuild(_)) => assert!(found.zigbuild.is_some() && !found.has_linker),
                Ok(Route::ZigbuildOfUv { uv: _, asks }) => {
                    assert!(found.zigbuild.is_none() && found.uv.is_some(), "{found:?}");
                    assert_eq!(asks, found.download == Download::Ask, "{found:?}");
                    assert_ne!(found.download, Download::Refused, "{found:?}");
                }
                Ok(Route::RustLld) => assert!(is_musl && !needs_c, "{found:?}"),
                Err(failure) => {
                    let what = &failure.messages[0].what;
                    let expected = if found.has_std {
                        "there is no linker for"
                    } else {
                        "the standard library for"
                    };
                    assert!(what.starts_with(expected), "{found:?}: {what}");
                    assert!(!failure.messages[0].help.is_empty());
                }
            }
        }
    }

    #[test]
    fn the_order_is_configuration_native_zigbuild_gcc_uv_and_rust_lld() {
        let mut found = Found {
            has_linker: true,
            zigbuild: Some("/bin/cargo-zigbuild".into()),
            gcc: Gcc {
                musl: Some("musl-gcc".to_owned()),
                gnu: None,
            },
            uv: Some("/bin/uv".into()),
            download: Download::Ask,
            ..found()
        };
        let route = |found: &Found| choose(found).unwrap();
        assert_eq!(route(&found), Route::Cargo);
        found.has_linker = false;
        let native = Found {
            host: "aarch64-unknown-linux-musl".to_owned(),
            ..found.clone()
        };
        assert_eq!(route(&native), Route::Cargo);
        assert_eq!(route(&found), Route::Zigbuild("/bin/cargo-zigbuild".into()));
        found.zigbuild = None;
        assert_eq!(route(&found), Route::Gcc("musl-gcc".to_owned()));
        found.gcc = Gcc::default();
        let of_uv = |asks| Route::ZigbuildOfUv {
            uv: "/bin/uv".into(),
            asks,
        };
        assert_eq!(route(&found), of_uv(true));
        found.download = Download::Done;
        assert_eq!(route(&found), of_uv(false));
        found.download = Download::Refused;
        assert_eq!(route(&found), Route::RustLld);
        found.needs_c = vec!["ring".to_owned()];
        let failure = choose(&found).unwrap_err();
        assert_eq!(failure.messages[0].notes, ["C code is compiled by `ring`"]);
    }

    #[test]
    fn a_missing_standard_library_is_named_with_the_command_that_installs_it() {
        let mut found = Found {
            has_std: false,
            ..found()
        };
        let help = |found: &Found| choose(found).unwrap_err().messages[0].help[0].clone();
        assert_eq!(
            help(&found),
            "run `rustup target add aarch64-unknown-linux-musl`"
        );
        found.toolchain = Some("nightly".to_owned());
        assert!(help(&found).ends_with("--toolchain nightly`"));
        found.has_rustup = false;
        assert!(help(&found).starts_with("install it with your system's packages"));
    }
}
