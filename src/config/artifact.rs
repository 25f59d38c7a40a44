//! The form in which an agent is shipped.

use super::{Language, read::one_of};

/// The entry point of an archive with a program.
pub(crate) const PROGRAM_ENTRY: &str = "main.py";

/// The value of `artifact`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Artifact {
    /// An archive with Python code, or with a program and the Python file that starts it.
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
}
