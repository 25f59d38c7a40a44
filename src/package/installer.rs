//! The command lines of uv and pip for the service's machines, and the interpretation of their
//! output.

use serde::{Deserialize, Serialize};

use crate::config::Runtime;

/// The glibc of the service's machines, which run anything linked against it or an older one.
pub(crate) const GLIBC_MINOR: u32 = 34;
/// The oldest glibc for which wheels for 64-bit ARM exist.
const OLDEST_GLIBC_MINOR: u32 = 17;
/// The first version of uv that supports the service's platform.
pub(crate) const OLDEST_UV: (u32, u32, u32) = (0, 5, 4);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tool {
    Uv,
    Pip,
}

impl Tool {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uv => "uv",
            Self::Pip => "pip",
        }
    }
}

/// Returns `3.13`.
pub(crate) fn minor_version(runtime: Runtime) -> &'static str {
    runtime
        .as_str()
        .strip_prefix("python")
        .expect("every runtime is a Python")
}

/// Returns the version in `uv --version` if it is too old.
pub(crate) fn is_too_old(said: &str) -> Option<String> {
    let version = said.split_whitespace().nth(1)?;
    let mut numbers = version
        .split('.')
        .map(|number| number.parse::<u32>().unwrap_or(u32::MAX));
    let found = (numbers.next()?, numbers.next()?, numbers.next()?);
    (found < OLDEST_UV).then(|| version.to_owned())
}

/// The files for an installer, and its target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) target: &'a str,
    /// The Python for uv's resolver; not the one that packages are installed for.
    pub(crate) python: &'a str,
    /// uv's complete settings.
    pub(crate) config: &'a str,
    pub(crate) requirements: &'a [String],
    pub(crate) constraints: Option<&'a str>,
    pub(crate) overrides: Option<&'a str>,
    pub(crate) requires_hashes: bool,
    /// True if nothing beyond the requirements is installed.
    pub(crate) is_complete: bool,
}

/// Returns the arguments of `uv` or `pip` that install into the target.
pub(crate) fn install_words(tool: Tool, runtime: Runtime, given: &Given<'_>) -> Vec<String> {
    let mut words = match tool {
        Tool::Uv => uv_words("install", runtime, given),
        Tool::Pip => pip_words(runtime, given),
    };
    for file in given.requirements {
        words.extend(["--requirement".to_owned(), file.clone()]);
    }
    if let Some(constraints) = given.constraints {
        words.extend(["--constraint".to_owned(), constraints.to_owned()]);
    }
    if given.requires_hashes {
        words.push("--require-hashes".to_owned());
    }
    if given.is_complete {
        words.push("--no-deps".to_owned());
    }
    words
}

fn uv_words(verb: &str, runtime: Runtime, given: &Given<'_>) -> Vec<String> {
    let mut words = platform_words(verb, "aarch64", runtime, given);
    words.extend(
        [
            "--target",
            given.target,
            "--only-binary",
            ":all:",
            "--no-compile-bytecode",
        ]
        .map(str::to_owned),
    );
    if let Some(overrides) = given.overrides {
        words.extend(["--overrides", overrides].map(str::to_owned));
    }
    words
}

/// Returns the arguments that make uv resolve for the service's machines, or for another platform.
fn platform_words(verb: &str, machine: &str, runtime: Runtime, given: &Given<'_>) -> Vec<String> {
    [
        "pip",
        verb,
        "--config-file",
        given.config,
        "--python",
        given.python,
        "--python-platform",
        &format!("{machine}-manylinux_2_{GLIBC_MINOR}"),
        "--python-version",
        minor_version(runtime),
    ]
    .map(str::to_owned)
    .to_vec()
}

fn pip_words(runtime: Runtime, given: &Given<'_>) -> Vec<String> {
    let mut words: Vec<String> = [
        "install",
        "--target",
        given.target,
        "--python-version",
        minor_version(runtime),
        "--implementation",
        "cp",
        "--only-binary=:all:",
        "--no-compile",
        "--no-input",
    ]
    .map(str::to_owned)
    .to_vec();
    // pip needs each tag, best first; uv needs one and includes all older ones.
    let tags = (OLDEST_GLIBC_MINOR..=GLIBC_MINOR).rev();
    let tags = tags.map(|minor| format!("manylinux_2_{minor}_aarch64"));
    for tag in tags.chain(["manylinux2014_aarch64".to_owned()]) {
        words.extend(["--platform".to_owned(), tag]);
    }
    words
}

/// Which versions to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wheels {
    /// Versions may have only sources.
    OrSources,
    Fitting,
    /// Wheels for another platform.
    ForOthers,
}

/// Returns uv's arguments that list the newest version of each package that `file` allows.
/// Dependencies are not followed, so nothing must be built.
pub(crate) fn newest_words(
    runtime: Runtime,
    given: &Given<'_>,
    file: &str,
    wheels: Wheels,
) -> Vec<String> {
    let machine = match wheels {
        Wheels::OrSources | Wheels::Fitting => "aarch64",
        Wheels::ForOthers => "x86_64",
    };
    let mut words = platform_words("compile", machine, runtime, given);
    words.extend(["--no-deps", "--no-header", "--no-annotate", file].map(str::to_owned));
    if wheels != Wheels::OrSources {
        words.extend(["--only-binary", ":all:"].map(str::to_owned));
    }
    words
}

/// Returns uv's arguments that convert a lock file to requirements.
pub(crate) fn export_words(config: &str, folder: &str, project: &str, output: &str) -> Vec<String> {
    [
        "export",
        "--quiet",
        "--config-file",
        config,
        "--frozen",
        "--no-dev",
        "--no-emit-project",
        "--no-header",
        "--format",
        "requirements-txt",
        "--project",
        folder,
        "--package",
        project,
        "--output-file",
        output,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Removes misleading lines from a tool's output: uv names a Python for builds, although nothing is
/// built and the packages are for the runtime's version.
pub(crate) fn worth_reading(said: &str) -> String {
    let about_builds = |line: &&str| {
        line.starts_with("Using CPython ")
            || line.starts_with("Using Python ")
            || line.contains("will be used to build dependencies instead")
    };
    let kept: Vec<&str> = said.lines().filter(|line| !about_builds(line)).collect();
    kept.join("\n")
}

/// Returns true if the tool found no matching wheel.
pub(crate) fn lacks_a_wheel(said: &str) -> bool {
    [
        "no usable wheels",
        "no wheels with a matching",
        "no wheels are usable",
        "Wheels are required for",
        "No matching distribution found",
        "no matching platform tag",
        "doesn't have a source distribution or wheel for the current platform",
        "building source distributions is disabled",
        "building from source is disabled",
    ]
    .iter()
    .any(|words| said.contains(words))
}

/// Returns the packages without a wheel that the tool names.
pub(crate) fn without_a_wheel(said: &str) -> Vec<String> {
    let mut found = Vec::new();
    let marks = [
        ("Wheels are required for `", "`"),
        ("No matching distribution found for ", "\n"),
        ("Because ", " has no usable wheels"),
        ("and ", " has no usable wheels"),
    ];
    for (before, after) in marks {
        let mut rest = said;
        while let Some(at) = rest.find(before) {
            rest = &rest[at + before.len()..];
            let end = rest.find(after).unwrap_or(rest.len());
            let name = rest[..end].trim();
            let is_name = !name.is_empty()
                && name
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || b"-_.=<>!~[],".contains(&c));
            if is_name {
                let bare = name
                    .split(['=', '<', '>', '!', '~', '['])
                    .next()
                    .unwrap_or(name);
                if !found.iter().any(|other| other == bare) {
                    found.push(bare.to_owned());
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const UV: &str = "error: No solution found when resolving dependencies\n  cause: Because pyyaml==5.1 \
        has no usable wheels and you require pyyaml==5.1, we can conclude that your requirements are \
        unsatisfiable.\n\nhint: Wheels are required for `pyyaml` because building from source is \
        disabled for all packages (i.e., with `--no-build`)\n";
    const PIP: &str = "ERROR: Could not find a version that satisfies the requirement pyyaml==5.1 \
        (from versions: 6.0.2)\nERROR: No matching distribution found for pyyaml==5.1\n";
    const UNKNOWN: &str = "error: No solution found when resolving dependencies\n  cause: Because \
        no-such-thing was not found in the package registry and you require no-such-thing, we can \
        conclude that your requirements are unsatisfiable.\n";

    #[test]
    fn a_missing_wheel_is_told_from_other_errors_and_named() {
        assert!(lacks_a_wheel(UV) && lacks_a_wheel(PIP) && !lacks_a_wheel(UNKNOWN));
        assert_eq!(without_a_wheel(UV), ["pyyaml"]);
        assert_eq!(without_a_wheel(PIP), ["pyyaml"]);
    }

    #[test]
    fn the_python_of_builds_is_not_shown() {
        let said = "Using CPython 3.11.2 interpreter at: /usr/bin/python3\nwarning: The requested Python \
            version 3.13 is not available; 3.11.2 will be used to build dependencies instead.\nResolved 2 \
            packages in 1ms\n + boto3==1.44.8";
        assert_eq!(
            worth_reading(said),
            "Resolved 2 packages in 1ms\n + boto3==1.44.8"
        );
    }

    fn given(requirements: &[String]) -> Given<'_> {
        Given {
            target: "t",
            python: "/p",
            config: "c",
            requirements,
            constraints: Some("k"),
            overrides: None,
            requires_hashes: false,
            is_complete: false,
        }
    }

    #[test]
    fn pip_is_given_every_tag_from_the_newest_down() {
        let files = ["r.txt".to_owned()];
        let words = install_words(Tool::Pip, Runtime::Python313, &given(&files)).join(" ");
        assert!(words.contains(
            "--platform manylinux_2_34_aarch64 --platform manylinux_2_33_aarch64 --platform"
        ));
        assert!(
            words.contains("--platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64")
        );
        assert!(words.contains("--python-version 3.13 "));
    }

    #[test]
    fn uv_is_given_the_services_own_platform() {
        let files = ["r.txt".to_owned()];
        let words = install_words(Tool::Uv, Runtime::Python312, &given(&files)).join(" ");
        assert!(words.contains("--python-platform aarch64-manylinux_2_34 "));
        assert!(words.contains("--only-binary :all: "));
    }

    #[test]
    fn a_uv_that_does_not_know_the_platform_is_too_old() {
        assert_eq!(is_too_old("uv 0.5.2 (x 2024)"), Some("0.5.2".to_owned()));
        assert_eq!(is_too_old("uv 0.5.4"), None);
        assert_eq!(is_too_old("uv 0.13.9 (x86_64)"), None);
        assert_eq!(is_too_old("uv 1.0.0-beta"), None);
        assert_eq!(is_too_old("another"), None);
    }
}
