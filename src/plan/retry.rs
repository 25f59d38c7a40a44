//! When to retry.

use std::time::Duration;

use crate::config::Platform;

/// How often a role is written and read back at most.
pub(crate) const ROLE_ROUNDS: u32 = 6;

/// Returns the pause before `attempt` (from 1). It doubles up to a limit, and `jitter` (0 to 1)
/// spreads several callers.
pub(crate) fn pause(attempt: u32, jitter: f64) -> Duration {
    let bound = 0.25 * f64::from(2_u32.saturating_pow(attempt.saturating_sub(1).min(5)));
    Duration::from_secs_f64(bound * (0.5 + 0.5 * jitter.clamp(0.0, 1.0)))
}

/// The time limit for a deletion; the service takes minutes.
pub(crate) const DELETION: Duration = Duration::from_mins(30);

/// The time limit for an endpoint, or a runtime on platform V1, to become READY.
pub(crate) const READY: Duration = Duration::from_mins(15);

/// The time limit for a runtime on platform V2, which takes minutes for every version.
const READY_ON_V2: Duration = Duration::from_mins(30);

/// Returns the time limit for a runtime to become READY. A new one may be on any platform.
pub(crate) fn ready_on(platform: Option<Platform>) -> Duration {
    match platform {
        Some(Platform::V1) => READY,
        Some(Platform::V2) | None => READY_ON_V2,
    }
}

/// How often a waiting user gets a message.
pub(crate) const WORD_EVERY: Duration = Duration::from_secs(10);

/// The pause between two queries of a log that is followed.
pub(crate) const FOLLOW: Duration = Duration::from_secs(1);

/// Returns the pause between two checks of something in progress.
pub(crate) fn look(attempt: u32, jitter: f64) -> Duration {
    let bound = (0.5 * f64::from(2_u32.saturating_pow(attempt.saturating_sub(1).min(5)))).min(10.0);
    Duration::from_secs_f64(bound * (0.5 + 0.5 * jitter.clamp(0.0, 1.0)))
}

/// Why a POST to an agent failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setback {
    /// The service throttled the request: 429.
    Throttled,
    /// The session is busy: `RetryableConflictException`.
    Busy,
    /// The connection was refused: nothing was sent.
    Unreachable,
    /// Anything else. The agent may have processed the request.
    Other,
}

/// Returns the pause before a failed POST is sent again, after `attempt` failures (from 1). Returns
/// `None` if the agent may have received it, or after too many attempts.
pub(crate) fn repeat(setback: Setback, attempt: u32, jitter: f64) -> Option<Duration> {
    let attempts = match setback {
        Setback::Throttled | Setback::Busy => 6,
        Setback::Unreachable => 3,
        Setback::Other => 0,
    };
    (attempt < attempts).then(|| pause(attempt, jitter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_agent_has_seen_is_sent_again_and_not_for_ever() {
        assert_eq!(repeat(Setback::Other, 1, 1.0), None);
        for (setback, most) in [
            (Setback::Throttled, 6),
            (Setback::Busy, 6),
            (Setback::Unreachable, 3),
        ] {
            assert_eq!(repeat(setback, 1, 1.0), Some(pause(1, 1.0)));
            assert!(repeat(setback, most - 1, 0.0).is_some());
            assert_eq!(repeat(setback, most, 0.0), None);
        }
    }

    #[test]
    fn pauses_grow_are_bounded_and_spread() {
        assert_eq!(pause(1, 1.0), Duration::from_millis(250));
        assert_eq!(pause(1, 0.0), Duration::from_millis(125));
        assert_eq!(pause(3, 1.0), Duration::from_secs(1));
        assert_eq!(pause(60, 1.0), Duration::from_secs(8));
        assert_eq!(look(60, 1.0), Duration::from_secs(10));
    }
}
