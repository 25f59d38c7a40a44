//! The test bed of the integration tests: the emulators, the binary under test, and proxies in
//! between. Everything works on Linux; other systems have the parts that need no Unix.
#![allow(
    dead_code,
    unused_imports,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::format_collect,
    reason = "each test binary takes its own part of this, and tests touch the world"
)]

pub mod actions;
mod agentcore_actions;
pub mod bed;
pub mod chat;
#[cfg(unix)]
pub mod code_build;
pub mod command;
pub mod emulator;
pub mod faults;
#[cfg(unix)]
pub mod installed;
pub mod project;
pub mod proxy;
#[cfg(unix)]
mod pythons;
pub mod runtimes;
mod s3_actions;
pub mod scripted;
pub mod seller;
pub mod server;
pub mod signature;
#[cfg(target_os = "linux")]
pub mod terminal;
pub mod toolkit;
pub mod tunnel;
#[cfg(unix)]
pub mod unprivileged;
pub mod waiting;
pub mod wheels;

pub use actions::Call;
pub use command::{Cli, Outcome, Running};
pub use emulator::{Emulator, Ministack, Moto, boto3, listing};
pub use faults::{Fault, Times};
pub use project::Project;
pub use proxy::{Counted, Moment, Proxy};
pub use scripted::{Script, Scripted};
pub use server::Answer;
pub use waiting::{PATIENCE, eventually};
