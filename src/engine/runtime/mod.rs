//! Runtimes: finds those of the agents, and writes one.

pub(crate) mod find;
pub(crate) mod lists;
pub(crate) mod own;
pub(crate) mod read;
mod replace;
mod settle;
pub(crate) mod startup_logs;
pub(crate) mod write;
