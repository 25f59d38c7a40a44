//! Finds secrets by a file's name or content.
//!
//! A secret is recognized by its provider's format, or by the name next to it. Text that only looks
//! like one (an example in a manual, a placeholder) is not a secret, because excluding a file by
//! mistake breaks an agent.

mod name;
mod patterns;
mod scan;
mod url;
mod value;
mod written_out;

pub(crate) use self::name::is_code;
pub(crate) use self::name::is_expected_to_be_hidden;
pub(crate) use self::name::is_hidden;
pub(crate) use self::name::is_secret_directory;
pub(crate) use self::name::is_secret_name;
pub(crate) use self::scan::Finding;
pub(crate) use self::scan::Scan;
pub(crate) use self::scan::find;

#[cfg(test)]
mod tests;
