//! AgentCore's HTTP contract: `POST /invocations`, `GET /ping` and the WebSocket `/ws`.
//!
//! Implement [`Handler`] to make an agent of your own; nothing here needs to change for it.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{
        DefaultBodyLimit, State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
    routing::{any, get, post},
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tracing::Instrument;

use crate::{
    handler::{Context, Error, Handler, Reply},
    health::Health,
};

/// The port that AgentCore calls.
pub const PORT: u16 = 8080;
/// The largest request that AgentCore passes on.
const LARGEST: usize = 100_000_000;

/// What all requests share.
struct Shared<H> {
    handler: Arc<H>,
    health: Arc<Health>,
}

impl<H> Clone for Shared<H> {
    fn clone(&self) -> Self {
        Self {
            handler: Arc::clone(&self.handler),
            health: Arc::clone(&self.health),
        }
    }
}

/// Returns the routes of the contract.
pub fn router<H: Handler>(handler: Arc<H>) -> Router {
    let shared = Shared {
        handler,
        health: Arc::new(Health::default()),
    };
    Router::new()
        .route("/invocations", post(invoke::<H>))
        .route("/ping", get(ping::<H>))
        .route("/ws", any(open::<H>))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(shared)
}

async fn ping<H: Handler>(State(shared): State<Shared<H>>) -> Json<Value> {
    Json(shared.health.now())
}

async fn invoke<H: Handler>(
    State(shared): State<Shared<H>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let payload = match parse(&body) {
        Ok(payload) => payload,
        Err((error, details)) => {
            let body = json!({ "error": error, "details": details });
            return (StatusCode::BAD_REQUEST, Json(body)).into_response();
        }
    };
    let context = Context::of(headers);
    let span = context.span();
    let work = shared.health.begin();
    match shared
        .handler
        .handle(payload, context)
        .instrument(span.clone())
        .await
    {
        Ok(Reply::Json(value)) => Json(value).into_response(),
        Ok(Reply::Stream(items)) => {
            // The work ends with the stream.
            let events = items.map(move |item| {
                let _work = &work;
                let value = span.in_scope(|| value_of(item));
                let data = value.to_string();
                Ok::<_, Infallible>(Event::default().data(data))
            });
            Sse::new(events).into_response()
        }
        Err(error) => {
            span.in_scope(|| error.log());
            error.into_response()
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.message }))).into_response()
    }
}

/// Returns the payload, or the error and its details as AgentCore's Python SDK words them.
fn parse(body: &[u8]) -> Result<Value, (&'static str, String)> {
    let text = std::str::from_utf8(body).map_err(|why| ("Invalid encoding", why.to_string()))?;
    serde_json::from_str(text).map_err(|why| ("Invalid JSON", why.to_string()))
}

/// Returns an item of a stream as the caller gets it. The status is already sent, so an error is an
/// item too.
fn value_of(item: Result<Value, Error>) -> Value {
    item.unwrap_or_else(|error| {
        error.log();
        json!({
            "error": error.message,
            "error_type": "Error",
            "message": "An error occurred during streaming",
        })
    })
}

async fn open<H: Handler>(
    State(shared): State<Shared<H>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let context = Context::of(headers);
    upgrade.on_upgrade(move |socket| async move {
        let span = context.span();
        converse(shared, context, socket).instrument(span).await;
    })
}

/// Answers each message with the items of its reply, each a message of its own.
async fn converse<H: Handler>(shared: Shared<H>, context: Context, mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let bytes = match &message {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes,
            Message::Close(_) => return,
            Message::Ping(_) | Message::Pong(_) => continue,
        };
        let _work = shared.health.begin();
        let reply = match parse(bytes) {
            Ok(payload) => shared.handler.handle(payload, context.clone()).await,
            Err((error, details)) => Err(Error::bad_request(format!("{error}: {details}"))),
        };
        let mut items = match reply {
            Ok(Reply::Stream(items)) => items,
            Ok(Reply::Json(value)) => futures_util::stream::iter([Ok(value)]).boxed(),
            Err(error) => futures_util::stream::iter([Err(error)]).boxed(),
        };
        while let Some(item) = items.next().await {
            let text = value_of(item).to_string();
            if socket.send(Message::Text(text.into())).await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
