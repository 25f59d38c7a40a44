//! Formats tables, times and durations.

use std::time::{Duration, UNIX_EPOCH};

/// Returns the rows with aligned columns, without trailing spaces.
pub(crate) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let lengths = rows.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or_default()
    });
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            cells.join("  ").trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

/// Formats seconds since 1970 as `2026-11-25T16:20:11Z`.
pub(crate) fn time(seconds: i64) -> String {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}

/// Formats milliseconds since 1970 as `2026-11-25T16:20:11.123Z`.
pub(crate) fn time_in_millis(millis: i64) -> String {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
}

/// Formats an age with its two largest units.
pub(crate) fn age(seconds: i64) -> String {
    let whole = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    let text = humantime::format_duration(whole).to_string();
    let parts: Vec<&str> = text.split(' ').take(2).collect();
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "bb", "c"], ["aaa", "b", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), "a    bb  c\naaa  b");
    }

    #[test]
    fn times_are_utc_and_ages_are_short() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time_in_millis(1), "1970-01-01T00:00:00.001Z");
        assert_eq!(age(3 * 86_400 + 2 * 3600 + 61), "3days 2h");
        assert_eq!(age(-5), "0s");
    }
}
