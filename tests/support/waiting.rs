//! Waiting for what happens in another process or thread.

use std::{
    fmt::Display,
    thread,
    time::{Duration, Instant},
};

/// How long anything is waited for before the test fails: longer than a busy machine needs.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until something holds. Fails with `why` if it never does.
#[track_caller]
pub fn eventually<W: Display>(why: impl Fn() -> W, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{}", why());
        thread::sleep(Duration::from_millis(30));
    }
}
