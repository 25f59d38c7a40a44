//! When to retry.

use std::time::Duration;

use crate::config::Platform;

/// How often a role is written again at most, because it did not read back as written.
pub(crate) const ROLE_RETRIES: usize = 5;

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

impl Setback {
    /// Returns how many attempts there are in all: one if the agent may have received the POST.
    pub(crate) fn attempts(self) -> usize {
        match self {
            Self::Throttled | Self::Busy => 6,
            Self::Unreachable => 3,
            Self::Other => 1,
        }
    }
}
