//! Side effects: files, processes, environment, clock, AWS. Observes and applies, but makes no
//! decisions.

pub(crate) mod adopt_files;
pub(crate) mod adopt_requirements;
pub(crate) mod aws;
pub(crate) mod build_context;
pub(crate) mod cache;
pub(crate) mod cargo_build;
pub(crate) mod check;
pub(crate) mod checkout;
pub(crate) mod clock;
pub(crate) mod consent;
pub(crate) mod copied_sources;
pub(crate) mod dev;
pub(crate) mod env;
pub(crate) mod files;
pub(crate) mod folder;
pub(crate) mod image_archive;
pub(crate) mod image_builder;
pub(crate) mod interrupt;
pub(crate) mod local;
pub(crate) mod manifest;
pub(crate) mod new_project;
pub(crate) mod packaging;
pub(crate) mod pager;
pub(crate) mod panic_hook;
pub(crate) mod path;
mod port;
pub(crate) mod program;
pub(crate) mod programs;
pub(crate) mod runtime;
pub(crate) mod source;
pub(crate) mod staging;
