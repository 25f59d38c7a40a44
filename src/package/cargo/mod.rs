//! How cargo builds a Rust agent's binary: what links it, and what would spoil it.

pub(crate) mod binary;
pub(crate) mod dep_info;
pub(crate) mod graph;
pub(crate) mod route;
pub(crate) mod settings;
