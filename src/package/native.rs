//! Recognizes files by their first bytes, which gives the same result on every system.

use std::fmt;

use super::elf;

/// How many bytes of a file are needed.
pub(crate) const HEAD: usize = 4096;

/// Returns whether Linux can run a file with this beginning: a Linux program, or a script that
/// names its interpreter. Windows has no execute permission, so the content decides on every
/// system.
pub(crate) fn is_program(head: &[u8]) -> bool {
    head.starts_with(b"#!") || head.starts_with(elf::MAGIC)
}

/// A system whose programs and libraries the service cannot run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foreign {
    Windows,
    MacOs,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Windows => "Windows",
            Self::MacOs => "macOS",
        })
    }
}

/// Returns the system that a program or library is made for, unless it is Linux.
pub(crate) fn foreign(head: &[u8]) -> Option<Foreign> {
    if is_pe(head) {
        Some(Foreign::Windows)
    } else if is_mach_o(head) {
        Some(Foreign::MacOs)
    } else {
        None
    }
}

/// `MZ`, and `PE` at the offset in that header.
fn is_pe(head: &[u8]) -> bool {
    let pointer = head.get(0x3c..0x40).and_then(|bytes| bytes.try_into().ok());
    let Some(pointer) = pointer.filter(|_| head.starts_with(b"MZ")) else {
        return false;
    };
    let at = usize::try_from(u32::from_le_bytes(pointer)).unwrap_or(usize::MAX);
    head.get(at..)
        .is_some_and(|rest| rest.starts_with(b"PE\0\0"))
}

fn is_mach_o(head: &[u8]) -> bool {
    let Some((magic, rest)) = head.split_first_chunk() else {
        return false;
    };
    match u32::from_be_bytes(*magic) {
        0xfeed_face | 0xfeed_facf | 0xcefa_edfe | 0xcffa_edfe => true,
        // For several processors, of which there are few. Java classes begin with the same number,
        // followed by a version of at least 45 instead of the count.
        0xcafe_babe => rest
            .first_chunk()
            .is_some_and(|count| (1..45).contains(&u32::from_be_bytes(*count))),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pe() -> Vec<u8> {
        let mut bytes = vec![0; 0x80];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[0x3c] = 0x78;
        bytes[0x78..0x7c].copy_from_slice(b"PE\0\0");
        bytes
    }

    #[test]
    fn programs_of_other_systems_are_told_by_their_first_bytes() {
        assert_eq!(foreign(&pe()), Some(Foreign::Windows));
        assert_eq!(
            foreign(b"\xcf\xfa\xed\xfe\x0c\0\0\x01"),
            Some(Foreign::MacOs)
        );
        assert_eq!(foreign(b"\xca\xfe\xba\xbe\0\0\0\x02"), Some(Foreign::MacOs));
        for other in [
            &b"\xca\xfe\xba\xbe\0\0\0\x34"[..],
            b"MZ is how this text begins",
            b"\x7fELF",
            b"#!/bin/sh",
            b"\xca\xfe",
            b"",
        ] {
            assert_eq!(foreign(other), None, "{other:?}");
        }
    }

    #[test]
    fn what_the_system_can_run_is_a_program() {
        assert!(is_program(b"#!/bin/sh\n") && is_program(b"\x7fELF\x02"));
        assert!(!is_program(b"import os\n") && !is_program(&pe()) && !is_program(b""));
    }
}
