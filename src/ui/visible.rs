//! Escapes foreign text so that it cannot control the terminal.
//!
//! Terminals act on control characters in C0 and C1, in UTF-8 and as single bytes. Bidirectional
//! controls change the reading order, and zero-width characters are invisible. Each of them is
//! escaped separately, so a sequence that is split between two pieces is harmless too. Joiners and
//! variation selectors are kept where scripts and emoji need them: after one non-ASCII character.

use std::fmt::Write as _;

use crate::names::is_hidden;

/// How to write an escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// `\x1b` and `\u{202e}`, as in Rust.
    Text,
    /// `\u001b`, which has the same meaning in a JSON string.
    Json,
}

/// Escapes text in pieces.
#[derive(Debug)]
pub(super) struct Filter {
    escape: Escape,
    /// The first bytes of an incomplete character.
    begun: Vec<u8>,
    /// True after a carriage return, which is only harmless before a line feed.
    returned: bool,
    before: char,
}

/// Returns the text with escapes for the terminal.
pub(super) fn visible(text: &str) -> String {
    visible_as(text, Escape::Text)
}

/// Like [`visible`], for a JSON document, which stays valid.
pub(super) fn visible_as(text: &str, escape: Escape) -> String {
    let mut filter = Filter::new(escape);
    filter.push(text.as_bytes()) + &filter.finish()
}

impl Filter {
    pub(super) fn new(escape: Escape) -> Self {
        Self {
            escape,
            begun: Vec::new(),
            returned: false,
            before: '\n',
        }
    }

    /// Returns the text that is complete so far.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        let mut bytes_so_far = std::mem::take(&mut self.begun);
        bytes_so_far.extend_from_slice(bytes);
        let mut shown = String::with_capacity(bytes_so_far.len());
        let mut chunks = bytes_so_far.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            for character in chunk.valid().chars() {
                self.character(character, &mut shown);
            }
            let broken = chunk.invalid();
            if chunks.peek().is_none() && is_beginning(broken) {
                self.begun = broken.to_vec();
            } else {
                self.bytes(broken, &mut shown);
            }
        }
        shown
    }

    /// Returns the rest at the end.
    pub(super) fn finish(&mut self) -> String {
        let mut shown = String::new();
        let begun = std::mem::take(&mut self.begun);
        self.bytes(&begun, &mut shown);
        self.end_return(&mut shown);
        self.before = '\n';
        shown
    }

    fn character(&mut self, character: char, shown: &mut String) {
        if character == '\n' {
            self.returned = false;
        }
        self.end_return(shown);
        if character == '\r' {
            self.returned = true;
        } else if is_shown(self.before, character) {
            shown.push(character);
            self.before = character;
        } else {
            self.escaped(character, shown);
        }
    }

    fn end_return(&mut self, shown: &mut String) {
        if std::mem::take(&mut self.returned) {
            self.escaped('\r', shown);
        }
    }

    fn escaped(&mut self, character: char, shown: &mut String) {
        self.before = '\\';
        // Writing to a String cannot fail.
        let _ = match self.escape {
            Escape::Text if character == '\r' => shown.write_str("\\r"),
            Escape::Text if character.is_ascii() => {
                write!(shown, "\\x{:02x}", u32::from(character))
            }
            Escape::Text => write!(shown, "{}", character.escape_unicode()),
            Escape::Json => character
                .encode_utf16(&mut [0; 2])
                .iter()
                .try_for_each(|unit| write!(shown, "\\u{unit:04x}")),
        };
    }

    /// Escapes invalid UTF-8, which terminals with another encoding would act on.
    fn bytes(&mut self, bytes: &[u8], shown: &mut String) {
        if !bytes.is_empty() {
            self.end_return(shown);
            self.before = '\\';
        }
        for byte in bytes {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
}

/// Returns true if more bytes could complete a character.
fn is_beginning(bytes: &[u8]) -> bool {
    !bytes.is_empty() && std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

fn is_shown(before: char, character: char) -> bool {
    match character {
        '\n' | '\t' => true,
        '\u{200b}'..='\u{200d}' => !before.is_ascii() && !joins(before),
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => {
            let is_keycap = matches!(before, '0'..='9' | '#' | '*');
            (is_keycap || !before.is_ascii()) && !joins(before) && !selects(before)
        }
        _ => !is_hidden(character),
    }
}

/// Returns true for zero-width spaces, non-joiners and joiners.
fn joins(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200d}')
}

/// Returns true for variation selectors.
fn selects(character: char) -> bool {
    matches!(character, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sequences_that_act_on_a_terminal_are_shown() {
        for (text, shown) in [
            ("\x1b]52;c;cm0gLXJm\x07", r"\x1b]52;c;cm0gLXJm\x07"),
            ("\x1b]8;;http://x\x1b\\link", r"\x1b]8;;http://x\x1b\link"),
            ("\x1b[2J\x1b[31mred", r"\x1b[2J\x1b[31mred"),
            ("\u{9b}2J \u{9d}0;t\u{9c}", r"\u{9b}2J \u{9d}0;t\u{9c}"),
            ("safe\rgone", r"safe\rgone"),
            ("del\x7f back\x08 nul\0", r"del\x7f back\x08 nul\x00"),
            (
                "a\u{202e}b\u{2066}c\u{200f}",
                r"a\u{202e}b\u{2066}c\u{200f}",
            ),
            (
                "pr\u{200b}od \u{e0041}\u{feff}",
                r"pr\u{200b}od \u{e0041}\u{feff}",
            ),
            ("葛\u{200d}\u{200d}", "葛\u{200d}\\u{200d}"),
            ("葛\u{e0100}\u{e0101}", "葛\u{e0100}\\u{e0101}"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn what_people_write_stays() {
        for text in [
            "two\nlines\tand a tab",
            "Grüße, 東京, שלום, مرحبا, สวัสดี, C:\\new",
            "👩\u{200d}💻 1\u{fe0f}\u{20e3} 👁\u{fe0f}\u{200d}🗨\u{fe0f} 葛\u{e0100}",
            "می\u{200c}خواهم क्\u{200d}ष",
        ] {
            assert_eq!(visible(text), text);
        }
        assert_eq!(visible("one\r\ntwo\r\n"), "one\ntwo\n");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown() {
        let mut filter = Filter::new(Escape::Text);
        assert_eq!(filter.push(b"a\x9b2J\xff\xc3"), r"a\x9b2J\xff");
        assert_eq!(filter.push(b"\xa9\xe2\x82"), "é");
        assert_eq!(filter.push(b"x\r"), r"\xe2\x82x");
        assert_eq!(filter.finish(), r"\r");
        assert_eq!(filter.finish(), "");
    }

    fn hostile() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof![
                any::<char>(),
                proptest::char::range('\0', '\u{a0}'),
                proptest::char::range('\u{2000}', '\u{2070}'),
                proptest::char::range('\u{fe00}', '\u{feff}'),
                proptest::char::range('\u{e0000}', '\u{e01ef}'),
            ],
            0..40,
        )
        .prop_map(|characters| characters.into_iter().collect())
    }

    proptest! {
        #[test]
        fn nothing_that_controls_comes_out(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut filter = Filter::new(Escape::Text);
            let shown = filter.push(&bytes) + &filter.finish();
            let harmless = |c: char| c == '\n' || c == '\t' || !is_hidden(c);
            prop_assert!(shown.chars().all(harmless), "{shown:?}");
        }

        #[test]
        fn wherever_the_bytes_are_split_the_same_is_shown(
            text in hostile(),
            noise in proptest::collection::vec(any::<u8>(), 0..8),
            at in any::<prop::sample::Index>(),
        ) {
            let mut bytes = text.into_bytes();
            let noise_at = at.index(bytes.len() + 1);
            bytes.splice(noise_at..noise_at, noise);
            let mut whole = Filter::new(Escape::Text);
            let whole = whole.push(&bytes) + &whole.finish();
            let mut single = Filter::new(Escape::Text);
            let mut shown: String = bytes.chunks(1).map(|byte| single.push(byte)).collect();
            shown += &single.finish();
            prop_assert_eq!(&shown, &whole);
            let (head, tail) = bytes.split_at(at.index(bytes.len() + 1));
            let mut halves = Filter::new(Escape::Text);
            let shown = halves.push(head) + &halves.push(tail) + &halves.finish();
            prop_assert_eq!(shown, whole);
        }

        #[test]
        fn what_was_shown_is_shown_again_as_it_is(text in hostile()) {
            let shown = visible(&text);
            prop_assert_eq!(visible(&shown), shown);
        }

        #[test]
        fn a_json_document_says_the_same(text in hostile()) {
            let document = serde_json::json!({ "a": [text] });
            let printed = serde_json::to_string_pretty(&document).unwrap();
            let shown = visible_as(&printed, Escape::Json);
            let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
            prop_assert_eq!(read, document);
        }
    }
}
