//! Pure: what is wanted and what is there become steps.

pub(crate) mod ownership;
pub(crate) mod role;
