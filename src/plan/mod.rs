//! Pure: what is wanted and what is there become steps.

pub(crate) mod bucket;
pub(crate) mod clean;
pub(crate) mod code;
pub(crate) mod configure;
pub(crate) mod deploy;
pub(crate) mod deployed;
pub(crate) mod document_diff;
pub(crate) mod ecr_uri;
pub(crate) mod endpoint;
pub(crate) mod files;
pub(crate) mod init;
pub(crate) mod links;
pub(crate) mod log_tail;
pub(crate) mod new;
pub(crate) mod ownership;
pub(crate) mod privacy;
pub(crate) mod proxies;
pub(crate) mod refusal;
pub(crate) mod retry;
pub(crate) mod role;
pub(crate) mod runtime_diff;
pub(crate) mod runtime_document;
pub(crate) mod table;
pub(crate) mod tags;
pub(crate) mod tracing;
