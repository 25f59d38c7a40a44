//! An open directory, and what its entries are.

#[cfg(not(unix))]
mod checked;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(super) use self::checked::Handle;
#[cfg(unix)]
pub(super) use self::unix::Handle;

/// The kind of a directory entry; links are not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    Link,
    Other,
}

/// How a file is opened. Never follows a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    Read,
    Lock,
    LockOrCreate,
    /// Creates the file, or empties it.
    Empty,
    /// Creates the file; fails if it exists.
    New,
}
