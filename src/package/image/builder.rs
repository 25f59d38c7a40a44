//! Programs that build an image from a Dockerfile, and their command lines.

use std::collections::BTreeMap;

/// A program that builds an image from a Dockerfile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Builder {
    Docker,
    Podman,
    Buildah,
}

/// What is built. Paths are relative to the directory in which the program runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) dockerfile: &'a str,
    pub(crate) context: &'a str,
    /// The archive to write.
    pub(crate) archive: &'a str,
    /// The image's name in the program's own store.
    pub(crate) name: &'a str,
    pub(crate) target: Option<&'a str>,
    pub(crate) args: &'a BTreeMap<String, String>,
    pub(crate) labels: &'a [(String, String)],
    /// Ignore what was built before.
    pub(crate) anew: bool,
    pub(crate) quiet: bool,
}

/// The platform that AgentCore runs.
const PLATFORM: &str = "linux/arm64";

impl Builder {
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Buildah => "buildah",
        }
    }

    /// Returns where it is described how to install it.
    pub(crate) fn installation(self) -> &'static str {
        match self {
            Self::Docker => "https://docs.docker.com/engine/install/",
            Self::Podman => "https://podman.io/docs/installation",
            Self::Buildah => "https://github.com/containers/buildah/blob/main/install.md",
        }
    }

    /// Returns what the program needs besides itself: the arguments of a run that succeeds with it, its
    /// name, and where it is described how to install it.
    pub(crate) fn plugin(self) -> Option<(&'static [&'static str], &'static str, &'static str)> {
        match self {
            Self::Docker => Some((
                &["buildx", "version"],
                "buildx",
                "https://github.com/docker/buildx#installing",
            )),
            Self::Podman | Self::Buildah => None,
        }
    }

    /// Returns the arguments of the runs that build the image and write it as an OCI archive.
    pub(crate) fn runs(self, task: &Task<'_>) -> [Vec<String>; 2] {
        let Task {
            dockerfile,
            context,
            archive,
            name,
            target,
            args,
            labels,
            anew,
            quiet,
        } = *task;
        let (first, save): (&[&str], Vec<String>) = match self {
            // Docker writes no OCI archive of a build unless it is set up for that, but
            // `docker save` does.
            Self::Docker => (
                &["buildx", "build", "--load", "--provenance=false"],
                words(&["save", "--output", archive, name]),
            ),
            Self::Podman => (
                &["build", "--format=oci"],
                words(&["save", "--format=oci-archive", "--output", archive, name]),
            ),
            Self::Buildah => (
                &["build", "--format=oci", "--layers"],
                words(&[
                    "push",
                    "--quiet",
                    name,
                    &format!("oci-archive:{archive}:{name}"),
                ]),
            ),
        };
        let mut build = words(first);
        build.push(format!("--platform={PLATFORM}"));
        build.push(format!("--file={dockerfile}"));
        build.push(format!("--tag={name}"));
        build.extend(target.map(|target| format!("--target={target}")));
        build.extend(
            args.iter()
                .map(|(name, value)| format!("--build-arg={name}={value}")),
        );
        build.extend(
            labels
                .iter()
                .map(|(name, value)| format!("--label={name}={value}")),
        );
        if anew {
            build.extend(words(&["--no-cache", "--pull"]));
        }
        if quiet {
            build.push("--quiet".to_owned());
        }
        build.push(context.to_owned());
        [build, save]
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_is_told_the_platform_the_arguments_and_where_to_write() {
        let args = BTreeMap::from([("A".to_owned(), "1 2".to_owned())]);
        let labels = [("l".to_owned(), "v".to_owned())];
        let task = Task {
            dockerfile: "Dockerfile",
            context: "context",
            archive: "image.tar",
            name: "localhost/a:built",
            target: Some("run"),
            args: &args,
            labels: &labels,
            anew: false,
            quiet: true,
        };
        let shown = |builder: Builder, task| builder.runs(task).map(|words| words.join("|"));
        let rest = "--platform=linux/arm64|--file=Dockerfile|--tag=localhost/a:built|--target=run|--build-arg=A=1 2|--label=l=v|--quiet|context";
        assert_eq!(
            shown(Builder::Docker, &task),
            [
                format!("buildx|build|--load|--provenance=false|{rest}"),
                "save|--output|image.tar|localhost/a:built".to_owned(),
            ]
        );
        assert_eq!(
            shown(Builder::Podman, &task),
            [
                format!("build|--format=oci|{rest}"),
                "save|--format=oci-archive|--output|image.tar|localhost/a:built".to_owned(),
            ]
        );
        assert_eq!(
            shown(Builder::Buildah, &task),
            [
                format!("build|--format=oci|--layers|{rest}"),
                "push|--quiet|localhost/a:built|oci-archive:image.tar:localhost/a:built".to_owned(),
            ]
        );
        let anew = Task {
            anew: true,
            target: None,
            ..task
        };
        let [build, _] = Builder::Buildah.runs(&anew);
        assert!(build.contains(&"--no-cache".to_owned()), "{build:?}");
    }
}
