//! Resources in AWS: observes them, writes them, and waits for them. What should be there is
//! decided in `resources`.

pub(crate) mod agent;
mod agreement;
pub(crate) mod artifact;
pub(crate) mod build_project;
pub(crate) mod callers;
pub(crate) mod clean;
pub(crate) mod declared;
mod deletion;
pub(crate) mod endpoint;
pub(crate) mod former_agents;
pub(crate) mod former_role;
pub(crate) mod handover;
pub(crate) mod plan_output;
pub(crate) mod replacement;
pub(crate) mod repository;
pub(crate) mod role;
pub(crate) mod run;
pub(crate) mod runtime;
pub(crate) mod status;
pub(crate) mod target;
pub(crate) mod tracing;
pub(crate) mod waiting;
