//! Secrets, by the name of a file or by what its text holds.
//!
//! A secret is known by the form its provider gives it, or by the name it stands beside. What only
//! looks like one (an example from a manual, a placeholder) is none: a file that is wrongly left out
//! breaks an agent.

mod name;
mod patterns;
mod scan;
mod url;
mod value;
mod written_out;

pub(crate) use self::{
    name::{is_code, is_expected_to_be_hidden, is_hidden, is_secret_directory, is_secret_name},
    scan::{Finding, Scan, find},
};

#[cfg(test)]
mod tests;
