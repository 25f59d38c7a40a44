//! The archive that is uploaded: `deployment.zip`.
//!
//! It starts with the dependencies, which rarely change, and ends with the agent's own files and
//! the central directory. A bucket that already has the start only needs the end.

use std::path::PathBuf;

/// A finished archive on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archive {
    pub(crate) path: PathBuf,
    /// The size of the whole archive in bytes.
    pub(crate) size: u64,
    /// 64 hexadecimal digits; equal IDs mean equal bytes.
    pub(crate) id: String,
    /// 64 hexadecimal digits that identify the content without compiled and installers' files. They
    /// are the same on every machine.
    pub(crate) source: String,
    pub(crate) bytecode: Compiled,
    pub(crate) dependencies: Dependencies,
    /// The MD5 of the bytes after the dependencies.
    pub(crate) rest_md5: [u8; 16],
}

/// The start of an archive: the local entries of the dependencies, without a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependencies {
    /// The length in bytes; 0 without dependencies.
    pub(crate) size: u64,
    /// SHA-256 of these bytes, in lower-case hexadecimal digits.
    pub(crate) sha256: String,
    /// The MD5 of these bytes, which is a part of S3's multipart ETag.
    pub(crate) md5: [u8; 16],
}

/// Whether compiled Python files are shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compiled {
    Yes,
    /// No interpreter of the runtime's version was found.
    NoInterpreter,
    /// Disabled in the agent's table.
    Unwanted,
}
