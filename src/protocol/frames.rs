//! Checks the frames of a WebSocket (RFC 6455, section 5.2) against the service's limits while they
//! pass through.

use std::time::Duration;

use super::limits;

const CLOSE: u8 = 8;

/// Follows one direction of a WebSocket, however its bytes are split.
#[derive(Debug, Default)]
pub struct Frames {
    /// The frame's head so far.
    head: Vec<u8>,
    /// How many bytes of the frame are missing.
    left: u64,
    /// True once this side has sent a close frame.
    is_closed: bool,
    /// The start of the second in which frames are counted.
    second: Duration,
    count: u32,
}

/// The limit that a frame exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    TooLong,
    TooMany,
}

impl Violation {
    /// Returns the WebSocket close code.
    pub fn code(self) -> u16 {
        match self {
            Self::TooLong => 1009,
            Self::TooMany => 1008,
        }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooLong => write!(f, "a frame is longer than {} bytes", limits::FRAME),
            Self::TooMany => write!(
                f,
                "more than {} frames came within a second",
                limits::FRAMES_PER_SECOND
            ),
        }
    }
}

impl Frames {
    /// Appends the bytes that may pass to `out`. No byte of a frame that exceeds a limit passes.
    pub fn push(
        &mut self,
        mut bytes: &[u8],
        now: Duration,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        while let Some((first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let length = usize::try_from(self.left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                out.extend_from_slice(&bytes[..length]);
                self.left -= length as u64;
                bytes = &bytes[length..];
                continue;
            }
            self.head.push(*first);
            bytes = rest;
            let Some(length) = whole_head(&self.head) else {
                continue;
            };
            if length > limits::FRAME as u64 {
                return Err(Violation::TooLong);
            }
            self.count(now)?;
            self.is_closed |= self.head[0] & 0x0f == CLOSE;
            out.append(&mut self.head);
            self.left = length;
        }
        Ok(())
    }

    fn count(&mut self, now: Duration) -> Result<(), Violation> {
        if now.saturating_sub(self.second) >= Duration::from_secs(1) {
            self.second = now;
            self.count = 0;
        }
        self.count += 1;
        if self.count > limits::FRAMES_PER_SECOND {
            return Err(Violation::TooMany);
        }
        Ok(())
    }

    /// Returns true if a new frame could start here.
    pub fn is_between_frames(&self) -> bool {
        self.left == 0
    }

    /// Returns true if this side has sent a close frame.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }
}

/// Returns the payload's length once the head is complete.
fn whole_head(head: &[u8]) -> Option<u64> {
    let second = *head.get(1)?;
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    if head.len() < 2 + extended + mask {
        return None;
    }
    if extended == 0 {
        return Some(u64::from(second & 0x7f));
    }
    let bytes = head[2..2 + extended].iter();
    Some(bytes.fold(0, |length, byte| length << 8 | u64::from(*byte)))
}

/// Returns a close frame: unmasked from a server, masked from a client.
pub fn close(code: u16, reason: &str, is_masked: bool) -> Vec<u8> {
    // A control frame holds 125 bytes, including two for the code.
    let reason = &reason[..reason.floor_char_boundary(123)];
    let length = u8::try_from(2 + reason.len()).unwrap_or(2);
    let mut frame = vec![0x80 | CLOSE, length];
    if is_masked {
        frame[1] |= 0x80;
        // Masking with zeros leaves the text unchanged, which is fine because the agent is on this
        // machine.
        frame.extend([0; 4]);
    }
    frame.extend(code.to_be_bytes());
    frame.extend(reason.bytes());
    frame
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(opcode: u8, length: usize, is_masked: bool) -> Vec<u8> {
        let mask = if is_masked { 0x80 } else { 0 };
        let mut frame = vec![0x80 | opcode];
        match length {
            0..126 => frame.push(mask | u8::try_from(length).unwrap()),
            126..65_536 => {
                frame.push(mask | 0x7e);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                frame.push(mask | 0x7f);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        if is_masked {
            frame.extend([1, 2, 3, 4]);
        }
        frame.extend(vec![b'x'; length]);
        frame
    }

    fn second(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    proptest! {
        #[test]
        fn what_may_pass_passes_unchanged_however_it_is_cut(
            frames in proptest::collection::vec((0_u8..3, 0_usize..=limits::FRAME, any::<bool>()), 0..6),
            cut in 1_usize..5_000,
        ) {
            let bytes: Vec<u8> = frames
                .iter()
                .flat_map(|(opcode, length, is_masked)| frame(*opcode, *length, *is_masked))
                .collect();
            let mut followed = Frames::default();
            let mut out = Vec::new();
            for piece in bytes.chunks(cut) {
                prop_assert_eq!(followed.push(piece, second(1), &mut out), Ok(()));
            }
            prop_assert!(followed.is_between_frames());
            prop_assert_eq!(out, bytes);
        }
    }

    #[test]
    fn nothing_of_a_longer_frame_passes() {
        for is_masked in [false, true] {
            let before = frame(1, 5, is_masked);
            let mut bytes = before.clone();
            bytes.extend(frame(2, limits::FRAME + 1, is_masked));
            for cut in [1, 7, bytes.len()] {
                let mut followed = Frames::default();
                let mut out = Vec::new();
                let pushed = bytes
                    .chunks(cut)
                    .try_for_each(|piece| followed.push(piece, second(1), &mut out));
                assert_eq!(pushed, Err(Violation::TooLong));
                assert_eq!(out, before);
            }
        }
        let mut followed = Frames::default();
        let head = [0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255];
        assert_eq!(
            followed.push(&head, second(1), &mut Vec::new()),
            Err(Violation::TooLong)
        );
    }

    #[test]
    fn so_many_frames_pass_in_a_second() {
        let mut followed = Frames::default();
        let mut out = Vec::new();
        let one = frame(1, 1, false);
        for now in 1..4 {
            for _ in 0..limits::FRAMES_PER_SECOND {
                assert_eq!(followed.push(&one, second(now), &mut out), Ok(()));
            }
        }
        assert_eq!(
            followed.push(&one, second(3), &mut out),
            Err(Violation::TooMany)
        );
    }

    #[test]
    fn a_frame_that_closes_is_whole_and_recognized() {
        for is_masked in [false, true] {
            let mut followed = Frames::default();
            let mut out = Vec::new();
            let bytes = close(1009, &"é".repeat(100), is_masked);
            assert_eq!(followed.push(&bytes, second(1), &mut out), Ok(()));
            assert!(followed.is_closed() && followed.is_between_frames());
            assert!(bytes.len() <= 2 + 4 + 125);
            assert_eq!(out, bytes);
        }
    }
}
