//! `image`: how the image of a Python agent is built.

use super::{
    Artifact, Language,
    read::{Problems, Table},
};
use crate::names::image_reference::ImageReference;

/// Takes the key `image`, and returns the image that the agent's image starts from.
pub(super) fn read(table: &mut Table<'_>, problems: &mut Problems<'_>) -> Option<ImageReference> {
    let mut image = table.table("image", problems)?;
    let base = image.parsed("base", problems, ImageReference::parse);
    image.finish(problems);
    base
}

/// Reports an `image` that would have no effect.
pub(super) fn check(
    table: &Table<'_>,
    (language, artifact): (&Language, Option<Artifact>),
    problems: &mut Problems<'_>,
) {
    if !table.has("image") {
        return;
    }
    let (what, label) = match (language, artifact) {
        (Language::Python, Some(Artifact::Image | Artifact::Dockerfile)) => return,
        (Language::Python, Some(Artifact::Zip) | None) => (
            "`image` is only for agents that are shipped as an image",
            "add `artifact = \"image\"` to the agent's table",
        ),
        (Language::Rust(_), _) => (
            "`image` is only for Python agents",
            "the image of a Rust agent has no base image",
        ),
    };
    problems.at(table.key_span("image"), what, label);
}
