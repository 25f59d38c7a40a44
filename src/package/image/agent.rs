//! The image of an agent that is one program.

use std::{collections::BTreeMap, io, sync::Arc};

use super::{
    Image, Run,
    base::{self, AUTHORITIES, HOME},
    entry::{AGENT_ID, Entry},
    layer::Layer,
};
use crate::{config::Agent, names::ours::PROJECT, package::elf, protocol::contract::Contract};

/// Makes the image that starts the program as the agent. Nothing else of the machine is in it.
///
/// # Errors
///
/// Fails if the program is for no known platform, or cannot be compressed.
pub(crate) fn image(agent: &Agent, program: Arc<[u8]>) -> io::Result<Image> {
    let Platform {
        architecture,
        system,
    } = Platform::of(&program).ok_or(io::ErrorKind::InvalidData)?;
    let suffix = if system == "windows" { ".exe" } else { "" };
    let name = format!("{}{suffix}", agent.name);
    let run = Run {
        architecture: architecture.to_owned(),
        system,
        user: format!("{AGENT_ID}:{AGENT_ID}"),
        directory: HOME,
        entrypoint: vec![format!("/{name}")],
        environment: vec![
            ("PATH".to_owned(), "/".to_owned()),
            ("HOME".to_owned(), HOME.to_owned()),
            ("SSL_CERT_FILE".to_owned(), AUTHORITIES.to_owned()),
        ],
        port: Contract::of_agent(agent).port,
        labels: BTreeMap::from([
            (
                "org.opencontainers.image.title".to_owned(),
                agent.name.to_string(),
            ),
            (PROJECT.to_owned(), agent.project.to_string()),
        ]),
    };
    let layers = vec![
        base::layer()?,
        Layer::of(vec![Entry::file(name, 0o755, program)], "the agent")?,
    ];
    Ok(Image::assemble(&run, layers))
}

/// What a program runs on, in the words of images, which are Go's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Platform {
    pub(crate) architecture: &'static str,
    pub(crate) system: &'static str,
}

impl Platform {
    /// Reads the platform from the first bytes of a program.
    pub(crate) fn of(program: &[u8]) -> Option<Self> {
        let number = |at: usize| {
            let bytes = program.get(at..at + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?))
        };
        if program.starts_with(elf::MAGIC) {
            // The machine is 16 bits long.
            let architecture = match number(18)? & 0xffff {
                183 => "arm64",
                62 => "amd64",
                3 => "386",
                40 => "arm",
                243 => "riscv64",
                _ => return None,
            };
            return Some(Self {
                architecture,
                system: "linux",
            });
        }
        if number(0)? == MACH_O {
            let architecture = match number(4)? {
                MACH_O_ARM64 => "arm64",
                MACH_O_AMD64 => "amd64",
                _ => return None,
            };
            return Some(Self {
                architecture,
                system: "darwin",
            });
        }
        if !program.starts_with(b"MZ") {
            return None;
        }
        let header = usize::try_from(number(0x3c)?).ok()?;
        let architecture = match number(header.checked_add(4)?)? & 0xffff {
            0xaa64 => "arm64",
            0x8664 => "amd64",
            _ => return None,
        };
        Some(Self {
            architecture,
            system: "windows",
        })
    }
}

/// The first bytes of a 64-bit program for macOS, and its processors.
const MACH_O: u32 = 0xfeed_facf;
const MACH_O_ARM64: u32 = 0x0100_000c;
const MACH_O_AMD64: u32 = 0x0100_0007;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platform_is_read_from_the_program() {
        let elf = |machine: u8| {
            let mut bytes = vec![0; 64];
            bytes[..4].copy_from_slice(elf::MAGIC);
            bytes[18] = machine;
            bytes
        };
        let mach_o = [&MACH_O.to_le_bytes()[..], &MACH_O_ARM64.to_le_bytes()].concat();
        let mut windows = vec![0; 0x80];
        windows[..2].copy_from_slice(b"MZ");
        windows[0x3c] = 0x40;
        windows[0x44..0x46].copy_from_slice(&0x8664_u16.to_le_bytes());
        let found = |bytes: &[u8]| {
            Platform::of(bytes).map(|platform| (platform.architecture, platform.system))
        };
        assert_eq!(found(&elf(183)), Some(("arm64", "linux")));
        assert_eq!(found(&elf(62)), Some(("amd64", "linux")));
        assert_eq!(found(&mach_o), Some(("arm64", "darwin")));
        assert_eq!(found(&windows), Some(("amd64", "windows")));
        for nothing in [&b""[..], b"MZ", b"\x7fELF", b"#!/bin/sh\n", &elf(9)] {
            assert_eq!(found(nothing), None);
        }
    }
}
