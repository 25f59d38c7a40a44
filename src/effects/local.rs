//! The AWS emulator on this machine.

/// The credentials that the emulator is spoken to with; it takes any.
pub(crate) const ACCESS_KEY_ID: &str = "test";
pub(crate) const SECRET_ACCESS_KEY: &str = "test";

/// A running emulator.
#[derive(Debug, Clone)]
pub(crate) struct Emulator {
    pub(crate) url: String,
}
