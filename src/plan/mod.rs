//! Pure: the decisions of single commands that are not about a resource in AWS.

pub(crate) mod base_image;
pub(crate) mod code;
pub(crate) mod configure;
pub(crate) mod document_diff;
pub(crate) mod env_file;
pub(crate) mod files;
pub(crate) mod init;
pub(crate) mod log_tail;
pub(crate) mod new;
pub(crate) mod privacy;
pub(crate) mod proxies;
pub(crate) mod reload;
pub(crate) mod retry;
pub(crate) mod table;
