//! Bedrock's models, answered by AWS.

use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
};
use serde_json::json;

use super::replies::words;
use crate::{
    effects::{
        aws::models::{Call, Models},
        clock,
        local::{
            http::{Body, collected, full, remove_hop_by_hop},
            models::Caller,
        },
    },
    error::{Exit, Failure},
    names::Region,
    protocol::models::{Route, is_passed_on},
};

/// The longest call. Bedrock accepts up to 25 MB.
const LONGEST: usize = 32 << 20;

pub(super) struct OnAws {
    models: Models,
    /// The access key ID that agents sign with, which identifies their calls.
    key: String,
}

/// Returns a secret access key ID for agents.
pub(super) fn new_key() -> String {
    let id = clock::unique_id();
    let id: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("LOCAL{}", id.to_ascii_uppercase())
}

impl OnAws {
    pub(super) fn new(caller: &Caller, key: String) -> Self {
        Self {
            models: Models::new(caller.request()),
            key,
        }
    }

    pub(super) fn route(&self, request: &Request<Incoming>) -> Route {
        let target = request.uri().path_and_query();
        let target = target.map_or("/", http::uri::PathAndQuery::as_str);
        let authorization = request.headers().get(header::AUTHORIZATION);
        let authorization = authorization.and_then(|value| value.to_str().ok());
        Route::of(request.method().as_str(), target, authorization, &self.key)
    }

    /// Forwards a call to Bedrock and streams the answer back.
    pub(super) async fn answer(
        &self,
        region: Region,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let (mut parts, body) = request.into_parts();
        let Some(body) = collected(body, LONGEST).await else {
            return error(
                StatusCode::PAYLOAD_TOO_LARGE,
                "ValidationException",
                "the call is longer than 32 MiB, or was cut off",
            );
        };
        remove_hop_by_hop(&mut parts.headers);
        let headers = parts.headers.iter().filter_map(|(name, value)| {
            let value = value.to_str().ok()?;
            is_passed_on(name.as_str()).then(|| (name.to_string(), value.to_owned()))
        });
        let target = parts.uri.path_and_query();
        let call = Call {
            method: parts.method.to_string(),
            target: target.map_or_else(|| "/".to_owned(), ToString::to_string),
            region,
            headers: headers.collect(),
            body,
        };
        match self.models.call(call).await {
            Ok(mut answer) => {
                remove_hop_by_hop(answer.headers_mut());
                answer
            }
            Err(failure) => {
                let why = explained(&failure);
                match failure.exit {
                    Exit::Access | Exit::Config | Exit::Usage => {
                        error(StatusCode::FORBIDDEN, "UnrecognizedClientException", &why)
                    }
                    _ => error(StatusCode::FAILED_DEPENDENCY, "ModelErrorException", &why),
                }
            }
        }
    }
}

fn explained(failure: &Failure) -> String {
    format!(
        "models are called on AWS (`models = \"aws\"`): {}",
        words(failure)
    )
}

/// Answers a call that is not forwarded.
pub(super) fn refused(why: &str) -> Response<Body> {
    error(StatusCode::FORBIDDEN, "AccessDeniedException", why)
}

fn error(status: StatusCode, name: &'static str, message: &str) -> Response<Body> {
    let mut response = Response::new(full(json!({ "message": message }).to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert("x-amzn-errortype", HeaderValue::from_static(name));
    response
}
