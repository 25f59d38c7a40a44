//! The form in which an agent is shipped.

use super::{Language, read::one_of};

/// The value of `artifact`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Artifact {
    /// An archive with Python code.
    Zip,
    /// A container image.
    Image,
    /// A container image that the user's Dockerfile describes.
    Dockerfile,
}

impl Artifact {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        one_of(
            "value of `artifact`",
            text,
            &[
                ("zip", Self::Zip),
                ("image", Self::Image),
                ("dockerfile", Self::Dockerfile),
            ],
        )
    }

    /// Returns the default for a language.
    pub(crate) fn of(language: &Language) -> Self {
        match language {
            Language::Python => Self::Zip,
            Language::Rust(_) => Self::Image,
        }
    }

    /// Returns why this version cannot ship an agent in this form.
    pub(super) fn unsupported(self, is_rust: bool) -> Option<&'static str> {
        match (self, is_rust) {
            (Self::Zip, false) | (Self::Image, _) => None,
            (Self::Zip, true) => {
                Some("a Rust agent is shipped as an image; `artifact = \"zip\"` is not supported")
            }
            (Self::Dockerfile, _) => Some("`artifact = \"dockerfile\"` is not supported"),
        }
    }
}
