//! Differences between operating systems, as pure functions: each decision is tested for every
//! system, on any system.

pub(crate) mod filename;
pub(crate) mod location;
pub(crate) mod python;
pub(crate) mod shell;

/// A kind of operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    /// Linux, and every Unix that follows the XDG directories.
    Linux,
    MacOs,
    Windows,
}

impl System {
    /// The system that this program was built for.
    pub(crate) const HERE: Self = if cfg!(windows) {
        Self::Windows
    } else if cfg!(target_os = "macos") {
        Self::MacOs
    } else {
        Self::Linux
    };

    pub(crate) fn is_windows(self) -> bool {
        self == Self::Windows
    }
}
