//! Time and randomness.
#![expect(clippy::disallowed_methods, reason = "this is where the clock is read")]

use std::time::{Duration, Instant, SystemTime};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

use super::interrupt::Awaiting;

/// Waits for this long.
pub(crate) async fn sleep(pause: Duration) {
    tokio::time::sleep(pause).await;
}

/// Pauses that grow, each shortened by up to half at random, to spread several callers.
pub(crate) type Pauses = ExponentialBackoff;

/// Returns the pauses before `retries` more attempts. They double from a quarter of a second to 8
/// seconds.
pub(crate) fn pauses(retries: usize) -> Pauses {
    backoff(retries).build()
}

/// Returns the pauses between checks of something in progress, without end. They double from half a
/// second to 10 seconds.
pub(crate) fn looks() -> Pauses {
    growing(Duration::from_millis(500), Duration::from_secs(10))
        .without_max_times()
        .build()
}

/// Returns how to make [`pauses`].
pub(crate) fn backoff(retries: usize) -> ExponentialBuilder {
    growing(Duration::from_millis(250), Duration::from_secs(8)).with_max_times(retries)
}

fn growing(first: Duration, longest: Duration) -> ExponentialBuilder {
    // The jitter adds up to as much again.
    ExponentialBuilder::new()
        .with_min_delay(first / 2)
        .with_max_delay(longest / 2)
        .with_jitter()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_are_bounded_and_spread() {
        let seconds = |(least, most): (f64, f64), pause: Duration| {
            assert!((least..=most).contains(&pause.as_secs_f64()), "{pause:?}");
        };
        let expected = [
            (0.125, 0.25),
            (0.25, 0.5),
            (0.5, 1.0),
            (1.0, 2.0),
            (2.0, 4.0),
            (4.0, 8.0),
            (4.0, 8.0),
        ];
        let found: Vec<_> = pauses(7).collect();
        assert_eq!(found.len(), 7);
        for (bounds, pause) in expected.into_iter().zip(found) {
            seconds(bounds, pause);
        }
        let mut looks = looks();
        seconds((0.25, 0.5), looks.next().unwrap());
        seconds((5.0, 10.0), looks.nth(1000).unwrap());
    }
}
