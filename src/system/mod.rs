//! What differs between operating systems, decided on values: each decision is tested for every system,
//! whichever one runs the tests.

pub(crate) mod filename;
pub(crate) mod location;
pub(crate) mod python;
pub(crate) mod shell;

/// The kind of operating system a program runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    /// Linux, and every Unix that follows the XDG directories.
    Linux,
    MacOs,
    Windows,
}

impl System {
    /// The one this program was built for.
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
