//! Pure: an existing Python agent becomes a project.
//!
//! Reads the sources' texts, finds what can answer a request, and renders the entry points that call
//! it. Which files there are, and writing any, is for others.

mod entry;
mod handlers;
mod parse;
mod requirements;
mod signature;
mod sources;

pub(crate) use entry::{Entry, entry_points, fresh_manifest, gitignore, ignored};
pub(crate) use handlers::{Handler, OwnEntry, Use};
pub(crate) use parse::AppKind;
pub(crate) use requirements::{Requirements, from_pyproject, from_requirements, only_the_sdk};
pub(crate) use sources::{PythonFile, Sources};

#[cfg(test)]
mod tests;
