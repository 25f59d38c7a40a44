//! Pure: what is shipped: entries, layers, images, limits, records and hashes.

pub(crate) mod archive;
pub(crate) mod build_context;
pub(crate) mod build_script;
pub(crate) mod cargo;
pub(crate) mod composition;
pub(crate) mod distributions;
pub(crate) mod dockerignore;
pub(crate) mod elf;
pub(crate) mod image;
pub(crate) mod index_settings;
pub(crate) mod installer;
pub(crate) mod layer;
pub(crate) mod layout;
pub(crate) mod limits;
pub(crate) mod native;
pub(crate) mod newest;
pub(crate) mod program;
pub(crate) mod record;
pub(crate) mod requirements;
pub(crate) mod sbom;
pub(crate) mod script;
pub(crate) mod toolkit_yaml;
pub(crate) mod tracing;
mod yaml;
