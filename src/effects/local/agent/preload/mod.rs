//! A Python process that has imported an agent's dependencies, and forks for each start of the
//! agent.
//!
//! Only on Linux: elsewhere, system libraries do not survive a fork without an exec, or there is no
//! fork.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod nowhere;

use std::{ffi::OsString, path::PathBuf};

#[cfg(target_os = "linux")]
pub(in crate::effects) use linux::Preload;
#[cfg(not(target_os = "linux"))]
pub(in crate::effects) use nowhere::Preload;

/// What a start must have in common with the preloaded process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::effects) struct Key {
    pub(in crate::effects) python: PathBuf,
    pub(in crate::effects) dependencies: PathBuf,
    pub(in crate::effects) environment: Vec<(OsString, OsString)>,
}

/// Why an agent was not forked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::effects) enum NotForked {
    /// This agent cannot be forked.
    Refused(String),
    /// The forking process is no longer usable.
    Broken(String),
}
