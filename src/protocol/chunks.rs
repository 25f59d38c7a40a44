//! The size limit for the chunks of a streamed answer. In an event stream, a chunk is an event.

use super::limits;

/// Measures a stream, however its bytes are split.
#[derive(Debug, Default)]
pub struct Chunks {
    /// Bytes since the last event ended.
    length: usize,
    /// True if nothing but a line end has arrived since the last other byte.
    line_is_empty: bool,
    /// True if the last byte was a carriage return: a line feed after it belongs to the same line
    /// end.
    returned: bool,
}

impl Chunks {
    /// Returns false when an event exceeds the limit.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            self.length += 1;
            if self.length > limits::CHUNK {
                return false;
            }
            match byte {
                b'\n' if self.returned => {
                    self.returned = false;
                    // The line feed belongs to the event that just ended.
                    if self.length == 1 {
                        self.length = 0;
                    }
                }
                b'\n' | b'\r' => {
                    self.returned = *byte == b'\r';
                    if self.line_is_empty {
                        self.length = 0;
                    }
                    self.line_is_empty = true;
                }
                _ => {
                    self.returned = false;
                    self.line_is_empty = false;
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns an event of this length, including its end.
    fn event(length: usize, end: &str) -> Vec<u8> {
        let mut bytes = vec![b'x'; length - end.len()];
        bytes.extend_from_slice(end.as_bytes());
        bytes
    }

    #[test]
    fn events_of_the_largest_length_pass_and_longer_ones_do_not() {
        for end in ["\n\n", "\r\n\r\n", "\r\r"] {
            let mut chunks = Chunks::default();
            for _ in 0..3 {
                assert!(chunks.push(&event(limits::CHUNK, end)), "{end:?}");
            }
            assert!(!chunks.push(&event(limits::CHUNK + 2, end)), "{end:?}");
        }
    }

    #[test]
    fn a_line_alone_ends_no_event() {
        let mut chunks = Chunks::default();
        let line = event(limits::CHUNK / 2, "\r\n");
        assert!(chunks.push(&line));
        assert!(chunks.push(&line));
        assert!(!chunks.push(&line));
    }

    proptest! {
        #[test]
        fn it_is_the_same_however_the_bytes_are_cut(
            pieces in proptest::collection::vec("[ab\r\n]{0,12}", 0..20),
        ) {
            let mut cut = Chunks::default();
            for piece in &pieces {
                prop_assert!(cut.push(piece.as_bytes()));
            }
            let mut whole = Chunks::default();
            prop_assert!(whole.push(pieces.concat().as_bytes()));
            prop_assert_eq!(format!("{cut:?}"), format!("{whole:?}"));
        }
    }
}
