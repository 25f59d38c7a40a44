//! Decodes `text/event-stream` as it arrives and returns the `data` of each event.
//!
//! Pure; the result does not depend on how the bytes are split. Each byte is looked at once,
//! because one event may be 10 MB long. Invalid UTF-8 passes through unchanged.

/// The longest event that is kept. The service's own chunks have at most 10 MB.
const LONGEST_EVENT: usize = 16 << 20;

/// The decoder's state between two pieces.
#[derive(Debug, Default)]
pub(crate) struct EventStream {
    /// The current line so far.
    line: Vec<u8>,
    /// The current event's data so far.
    data: Option<Vec<u8>>,
    /// True if the last byte was a carriage return: a line feed after it does not end another line.
    returned: bool,
    /// True once a line has ended. A byte order mark can only come before that.
    begun: bool,
    /// True if an event was too long. Decoding stops then.
    overflowed: bool,
}

impl EventStream {
    /// Returns true if an event was too long.
    pub(crate) fn has_overflowed(&self) -> bool {
        self.overflowed
    }

    /// Returns the data of the events that end within these bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut events = Vec::new();
        let mut rest = if self.overflowed { &[] } else { bytes };
        if self.returned && !rest.is_empty() {
            self.returned = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            if !self.keep(&rest[..at]) {
                return events;
            }
            let ending = rest[at];
            rest = &rest[at + 1..];
            if ending == b'\r' {
                match rest.first() {
                    Some(b'\n') => rest = &rest[1..],
                    Some(_) => {}
                    None => self.returned = true,
                }
            }
            events.extend(self.end_line());
        }
        self.keep(rest);
        events
    }

    /// Adds a part of a line, unless it makes the event too long.
    fn keep(&mut self, part: &[u8]) -> bool {
        let data = self.data.as_ref().map_or(0, Vec::len);
        if data + self.line.len() + part.len() > LONGEST_EVENT {
            (self.line, self.data) = (Vec::new(), None);
            self.overflowed = true;
        } else {
            self.line.extend_from_slice(part);
        }
        !self.overflowed
    }

    /// Returns the last event if only its final empty line is missing. An incomplete line counts
    /// only if the stream was not cut off.
    pub(crate) fn finish(mut self, whole: bool) -> Option<Vec<u8>> {
        if whole && !self.line.is_empty() {
            self.end_line();
        }
        self.data
    }

    fn end_line(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            return self.data.take();
        }
        let value = match line.strip_prefix(b"data") {
            Some(b"") => b"",
            Some([b':', b' ', value @ ..] | [b':', value @ ..]) => value,
            // A comment, or a field that is not part of the answer.
            _ => return None,
        };
        match &mut self.data {
            Some(data) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            None => self.data = Some(value.to_vec()),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(pieces: &[&[u8]]) -> Vec<String> {
        let mut stream = EventStream::default();
        let mut events: Vec<Vec<u8>> = pieces.iter().flat_map(|piece| stream.push(piece)).collect();
        events.extend(stream.finish(true));
        events
            .into_iter()
            .map(|event| String::from_utf8(event).unwrap())
            .collect()
    }

    const STREAM: &str = "\u{feff}: hello\r\ndata: \"Grüße \"\r\n\r\nevent: x\rdata:\"東京\"\r\rid: 3\ndata: {\"a\":\ndata:  1}\n\n\ndata\n\nretry: 5\n\ndata: 🦀";

    #[test]
    fn all_line_endings_fields_and_comments_are_understood() {
        assert_eq!(
            decoded(&[STREAM.as_bytes()]),
            ["\"Grüße \"", "\"東京\"", "{\"a\":\n 1}", "", "🦀"]
        );
    }

    #[test]
    fn wherever_the_bytes_are_split_the_same_events_come_out() {
        let whole = decoded(&[STREAM.as_bytes()]);
        for at in 0..=STREAM.len() {
            let (head, tail) = STREAM.as_bytes().split_at(at);
            assert_eq!(decoded(&[head, tail]), whole, "split at byte {at}");
        }
        let single: Vec<&[u8]> = STREAM.as_bytes().chunks(1).collect();
        assert_eq!(decoded(&single), whole);
    }

    #[test]
    fn a_line_that_was_cut_off_is_no_event() {
        let mut stream = EventStream::default();
        assert!(stream.push(b"data: \"hal").is_empty());
        assert_eq!(stream.finish(false), None);
        let mut stream = EventStream::default();
        assert!(stream.push(b"data: \"whole\"\n").is_empty());
        assert_eq!(stream.finish(false).unwrap(), b"\"whole\"");
    }

    #[test]
    fn an_event_that_goes_on_and_on_is_dropped_and_what_came_before_is_not() {
        let mut stream = EventStream::default();
        assert_eq!(stream.push(b"data: 1\n\ndata: 2"), [b"1"]);
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..16 {
            assert!(!stream.has_overflowed());
            assert!(stream.push(&piece).is_empty());
        }
        assert!(stream.has_overflowed());
        assert!(stream.push(b"\n\ndata: 3\n\n").is_empty());
        assert_eq!(stream.finish(true), None);
        // Many short lines.
        let mut stream = EventStream::default();
        let line = [b"data: ".as_slice(), &[b'x'; 1000], b"\n"].concat();
        for _ in 0..17_000 {
            stream.push(&line);
        }
        assert!(stream.has_overflowed());
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_decode_the_same(
            text in "(data: ?|[\\n\\r]|:|x|é){0,40}",
            cuts in proptest::collection::vec(0_usize..80, 0..6),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.push(bytes.len());
            cuts.sort_unstable();
            let mut from = 0;
            let pieces: Vec<&[u8]> = cuts
                .into_iter()
                .map(|to| &bytes[std::mem::replace(&mut from, to)..to])
                .collect();
            prop_assert_eq!(decoded(&pieces), decoded(&[bytes]));
        }
    }
}
