//! Finds what two processes restored from one snapshot have in common.

use std::{collections::BTreeSet, time::Duration};

/// Shorter texts can be equal by chance.
const SHORTEST: usize = 8;
/// A number within a day of the current time counts as a time.
const DAY: f64 = 86_400.0;

/// Finds a text that two processes from one snapshot both answered and an independent process did
/// not. Such a text was made before the snapshot, or comes from the same state of a random
/// generator.
pub fn shared(
    first: &str,
    second: &str,
    other: &str,
    asked: &str,
    now: Duration,
) -> Option<String> {
    let (first, second) = (words(first, now), words(second, now));
    let known: BTreeSet<String> = words(other, now)
        .union(&words(asked, now))
        .cloned()
        .collect();
    let common = first.intersection(&second);
    common
        .filter(|word| !known.contains(*word))
        .max_by_key(|word| word.len())
        .cloned()
}

/// Returns the words that may be IDs or random numbers.
fn words(text: &str, now: Duration) -> BTreeSet<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_.:".contains(letter);
    text.split(|letter| !is_part(letter))
        .map(|word| word.trim_matches(['-', '_', '.', ':']))
        .filter(|word| is_random(word, now))
        .map(str::to_owned)
        .collect()
}

fn is_random(word: &str, now: Duration) -> bool {
    word.len() >= SHORTEST
        && word.bytes().filter(u8::is_ascii_digit).count() >= 2
        && !word.starts_with("0x")
        && !is_date(word)
        && !is_time(word, now)
}

/// Returns whether the word is a date such as `2026-11-29T06`.
fn is_date(word: &str) -> bool {
    let bytes = word.as_bytes();
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    bytes.len() >= 10
        && digits(&bytes[..4])
        && bytes[4] == b'-'
        && digits(&bytes[5..7])
        && bytes[7] == b'-'
        && digits(&bytes[8..10])
}

/// Returns whether the word is the current time in seconds, milliseconds, microseconds or
/// nanoseconds.
fn is_time(word: &str, now: Duration) -> bool {
    let Ok(number) = word.parse::<f64>() else {
        return false;
    };
    [1.0, 1e3, 1e6, 1e9]
        .iter()
        .any(|unit| (number / unit - now.as_secs_f64()).abs() < DAY)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Duration = Duration::from_hours(498_864);

    fn found(first: &str, second: &str, other: &str) -> Option<String> {
        shared(
            first,
            second,
            other,
            r#"{"prompt": "Hello check-12345678"}"#,
            NOW,
        )
    }

    #[test]
    fn an_id_that_only_the_two_have_is_found() {
        let id = "9f0c62cf-05b4-4b0e-a95e-17a6ae8f7a51";
        let answer = |id: &str| format!(r#"{{"id": "{id}", "answer": "Hello"}}"#);
        let other = answer("5d7de5b0-9a5c-4b3f-8a2e-0c9c3c7d1a44");
        assert_eq!(found(&answer(id), &answer(id), &other).as_deref(), Some(id));
        // From the code, not the process.
        assert_eq!(found(&answer(id), &answer(id), &answer(id)), None);
        // Made for the request.
        assert_eq!(found(&answer(id), &other, &answer("7c1e39a2-0")), None);
        let number = "0.8444218515250481";
        assert_eq!(
            found(number, number, "0.7579544029403025").as_deref(),
            Some(number)
        );
    }

    #[test]
    fn what_is_asked_and_what_the_clock_says_is_no_id() {
        for text in [
            "check-12345678",
            "1795910400",
            "1795910399.25",
            "1795910400123",
            "2026-11-29T06:35:26.123456+00:00",
            "0x7f3a1c2b5d90",
            "internationalization",
            "v1.2",
        ] {
            assert_eq!(found(text, text, ""), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_process_of_its_own_says_too_is_not_found(text in ".{0,200}", more in ".{0,50}") {
            prop_assert_eq!(found(&text, &text, &format!("{text} {more}")), None);
        }

        #[test]
        fn what_is_found_stands_in_both(first in "[a-f0-9-]{0,60}", second in "[a-f0-9-]{0,60}") {
            if let Some(word) = found(&first, &second, "") {
                prop_assert!(first.contains(&word) && second.contains(&word));
            }
        }
    }
}
