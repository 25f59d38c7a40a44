//! The runtime, or the agent that `dev` runs, that a command talks to.

mod find;
mod identity;
pub(crate) mod not_found;
mod partner;
pub(crate) mod refused;

use std::time::Duration;

pub(crate) use self::{
    find::{Wanted, no_token},
    partner::Partner,
};

/// How long to wait for the account before the status line is printed without it.
const ACCOUNT_AFTER: Duration = Duration::from_secs(2);

/// How long to wait for an account that must be checked.
const CHECKED_AFTER: Duration = Duration::from_secs(30);
