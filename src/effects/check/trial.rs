//! A first start of a program that was built for the service, where this machine can run it.

use std::{
    env::consts::{ARCH, OS},
    path::PathBuf,
};

use super::{Program, Subject, explained};
use crate::{effects::programs::Programs, error::Failure};

/// What runs programs of the service here, if it is not this machine itself.
const QEMU: [&str; 2] = ["qemu-aarch64-static", "qemu-aarch64"];

/// How this machine runs a program for 64-bit ARM Linux.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Machine {
    Itself,
    Under(PathBuf),
}

impl Machine {
    /// Returns `None` if it cannot.
    pub(crate) fn this(programs: &Programs) -> Option<Self> {
        Self::of(OS, ARCH, |name| programs.find(name))
    }

    fn of(system: &str, processor: &str, find: impl Fn(&str) -> Option<PathBuf>) -> Option<Self> {
        match (system, processor) {
            ("linux", "aarch64") => Some(Self::Itself),
            ("linux", _) => QEMU.into_iter().find_map(find).map(Self::Under),
            _ => None,
        }
    }

    pub(crate) fn program(self, binary: PathBuf) -> Program {
        Program::Binary {
            path: binary,
            emulator: match self {
                Self::Itself => None,
                Self::Under(emulator) => Some(emulator),
            },
        }
    }
}

/// Starts the agent, waits until it serves, and ends it.
///
/// # Errors
///
/// Fails if it does not serve, with its last lines.
pub(crate) async fn try_start(subject: &Subject) -> Result<(), Failure> {
    match subject.start("trial", &[]).await {
        Ok(running) => {
            running.end().await;
            Ok(())
        }
        Err(failed) => {
            let (_, why) = explained(&failed, subject.contract.port);
            let failure = Failure::config(why);
            Err(match &failed.lines[..] {
                [] => failure,
                lines => failure.note(format!("its last output:\n{}", lines.join("\n"))),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_linux_runs_a_program_for_linux() {
        let qemu = |name: &str| (name == QEMU[1]).then(|| PathBuf::from("/bin/qemu"));
        let none = |_: &str| None;
        assert_eq!(Machine::of("linux", "aarch64", none), Some(Machine::Itself));
        let under = Some(Machine::Under("/bin/qemu".into()));
        assert_eq!(Machine::of("linux", "x86_64", qemu), under);
        assert_eq!(Machine::of("linux", "x86_64", none), None);
        assert_eq!(Machine::of("macos", "aarch64", qemu), None);
    }
}
