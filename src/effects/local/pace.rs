//! How long the service's time limits last here: as long as in AWS, except in tests.

use std::time::Duration;

/// Divides every time limit, in debug builds only.
pub(super) const DIVISOR: &str = "CARGO_AGENTCORE_TIME_DIVISOR";

/// Returns how long a time limit of the service lasts.
pub(super) fn lasts(limit: Duration) -> Duration {
    limit / divisor()
}

/// Returns how long a slow client is waited for. Even in tests, a machine can be too busy for much
/// less.
pub(super) fn waits(limit: Duration) -> Duration {
    limit / divisor().min(3)
}

#[cfg(debug_assertions)]
fn divisor() -> u32 {
    use std::sync::OnceLock;

    use crate::effects::env;

    static READ: OnceLock<u32> = OnceLock::new();
    *READ.get_or_init(|| {
        let divisor = env::var(DIVISOR).and_then(|text| text.parse().ok());
        divisor.filter(|divisor| *divisor > 0).unwrap_or(1)
    })
}

#[cfg(not(debug_assertions))]
fn divisor() -> u32 {
    1
}
