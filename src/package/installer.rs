//! How dependencies are installed for the service's machines: the words for uv and pip, in turn for
//! each platform tag, and what their answers mean.

use serde::{Deserialize, Serialize};

use crate::config::Runtime;

/// The glibc that wheels may ask for, tried in turn: nearly every package has wheels for the first.
pub(crate) const GLIBC_MINORS: [u32; 3] = [17, 28, 34];

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

/// `3.13`
pub(crate) fn minor_version(runtime: Runtime) -> &'static str {
    runtime
        .as_str()
        .strip_prefix("python")
        .expect("every runtime is a Python")
}

/// The words after `uv` or `pip` that install `file` into `target`.
pub(crate) fn install_words(
    tool: Tool,
    runtime: Runtime,
    glibc_minor: u32,
    file: &str,
    target: &str,
) -> Vec<String> {
    let version = minor_version(runtime);
    let words: Vec<String> = match tool {
        Tool::Uv => {
            let platform = match glibc_minor {
                17 => "aarch64-manylinux2014".to_owned(),
                minor => format!("aarch64-manylinux_2_{minor}"),
            };
            [
                "pip",
                "install",
                "--target",
                target,
                "--python-platform",
                &platform,
                "--python-version",
                version,
                "--only-binary",
                ":all:",
                "--no-compile-bytecode",
                "--requirements",
                file,
            ]
            .map(str::to_owned)
            .to_vec()
        }
        Tool::Pip => {
            let mut words: Vec<String> = [
                "install",
                "--target",
                target,
                "--python-version",
                version,
                "--implementation",
                "cp",
                "--only-binary=:all:",
                "--no-compile",
                "--no-input",
                "--requirement",
                file,
            ]
            .map(str::to_owned)
            .to_vec();
            // pip takes each tag by itself, uv a tag and everything below it.
            let tags = (17..=glibc_minor).map(|minor| format!("manylinux_2_{minor}_aarch64"));
            for tag in tags.chain(["manylinux2014_aarch64".to_owned()]) {
                words.extend(["--platform".to_owned(), tag]);
            }
            words
        }
    };
    words
}

/// The words after `uv` that turn a lock file into requirements.
pub(crate) fn export_words(directory: &str, output: &str) -> Vec<String> {
    [
        "export",
        "--quiet",
        "--frozen",
        "--no-dev",
        "--no-emit-project",
        "--no-header",
        "--format",
        "requirements-txt",
        "--directory",
        directory,
        "--output-file",
        output,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// What a tool said, without what would lead astray: uv names the Python that it takes for builds, of
/// any version, although nothing is built and the packages are for the runtime's.
pub(crate) fn worth_reading(said: &str) -> String {
    let about_builds = |line: &&str| {
        line.starts_with("Using CPython ")
            || line.starts_with("Using Python ")
            || line.contains("will be used to build dependencies instead")
    };
    let kept: Vec<&str> = said.lines().filter(|line| !about_builds(line)).collect();
    kept.join("\n")
}

/// Whether a newer platform tag could help: the tool found no wheel that fits.
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

/// The packages that have no wheel, as far as the tool names them.
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

    #[test]
    fn pip_is_given_every_tag_up_to_the_newest() {
        let words = install_words(Tool::Pip, Runtime::Python313, 18, "r.txt", "t").join(" ");
        assert!(words.ends_with(
            "--platform manylinux_2_17_aarch64 --platform manylinux_2_18_aarch64 --platform manylinux2014_aarch64"
        ));
        assert!(words.contains("--python-version 3.13 "));
    }

    #[test]
    fn uv_is_given_the_tag_itself() {
        let words =
            |minor| install_words(Tool::Uv, Runtime::Python312, minor, "r.txt", "t").join(" ");
        assert!(words(17).contains("--python-platform aarch64-manylinux2014 "));
        assert!(words(34).contains("--python-platform aarch64-manylinux_2_34 "));
    }
}
