//! Checks a built binary before it leaves the machine.

use crate::{error::Failure, package::elf};

/// An image must not be larger than 2 GB.
/// Source: <https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/bedrock-agentcore-limits.html>
pub(crate) const LARGEST: u64 = 2_000_000_000;

/// Where a binary comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// cargo built it for the agent.
    Built,
    /// `--binary` names it.
    Given,
}

/// Refuses a binary that the service cannot run.
pub(crate) fn check(shown: &str, bytes: &[u8], origin: Origin) -> Result<(), Failure> {
    let failure = |what: String| Failure::config(format!("`{shown}` {what}"));
    if !bytes.starts_with(elf::MAGIC) {
        return Err(failure("is not a Linux program".to_owned()));
    }
    if let Some(unfit) = elf::unfit(bytes) {
        return Err(failure(unfit.to_string()).help(match (origin, unfit) {
            (Origin::Given, _) => "build it for `aarch64-unknown-linux-musl`",
            (Origin::Built, elf::Unfit::Machine(_)) => {
                "remove `--target` and `build.target` from your own settings; the agent's `build.target` chooses it"
            }
            (Origin::Built, elf::Unfit::Glibc(..)) => {
                "remove `target` from the agent's `build`, so that the binary is static, or link it with cargo-zigbuild"
            }
        }));
    }
    let size = bytes.len() as u64;
    if size > LARGEST {
        return Err(failure(format!(
            "has {} MB, and an image must not be larger than 2 GB",
            size / 1_000_000
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_program_for_64_bit_arm_passes() {
        let header = |machine: u8| {
            let mut bytes = vec![0; 64];
            bytes[..4].copy_from_slice(elf::MAGIC);
            (bytes[4], bytes[5], bytes[6], bytes[18]) = (2, 1, 1, machine);
            bytes
        };
        assert_eq!(check("a", &header(183), Origin::Built), Ok(()));
        let refused = |bytes: &[u8], origin| check("a", bytes, origin).unwrap_err();
        let what = |bytes: &[u8]| refused(bytes, Origin::Built).messages[0].what.clone();
        let help = |origin| format!("{:?}", refused(&header(62), origin));
        assert!(help(Origin::Built).contains("remove `--target`"));
        assert!(help(Origin::Given).contains("build it for `aarch64-unknown-linux-musl`"));
        assert_eq!(
            what(&header(62)),
            "`a` is made for x86-64, not for 64-bit ARM"
        );
        assert_eq!(what(b"MZ"), "`a` is not a Linux program");
        assert_eq!(what(b""), "`a` is not a Linux program");
    }
}
