//! Answers from the data plane itself.

use hyper::{
    HeaderMap, Response, StatusCode,
    header::{HeaderName, HeaderValue},
};

use crate::{
    config::Protocol,
    effects::local::http::{Body, full},
    error::Failure,
    protocol::{Refusal, headers::Header},
};

pub(super) fn fill(headers: &mut HeaderMap, list: Vec<Header>) {
    for (name, value) in list {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(&value))
        {
            headers.append(name, value);
        }
    }
}

pub(super) fn insert(headers: &mut HeaderMap, name: &str, value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value)) {
        headers.insert(name, value);
    }
}

pub(super) fn json(value: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(full(value.to_string()));
    insert(response.headers_mut(), "content-type", b"application/json");
    response
}

/// Returns the error in the form of the runtime's protocol.
pub(super) fn answer(
    refusal: &Refusal,
    speaks: Protocol,
    id: Option<&serde_json::Value>,
) -> Response<Body> {
    let reply = refusal.reply(speaks, id);
    let mut response = Response::new(full(reply.body));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        insert(response.headers_mut(), name, value.as_bytes());
    }
    response
}

/// Joins a failure to one text, for a caller that prints nothing else.
pub(super) fn words(failure: &Failure) -> String {
    let lines = failure.messages.iter().flat_map(|message| {
        std::iter::once(message.what.clone())
            .chain(message.notes.iter().cloned())
            .chain(message.help.iter().map(|help| format!("help: {help}")))
    });
    lines.collect::<Vec<_>>().join("\n")
}
