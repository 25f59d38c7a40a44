//! The asynchronous runtime that a command runs on.

use std::future::Future;

use crate::error::Failure;

/// Runs one command to its end.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::world(format!("cannot start the asynchronous runtime: {error}")))?
        .block_on(command)
}
