//! Pure: analyzes Python code without running it.

mod code;
pub(crate) mod distributions;
mod modules;
mod parsed;
mod reach;
pub(crate) mod renamed;
pub(crate) mod standard;
pub(crate) mod syntax;
mod uses;

pub(crate) use modules::Modules;
pub(crate) use parsed::{Parsed, Program};
pub(crate) use reach::{Finding, Missing, Reached, Weight, follow};
pub(crate) use uses::{Call, Uses, Variable};

#[cfg(test)]
mod tests;
