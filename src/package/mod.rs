//! Pure: what is shipped: records and hashes.

pub(crate) mod archive;
pub(crate) mod record;
pub(crate) mod toolkit_yaml;
