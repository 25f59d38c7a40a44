//! What is shipped: `deployment.zip`, as it lies ready to be uploaded.
//!
//! The archive begins with the dependencies, which change seldom, and ends with the agent's own files
//! and the central directory of both. A store that holds the beginning already needs the end only.

use std::path::PathBuf;

/// A finished archive on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archive {
    pub(crate) path: PathBuf,
    /// Bytes of the whole archive.
    pub(crate) size: u64,
    /// 64 hexadecimal digits; equal ids mean equal bytes.
    pub(crate) id: String,
    /// 64 hexadecimal digits: what the archive is made of, compiled files and the installer's own aside.
    /// It is the same on every machine.
    pub(crate) source: String,
    pub(crate) bytecode: Compiled,
    pub(crate) dependencies: Dependencies,
    /// MD5 of the bytes that follow the dependencies.
    pub(crate) rest_md5: [u8; 16],
}

/// The beginning of an archive: the local entries of the dependencies, without a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependencies {
    /// Length in bytes, from the first one of the archive; 0 where the agent has none.
    pub(crate) size: u64,
    /// SHA-256 of these bytes, in lower-case hexadecimal digits.
    pub(crate) sha256: String,
    /// MD5 of these bytes: a part of S3's multipart ETag.
    pub(crate) md5: [u8; 16],
}

/// Whether Python files are shipped with what an interpreter compiled them to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compiled {
    Yes,
    /// No interpreter of the runtime's version was found.
    NoInterpreter,
    /// The agent's table says so.
    Unwanted,
}
