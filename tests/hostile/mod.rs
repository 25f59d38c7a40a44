//! All commands of the tool in hostile checkouts. Afterwards nothing outside the checkout, its
//! target directory and the cache may have changed, and no canary may have fired.
//!
//! `cargo agentcore help security` documents what is tested here.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

use crate::support;
mod checkout;
mod code;
mod links;
mod local;
mod settings;
mod sweep;
