//! Pure: turns an existing Python agent into a project.
//!
//! Reads the sources' texts, finds the functions that can answer requests, and renders the entry
//! points. Callers list and write the files.

mod entry;
mod handlers;
mod layout;
mod likely;
mod module;
mod named;
mod placed;
mod problems;
mod reach;
mod requirements;
mod routes;
mod servers;
mod serving;
mod sources;

pub(crate) use entry::{entry_points, fresh_manifest, gitignore, readme, uncalled};
pub(crate) use handlers::{Handler, Use};
pub(crate) use layout::Kind as LayoutKind;
pub(crate) use named::with_entries;
pub(crate) use placed::{Entry, Placed};
pub(crate) use requirements::{Requirements, TOOLKIT, from_pyproject, from_requirements, pin};
pub(crate) use servers::OwnEntry;
pub(crate) use sources::{PythonFile, Sources};

#[cfg(test)]
mod tests;
