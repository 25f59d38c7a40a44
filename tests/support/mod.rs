//! What the integration tests stand on: the emulators, the binary under test, and the proxies between
//! the two. Linux is where all of it works; elsewhere the parts that need no Unix do.
#![allow(
    dead_code,
    unused_imports,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::format_collect,
    reason = "each test binary takes its own part of this, and tests touch the world"
)]

pub mod bed;
pub mod command;
pub mod emulator;
pub mod project;
#[cfg(unix)]
pub mod unprivileged;

pub use command::{Cli, Outcome, Running};
pub use emulator::{Emulator, Ministack, Moto, boto3, listing};
pub use project::Project;
