//! Every command of the tool in checkouts that a stranger wrote. Afterwards nothing outside the
//! checkout, its target directory and the cache has changed, and no canary has fired.
//!
//! `cargo agentcore help security` states what is tested here.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests touch the world and stop where it refuses"
)]

#[path = "../support/mod.rs"]
mod support;

mod checkout;
mod code;
mod links;
mod local;
mod settings;
mod sweep;
