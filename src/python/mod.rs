//! Pure: analyzes Python code without running it.

mod call;
mod code;
pub(crate) mod distributions;
mod environment;
mod modules;
mod parsed;
mod pending;
mod reach;
pub(crate) mod renamed;
mod request_headers;
pub(crate) mod standard;
pub(crate) mod syntax;
mod uses;
mod value;

pub(crate) use call::{Call, Variable};
pub(crate) use modules::Modules;
pub(crate) use parsed::{Parsed, Program};
pub(crate) use reach::{Finding, Missing, Reached, Weight, follow};
pub(crate) use uses::Uses;

#[cfg(test)]
mod tests;
