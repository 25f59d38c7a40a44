//! Pure: the resources in AWS. For each kind: what is wanted, what was observed, who owns it, and
//! the steps from one to the other.

pub(crate) mod bucket;
pub(crate) mod build_project;
pub(crate) mod callers;
pub(crate) mod change;
pub(crate) mod clean;
pub(crate) mod declared;
pub(crate) mod deletion;
pub(crate) mod difference;
pub(crate) mod endpoint;
pub(crate) mod links;
pub(crate) mod log_group;
pub(crate) mod ownership;
pub(crate) mod repository;
pub(crate) mod role;
pub(crate) mod runtime;
pub(crate) mod tags;
pub(crate) mod tracing;
