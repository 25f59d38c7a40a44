//! Pure: what is wanted and what is there become steps.

pub(crate) mod clean;
pub(crate) mod configure;
pub(crate) mod document_diff;
pub(crate) mod ecr_uri;
pub(crate) mod files;
pub(crate) mod init;
pub(crate) mod new;
pub(crate) mod ownership;
pub(crate) mod retry;
pub(crate) mod role;
