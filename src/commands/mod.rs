//! One file per command: its options and its five steps (load, observe, decide, print or apply,
//! report). Only wiring: decisions are in the pure modules, side effects in `effects`.

pub mod background;
pub mod cache;
pub mod check;
pub mod clean;
pub mod deploy;
pub mod dev;
pub mod endpoint;
pub mod init;
pub mod invoke;
pub mod local;
pub mod logs;
pub mod new;
pub mod package;
pub mod policy;
pub mod prepare;
pub mod rollback;
pub mod status;
pub mod stop_session;
pub mod versions;

mod documents;
mod listing;
mod next_steps;
mod set_version;
mod starting;
mod target;
