//! Errors as the service answers them.

use hyper::{Response, StatusCode, header::HeaderValue};
use serde_json::json;

use super::http::{Body, full};

/// An error answer of the data plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn validation(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ValidationException", message)
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ResourceNotFoundException",
            &format!("{what} does not exist"),
        )
    }

    /// The agent failed, not the service.
    pub(super) fn client_error(message: &str) -> Self {
        Self::new(StatusCode::FAILED_DEPENDENCY, "RuntimeClientError", message)
    }

    pub(super) fn internal(message: &str) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerException",
            message,
        )
    }

    fn new(status: StatusCode, kind: &'static str, message: &str) -> Self {
        Self {
            status,
            kind,
            message: message.to_owned(),
        }
    }

    pub(super) fn response(&self) -> Response<Body> {
        let mut response = Response::new(full(json!({ "message": self.message }).to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert("x-amzn-errortype", HeaderValue::from_static(self.kind));
        response
    }
}
