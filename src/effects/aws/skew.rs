//! How far this machine's clock is from the services' clocks. They refuse requests that were signed
//! more than five minutes ago, or in the future.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_smithy_types::{DateTime, date_time::Format};

/// A smaller difference is not corrected, as in the SDKs: it cannot be the reason for a refusal.
const TOLERATED: Duration = Duration::from_mins(4);

/// The codes of refusals that a wrong clock can cause.
const CODES: [&str; 7] = [
    "AccessDeniedException",
    "AuthFailure",
    "InvalidSignatureException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
];

/// What all requests of a session know about the difference. Its clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Skew(Arc<AtomicI64>);

/// A correction of this machine's clock, in milliseconds; positive if the services are ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shift(i64);

impl Skew {
    /// Returns the correction for the next request.
    pub(super) fn shift(&self) -> Shift {
        Shift(self.0.load(Ordering::Relaxed))
    }

    /// Compares the `Date` of an answer with the time when it arrived. Returns true if the request
    /// was signed with a wrong time.
    pub(super) fn learn(&self, signed_with: Shift, date: &str, received: SystemTime) -> bool {
        let Some(server) = DateTime::from_str(date, Format::HttpDate)
            .ok()
            .and_then(|date| SystemTime::try_from(date).ok())
        else {
            return false;
        };
        let difference = distance(received, server);
        let corrected = if is_tolerated(difference) {
            0
        } else {
            difference
        };
        self.0.store(corrected, Ordering::Relaxed);
        !is_tolerated(difference.saturating_sub(signed_with.0))
    }
}

impl Shift {
    /// Returns the services' time at this time of the machine's clock.
    pub(super) fn applied_to(self, time: SystemTime) -> SystemTime {
        let shift = Duration::from_millis(self.0.unsigned_abs());
        let shifted = if self.0 < 0 {
            time.checked_sub(shift)
        } else {
            time.checked_add(shift)
        };
        shifted.unwrap_or(time)
    }
}

/// Returns whether a wrong clock can be the reason for this refusal.
pub(super) fn may_explain(code: Option<&str>) -> bool {
    code.is_some_and(|code| CODES.contains(&code))
}

fn is_tolerated(milliseconds: i64) -> bool {
    Duration::from_millis(milliseconds.unsigned_abs()) <= TOLERATED
}

/// Returns the milliseconds from one time to another.
fn distance(from: SystemTime, to: SystemTime) -> i64 {
    let whole = |between: Duration| i64::try_from(between.as_millis()).unwrap_or(i64::MAX);
    match to.duration_since(from) {
        Ok(ahead) => whole(ahead),
        Err(behind) => -whole(behind.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Mon, 12 Oct 2026 12:00:00 GMT";

    fn minutes_from_date(minutes: i64) -> SystemTime {
        let noon = DateTime::from_str(DATE, Format::HttpDate).unwrap();
        SystemTime::try_from(DateTime::from_secs(noon.secs() + minutes * 60)).unwrap()
    }

    #[test]
    fn a_clock_is_corrected_once_in_both_directions() {
        for wrong_by in [-600, -5, 5, 600] {
            let skew = Skew::default();
            let (received, at_first) = (minutes_from_date(wrong_by), skew.shift());
            assert!(skew.learn(at_first, DATE, received), "{wrong_by}");
            let shift = skew.shift();
            assert_eq!(shift.applied_to(received), minutes_from_date(0));
            assert!(!skew.learn(shift, DATE, received), "it was corrected");
            // Another request was signed before that.
            assert!(skew.learn(at_first, DATE, received));
        }
    }

    #[test]
    fn a_small_difference_and_an_unreadable_date_change_nothing() {
        let skew = Skew::default();
        let shift = skew.shift();
        for minutes in [-3, 0, 3] {
            let received = minutes_from_date(minutes);
            assert!(!skew.learn(shift, DATE, received));
            assert_eq!(skew.shift().applied_to(received), received);
        }
        assert!(!skew.learn(shift, "soon", minutes_from_date(600)));
        assert_eq!(skew.shift(), shift);
    }

    #[test]
    fn a_clock_that_was_set_right_is_not_corrected_anymore() {
        let skew = Skew::default();
        assert!(skew.learn(skew.shift(), DATE, minutes_from_date(60)));
        assert!(skew.learn(skew.shift(), DATE, minutes_from_date(0)));
        let now = minutes_from_date(0);
        assert_eq!(skew.shift().applied_to(now), now);
    }
}
