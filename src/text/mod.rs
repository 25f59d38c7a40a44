//! Text in messages and files.

use std::time::Duration;

pub(crate) mod decoding;
pub(crate) mod path;
mod similar;

pub(crate) use self::similar::{did_you_mean, nearest, suggestion};

/// Returns `1 file`, `2 files`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

/// Formats a number of bytes in powers of ten, such as `41.2 MB`.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(crate) fn byte_size(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        0 | 2..1_000 => format!("{bytes} bytes"),
        // More would be rounded to 1000.0 kB.
        1_000..999_950 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// Returns how long ago something was, in one unit: `2 days ago`.
pub(crate) fn ago(passed: Duration) -> String {
    let hours = passed.as_secs() / 3_600;
    let (count, unit) = match hours {
        0 => return "within the hour".to_owned(),
        1..24 => (hours, "hour"),
        _ => (hours / 24, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

/// Returns bytes as lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit =
        |nibble: u8| char::from_digit(u32::from(nibble), 16).expect("four bits are a digit");
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Returns the last lines of a text without the empty ones.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_in_powers_of_ten() {
        for (bytes, shown) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1_000, "1.0 kB"),
            (661_845, "661.8 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (51_587_861, "51.6 MB"),
        ] {
            assert_eq!(byte_size(bytes), shown);
        }
    }

    #[test]
    fn a_past_time_is_told_in_one_unit() {
        for (hours, told) in [
            (0, "within the hour"),
            (1, "1 hour ago"),
            (23, "23 hours ago"),
            (24, "1 day ago"),
            (50, "2 days ago"),
        ] {
            assert_eq!(ago(Duration::from_hours(hours)), told);
        }
    }

    #[test]
    fn the_last_lines_leave_out_empty_ones() {
        assert_eq!(last_lines("a\n\nb  \nc\n\n", 2), "b\nc");
        assert_eq!(last_lines("", 2), "");
    }
}
