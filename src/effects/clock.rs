//! Time and chance.
#![expect(clippy::disallowed_methods, reason = "this is where the clock is read")]

use std::time::{Duration, Instant, SystemTime};

/// Waits.
pub(crate) async fn sleep(pause: Duration) {
    tokio::time::sleep(pause).await;
}

/// A number from 0 to 1, for spreading callers apart.
pub(crate) fn jitter() -> f64 {
    fastrand::f64()
}

/// The time since something began.
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

/// A moment to measure from.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time of day, for what goes by the calendar.
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}

/// [`wall`] in seconds since 1970.
pub(crate) fn seconds() -> i64 {
    let since = wall().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

/// [`wall`] in milliseconds since 1970.
pub(crate) fn milliseconds() -> i64 {
    let since = wall().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// An id that nobody else has.
pub(crate) fn unique_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// What `work` comes to, if it does so in time.
pub(crate) async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}

/// What `work` comes to; `None` where Ctrl-C was pressed before.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        // Where no signal can be heard, the system's own answer to Ctrl-C stands.
        Ok(()) = tokio::signal::ctrl_c() => None,
    }
}

/// Comes to an end when somebody presses Ctrl-C.
pub(crate) async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Where no signal can be heard, the system's own answer to Ctrl-C stands.
        std::future::pending::<()>().await;
    }
}

/// [`interrupt`], or the signal that asks a program to end.
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
        // Where no signal can be heard, the system's own answer stands.
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}

/// Six numbers below 36.
pub(crate) fn random_digits() -> [u8; 6] {
    std::array::from_fn(|_| fastrand::u8(..36))
}
