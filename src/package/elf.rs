//! Checks whether a native file runs on the service's machines: 64-bit ARM, Amazon Linux 2023 with
//! glibc 2.34.
//!
//! Files are recognized by their first bytes, never by their names.

use std::fmt;

use object::{
    Endianness,
    elf::{EM_AARCH64, FileHeader64},
    read::{
        ReadRef,
        elf::{FileHeader as _, ProgramHeader as _},
    },
};

/// The first bytes of every ELF file.
pub(crate) const MAGIC: &[u8; 4] = b"\x7fELF";
/// The glibc of the service's machines.
pub(crate) const GLIBC: (u32, u32) = (2, 34);

/// Why a native file cannot be shipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    Machine(String),
    Glibc(u32, u32),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine(machine) => write!(f, "is made for {machine}, not for 64-bit ARM"),
            Self::Glibc(major, minor) => write!(
                f,
                "needs glibc {major}.{minor}, and the service has {}.{}",
                GLIBC.0, GLIBC.1
            ),
        }
    }
}

/// Checks a file that starts with [`MAGIC`]. Damaged files are accepted, because packages contain
/// some as data for their tests.
pub(crate) fn unfit<'data, R: ReadRef<'data>>(data: R) -> Option<Unfit> {
    let head = data.read_bytes_at(0, 20).ok()?;
    let little = head[5] == 1;
    let number = |at: usize| {
        let bytes = [head[at], head[at + 1]];
        if little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        }
    };
    let machine = number(18);
    if machine != EM_AARCH64 || head[4] != 2 || !little {
        return Some(Unfit::Machine(machine_name(machine)));
    }
    let (major, minor) = needed_glibc(data)?;
    ((major, minor) > GLIBC).then_some(Unfit::Glibc(major, minor))
}

/// Returns the program that must be there to load this one; `None` for a static program.
pub(crate) fn loader<'data, R: ReadRef<'data>>(data: R) -> Option<String> {
    let header = FileHeader64::<Endianness>::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, data).ok()?;
    let path = segments
        .iter()
        .find_map(|segment| segment.interpreter(endian, data).ok()?)?;
    Some(String::from_utf8_lossy(path).into_owned())
}

/// Returns the newest `GLIBC_x.y` that the file's symbols need.
fn needed_glibc<'data, R: ReadRef<'data>>(data: R) -> Option<(u32, u32)> {
    let header = FileHeader64::<Endianness>::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    let (mut needs, link) = sections.gnu_verneed(endian, data).ok()??;
    let strings = sections.strings(endian, data, link).ok()?;
    let mut newest = None;
    while let Ok(Some((_, mut versions))) = needs.next() {
        while let Ok(Some(version)) = versions.next() {
            let Ok(name) = version.name(endian, strings) else {
                continue;
            };
            newest = newest.max(glibc_version(name));
        }
    }
    newest
}

fn glibc_version(name: &[u8]) -> Option<(u32, u32)> {
    let text = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?;
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn machine_name(machine: u16) -> String {
    match machine {
        3 => "32-bit x86".to_owned(),
        40 => "32-bit ARM".to_owned(),
        62 => "x86-64".to_owned(),
        183 => "another form of ARM".to_owned(),
        243 => "RISC-V".to_owned(),
        other => format!("machine {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(class: u8, machine: u16) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4] = class;
        bytes[5] = 1;
        bytes[6] = 1;
        bytes[16] = 3;
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes
    }

    #[test]
    fn another_machine_is_named() {
        let said = |bytes: &[u8]| unfit(bytes).map(|unfit| unfit.to_string());
        assert_eq!(
            said(&header(2, 62)).as_deref(),
            Some("is made for x86-64, not for 64-bit ARM")
        );
        assert_eq!(
            said(&header(1, 40)).as_deref(),
            Some("is made for 32-bit ARM, not for 64-bit ARM")
        );
        assert_eq!(said(&header(2, 183)), None);
        assert_eq!(said(b"\x7fELF"), None);
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(glibc_version(b"GLIBC_2.4"), Some((2, 4)));
        assert_eq!(glibc_version(b"GLIBC_2.2.5"), Some((2, 2)));
        assert_eq!(glibc_version(b"GLIBCXX_3.4"), None);
        assert!(glibc_version(b"GLIBC_2.4") < glibc_version(b"GLIBC_2.34"));
    }
}
