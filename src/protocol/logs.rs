//! Where the service stores an agent's output.

use std::fmt::Write as _;

/// The prefix of the names of runtimes' log groups.
pub const PREFIX: &str = "/aws/bedrock-agentcore/runtimes/";

/// The part of a stream's name that marks an agent's output. More can follow before the `]`.
pub const RUNTIME_LOGS: &str = "[runtime-logs";

/// Returns the log group of an endpoint. The service creates it with the first session.
pub fn group(runtime_id: &str, endpoint: &str) -> String {
    format!("{PREFIX}{runtime_id}-{endpoint}")
}

/// Returns the common prefix of the log groups of a runtime's endpoints. A runtime's name cannot
/// contain a hyphen.
pub fn group_prefix(runtime_name: &str) -> String {
    format!("{PREFIX}{runtime_name}-")
}

/// Returns the log stream of a process that started at this time, in seconds since the Unix epoch.
pub fn stream(started: u64, unique: &str) -> String {
    let (year, month, day) = date(started / 86_400);
    let mut name = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        name,
        "{year:04}/{month:02}/{day:02}/{RUNTIME_LOGS}]{unique}"
    );
    name
}

/// Converts a day since the Unix epoch to a date in the Gregorian calendar. Counts whole cycles of
/// 400 years, then years and months of a year that starts in March, so that the leap day comes
/// last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (cycle * 400 + year + carry, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn groups_and_streams_have_the_services_names() {
        assert_eq!(
            group("my_agent-AbCdEf1234", "DEFAULT"),
            "/aws/bedrock-agentcore/runtimes/my_agent-AbCdEf1234-DEFAULT"
        );
        assert!(group("a-AbCdEf1234", "x").starts_with(&group_prefix("a")));
        assert!(!group("ab-AbCdEf1234", "x").starts_with(&group_prefix("a")));
        assert_eq!(stream(1_795_910_400, "id"), "2026/11/29/[runtime-logs]id");
        assert_eq!(stream(1_795_910_399, "id"), "2026/11/28/[runtime-logs]id");
    }

    #[test]
    fn leap_years_are_known() {
        for (days, expected) in [
            (0, (1970, 1, 1)),
            (58, (1970, 2, 28)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (47_540, (2100, 2, 28)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(date(days), expected, "{days}");
        }
    }

    proptest! {
        #[test]
        fn each_day_follows_the_one_before(days in 0_u64..200_000) {
            let (year, month, day) = date(days);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + u64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let next = match (day == length, month) {
                (false, _) => (year, month, day + 1),
                (true, 12) => (year + 1, 1, 1),
                (true, _) => (year, month + 1, 1),
            };
            prop_assert_eq!(date(days + 1), next);
        }
    }
}
