//! Time and randomness.
#![expect(clippy::disallowed_methods, reason = "this is where the clock is read")]

use std::time::{Duration, Instant, SystemTime};

use super::interrupt::Awaiting;

/// Waits for this long.
pub(crate) async fn sleep(pause: Duration) {
    tokio::time::sleep(pause).await;
}

/// Returns a number from 0 to 1, to spread out callers.
pub(crate) fn jitter() -> f64 {
    fastrand::f64()
}

/// Measures elapsed time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Returns the current instant, for measuring.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns the current calendar time.
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}

/// Returns [`wall`] in seconds since 1970.
pub(crate) fn seconds() -> i64 {
    let since = wall().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// Returns [`wall`] in milliseconds since 1970.
pub(crate) fn milliseconds() -> i64 {
    let since = wall().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Returns a unique ID.
pub(crate) fn unique_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Returns the result of `work`, or `None` if it takes too long.
pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}

/// Returns the result of `work`, or `None` if Ctrl-C is pressed first.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Option<T> {
    let awaiting = Awaiting::begin();
    tokio::select! {
        done = work => Some(done),
        // If signals cannot be received, the system's default for Ctrl-C applies.
        Ok(()) = tokio::signal::ctrl_c() => {
            awaiting.took_it(now());
            None
        }
    }
}

/// Waits for Ctrl-C.
pub(crate) async fn interrupt() {
    let awaiting = Awaiting::begin();
    if tokio::signal::ctrl_c().await.is_err() {
        // If signals cannot be received, the system's default for Ctrl-C applies.
        std::future::pending::<()>().await;
    }
    awaiting.took_it(now());
}

/// Waits for [`interrupt`] or the signal that asks a program to end.
pub(crate) async fn asked_to_end() {
    tokio::select! {
        () = interrupt() => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};

    match signal(SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        // If signals cannot be received, the system's default applies.
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}

/// Returns six numbers below 36.
pub(crate) fn random_digits() -> [u8; 6] {
    std::array::from_fn(|_| fastrand::u8(..36))
}
