//! Errors that say where a request got no answer.

use aws_smithy_runtime_api::box_error::BoxError;

use crate::plan::proxies::Proxy;

/// An error on the way to an address from the user.
#[derive(Debug, thiserror::Error)]
#[error("no answer from `{address}`")]
pub(super) struct Unanswered {
    pub(super) address: String,
    pub(super) source: BoxError,
}

/// An error on the way through a proxy.
#[derive(Debug, thiserror::Error)]
#[error("no answer through the proxy `{proxy}`, which {} names", proxy.variable)]
pub(super) struct Lost {
    pub(super) proxy: Proxy,
    pub(super) source: BoxError,
}
