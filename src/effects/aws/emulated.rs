//! The account of an emulator of AWS, and the credentials for it.

/// The credentials for the emulator, which accepts any.
pub(crate) const ACCESS_KEY_ID: &str = "test";
pub(crate) const SECRET_ACCESS_KEY: &str = "test";
/// The emulator's account.
pub(crate) const ACCOUNT_ID: &str = "000000000000";
