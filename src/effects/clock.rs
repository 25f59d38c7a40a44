//! Time and chance.

use std::time::Duration;

/// Waits.
pub(crate) async fn sleep(pause: Duration) {
    tokio::time::sleep(pause).await;
}

/// A number from 0 to 1, for spreading callers apart.
pub(crate) fn jitter() -> f64 {
    fastrand::f64()
}
