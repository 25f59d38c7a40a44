//! One file per command: its options and its five beats (load, observe, decide, print or apply,
//! report). Wiring only: decisions stand in the pure modules, the world in `effects`.

pub mod clean;
pub mod init;
pub mod local;
pub mod new;
pub mod policy;
pub mod prepare;
