//! When something is tried again.

use std::time::Duration;

/// How often a role is written and read back before its state is given up on.
pub(crate) const ROLE_ROUNDS: u32 = 6;

/// The pause before round `attempt` (from 1): it doubles up to a bound, and `jitter` (0 to 1) spreads
/// several callers apart.
pub(crate) fn pause(attempt: u32, jitter: f64) -> Duration {
    let bound = 0.25 * f64::from(2_u32.saturating_pow(attempt.saturating_sub(1).min(5)));
    Duration::from_secs_f64(bound * (0.5 + 0.5 * jitter.clamp(0.0, 1.0)))
}

/// How long a deletion may take before it is given up on; the service takes minutes.
pub(crate) const DELETION: Duration = Duration::from_mins(30);

/// How long a runtime or an endpoint may take to become READY before it is given up on.
pub(crate) const READY: Duration = Duration::from_mins(15);

/// How often a person who waits is told so.
pub(crate) const WORD_EVERY: Duration = Duration::from_secs(10);

/// The pause between two readings of a log that is followed.
pub(crate) const FOLLOW: Duration = Duration::from_secs(1);

/// The pause between two looks at something that is on its way.
pub(crate) fn look(attempt: u32, jitter: f64) -> Duration {
    let bound = (0.5 * f64::from(2_u32.saturating_pow(attempt.saturating_sub(1).min(5)))).min(10.0);
    Duration::from_secs_f64(bound * (0.5 + 0.5 * jitter.clamp(0.0, 1.0)))
}

/// Why a POST to an agent came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setback {
    /// The service took no request: 429.
    Throttled,
    /// The session is at work on something else: `RetryableConflictException`.
    Busy,
    /// Nobody listens: not one byte was sent.
    Unreachable,
    /// Anything else. The agent may have done its work.
    Other,
}

/// The pause before a POST that came to nothing for the `attempt`-th time (from 1) is sent again;
/// `None` where it must not be, because the agent may have seen it, or where it is enough.
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
