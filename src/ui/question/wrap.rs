//! Wraps text to a terminal's width.

use dialoguer::console::measure_text_width;

const ELLIPSIS: char = '…';

/// Wraps the text to rows of at most `width` columns, at spaces, and inside a word only if it is
/// longer than a row. Keeps a trailing space, and an empty text as a row.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let row = rows.last().map_or("", String::as_str);
        if !row.is_empty() && measure_text_width(row) + measure_text_width(word.trim_end()) > width
        {
            rows.push(String::new());
        }
        for letter in word.chars() {
            push(&mut rows, letter, width);
        }
    }
    rows
}

/// Appends a letter, to a new row if the last one is full.
pub(super) fn push(rows: &mut Vec<String>, letter: char, width: usize) {
    let taken = rows.last().map_or(0, |row| measure_text_width(row));
    if rows.is_empty() || taken + columns(letter) > width {
        // The line break replaces the space.
        if letter == ' ' && taken > 0 {
            return;
        }
        rows.push(String::new());
    }
    if let Some(row) = rows.last_mut() {
        row.push(letter);
    }
}

/// Returns the text, or as much of it as fits into a row, with an ellipsis.
pub(in crate::ui) fn cut(text: &str, width: usize) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    let mut taken = columns(ELLIPSIS);
    let fits = text.chars().take_while(|letter| {
        taken += columns(*letter);
        taken <= width
    });
    let fits: String = fits.collect();
    match width {
        0 => String::new(),
        _ => format!("{}{ELLIPSIS}", fits.trim_end()),
    }
}

fn columns(letter: char) -> usize {
    measure_text_width(letter.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_row_breaks_at_a_space() {
        assert_eq!(wrapped("one two three", 8), ["one two ", "three"]);
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("AWS region: ", 40), ["AWS region: "]);
        assert_eq!(wrapped("", 40), [""]);
    }

    #[test]
    fn a_word_longer_than_a_row_breaks_inside() {
        assert_eq!(wrapped("a abcdefgh", 4), ["a ", "abcd", "efgh"]);
        assert_eq!(wrapped("東京都東京都", 4), ["東京", "都東", "京都"]);
    }

    #[test]
    fn a_text_that_does_not_fit_ends_with_an_ellipsis() {
        assert_eq!(cut("one two", 7), "one two");
        assert_eq!(cut("one two", 6), "one t…");
        assert_eq!(cut("one two", 5), "one…");
        assert_eq!(cut("東京都", 5), "東京…");
        assert_eq!(cut("東京都", 4), "東…");
        assert_eq!(cut("one", 0), "");
    }

    proptest! {
        #[test]
        fn no_row_is_too_long_and_no_letter_is_lost(text in "[a-z東 ]{0,60}", width in 2_usize..50) {
            let rows = wrapped(&text, width);
            for row in &rows {
                prop_assert!(measure_text_width(row) <= width, "{:?}", rows);
            }
            let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(letters(&rows.concat()), letters(&text));
        }
    }
}
