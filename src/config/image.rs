//! `image`: how an agent's image is built.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    Artifact, Language,
    read::{Problems, Table},
    variable,
};
use crate::names::image_reference::ImageReference;

/// What the user's Dockerfile is built with. Paths are relative to the manifest's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    pub path: PathBuf,
    /// The folder whose files the Dockerfile can copy.
    pub context: PathBuf,
    /// The stage to build; `None` for the last one.
    pub target: Option<String>,
    /// The build arguments.
    pub args: BTreeMap<String, String>,
}

impl Default for Dockerfile {
    fn default() -> Self {
        Self {
            path: PathBuf::from("Dockerfile"),
            context: PathBuf::from("."),
            target: None,
            args: BTreeMap::new(),
        }
    }
}

/// The table `image`.
#[derive(Debug, Clone, Default)]
pub(super) struct ImageTable {
    /// The image that a Python agent's image starts from.
    pub(super) base: Option<ImageReference>,
    /// `None` unless the artifact is built from one.
    pub(super) dockerfile: Option<Dockerfile>,
}

/// The keys that only a Dockerfile has.
const OF_DOCKERFILE: [&str; 4] = ["dockerfile", "context", "target", "args"];

/// Takes the key `image`, and reports keys that would have no effect with this artifact.
pub(super) fn read(
    table: &mut Table<'_>,
    (language, artifact): (&Language, Option<Artifact>),
    problems: &mut Problems<'_>,
) -> ImageTable {
    let artifact = artifact.unwrap_or_else(|| Artifact::of(language));
    let is_built = artifact == Artifact::Dockerfile;
    let Some(mut image) = table.table("image", problems) else {
        return ImageTable {
            base: None,
            dockerfile: is_built.then(Dockerfile::default),
        };
    };
    let base = image.parsed("base", problems, ImageReference::parse);
    let dockerfile = Dockerfile::read(&mut image, problems);
    match artifact {
        Artifact::Dockerfile => {
            if image.has("base") {
                problems.at(
                    image.key_span("base"),
                    "`base` in `image` has no effect with `artifact = \"dockerfile\"`",
                    "the Dockerfile names its base image in `FROM`",
                );
            }
        }
        Artifact::Zip => problems.at(
            table.key_span("image"),
            "`image` is only for agents that are shipped as an image",
            "add `artifact = \"image\"` or `artifact = \"dockerfile\"` to the agent's table",
        ),
        Artifact::Image => {
            for key in OF_DOCKERFILE.into_iter().filter(|key| image.has(key)) {
                problems.at(
                    image.key_span(key),
                    format!("`{key}` in `image` is only for `artifact = \"dockerfile\"`"),
                    "",
                );
            }
            if matches!(language, Language::Rust(_)) && image.has("base") {
                problems.at(
                    image.key_span("base"),
                    "`base` in `image` is only for Python agents",
                    "the image of a Rust agent has no base image",
                );
            }
        }
    }
    image.finish(problems);
    ImageTable {
        base,
        dockerfile: is_built.then_some(dockerfile),
    }
}

impl Dockerfile {
    fn read(image: &mut Table<'_>, problems: &mut Problems<'_>) -> Self {
        let usual = Self::default();
        let mut path = |key, problems: &mut Problems<'_>| {
            let path = image.parsed(key, problems, relative);
            path.map(PathBuf::from)
        };
        Self {
            path: path("dockerfile", problems).unwrap_or(usual.path),
            context: path("context", problems).unwrap_or(usual.context),
            target: image.parsed("target", problems, target),
            args: args(image, problems),
        }
    }
}

/// Parses a path that is not absolute. Whether it leaves the workspace is checked when it is read.
fn relative(text: &str) -> Result<String, String> {
    if text.is_empty() || Path::new(text).has_root() || text.contains('\\') {
        return Err(format!(
            "`{text}` must be a path relative to the manifest, with `/` between its parts"
        ));
    }
    Ok(text.to_owned())
}

/// Parses the name of a stage, which may also be its number.
fn target(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins && text.chars().all(legal) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "invalid stage `{text}`: expected a name as in `FROM … AS NAME`"
        ))
    }
}

fn args(image: &mut Table<'_>, problems: &mut Problems<'_>) -> BTreeMap<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut args = BTreeMap::new();
    for (name, (value_span, value)) in image.map_with_values("args", problems) {
        let span = value.span();
        let text = value.into_inner();
        if name.is_empty()
            || name.starts_with(|c: char| c.is_ascii_digit())
            || !name.chars().all(legal)
        {
            let what = format!(
                "invalid build argument `{name}`: expected letters, digits and `_`, as in `ARG NAME`"
            );
            problems.at(span, what, "");
            continue;
        }
        let places = (span, value_span);
        let readers = ("args", "pull the image");
        variable::warn_of_secret((&name, &text), places, readers, problems);
        args.insert(name, text);
    }
    args
}
