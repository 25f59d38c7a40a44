//! The asynchronous runtime for commands.

use std::{future::Future, ops::ControlFlow, time::Duration};

use tokio::sync::mpsc;

use crate::error::Failure;

/// Runs a command to its end.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::world(format!("cannot start the asynchronous runtime: {error}")))?
        .block_on(command)
}

/// Does work in the background that only the end of the program waits for.
pub(crate) fn beside(work: impl FnOnce() + Send + 'static) {
    match tokio::runtime::Handle::try_current() {
        // The runtime waits for it when it ends.
        Ok(runtime) => drop(runtime.spawn_blocking(work)),
        Err(_) => work(),
    }
}

/// Does blocking work on another thread, and passes its events to `hear`.
pub(crate) async fn aside<T, E>(
    work: impl FnOnce(&(dyn Fn(E) + Sync)) -> T + Send + 'static,
    mut hear: impl FnMut(E),
) -> T
where
    T: Send + 'static,
    E: Send + 'static,
{
    let (sender, mut events) = mpsc::unbounded_channel();
    let done = tokio::task::spawn_blocking(move || {
        work(&|event| {
            // The command may have been canceled, and the receiver with it.
            let _ = sender.send(event);
        })
    });
    while let Some(event) = events.recv().await {
        hear(event);
    }
    match done.await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Calls `work` repeatedly in the background until it is done.
pub(crate) fn repeat(pause: Duration, mut work: impl FnMut() -> ControlFlow<()> + Send + 'static) {
    std::thread::spawn(move || {
        while work().is_continue() {
            std::thread::sleep(pause);
        }
    });
}
