//! AgentCore's HTTP contract: `POST /invocations`, `GET /ping` and the WebSocket `/ws`.
//!
//! Implement [`Handler`] to make an agent of your own; nothing here needs to change for it.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

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
use futures_util::{Stream, StreamExt};
use serde_json::{Value, json};
use tracing::Instrument;

/// The largest request that AgentCore passes on.
const LARGEST: usize = 100_000_000;

/// What an agent does.
pub trait Handler: Send + Sync + 'static {
    /// Answers a request. An error becomes the response's status and message.
    fn handle(
        &self,
        payload: Value,
        context: Context,
    ) -> impl Future<Output = Result<Reply, Error>> + Send;
}

/// What is known about a request besides its payload.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The session, if the caller named one.
    pub session_id: Option<String>,
    pub request_id: String,
    /// The token for AgentCore Identity.
    #[allow(dead_code, reason = "for agents that use AgentCore Identity")]
    pub workload_token: Option<String>,
    /// All headers that AgentCore passed on.
    #[allow(dead_code, reason = "for agents with a header allowlist")]
    pub headers: HeaderMap,
}

/// An answer: one JSON value, or a stream of them as server-sent events.
pub enum Reply {
    Json(Value),
    Stream(Pin<Box<dyn Stream<Item = Result<Value, Error>> + Send>>),
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub status: StatusCode,
    pub message: String,
}

impl Error {
    /// The caller sent something wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            message: message.into(),
        }
    }

    /// Something failed here.
    pub fn internal(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: message.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.message }))).into_response()
    }
}

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
            span.in_scope(|| log(&error));
            error.into_response()
        }
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
        log(&error);
        json!({
            "error": error.message,
            "error_type": "Error",
            "message": "An error occurred during streaming",
        })
    })
}

fn log(error: &Error) {
    if error.status.is_server_error() {
        tracing::error!("{error}");
    } else {
        tracing::warn!("{error}");
    }
}

impl Context {
    fn of(headers: HeaderMap) -> Self {
        let header = |name: &str| {
            let value = headers.get(name)?.to_str().ok()?;
            (!value.is_empty()).then(|| value.to_owned())
        };
        Self {
            session_id: header("x-amzn-bedrock-agentcore-runtime-session-id"),
            request_id: header("x-amzn-bedrock-agentcore-runtime-request-id")
                .unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
            workload_token: header("workloadaccesstoken")
                .or_else(|| header("x-amz-bedrock-agentcore-identity-wat")),
            headers,
        }
    }

    /// Returns a span that adds the request and the session to log lines.
    fn span(&self) -> tracing::Span {
        tracing::info_span!(
            "invocation",
            requestId = self.request_id,
            sessionId = self.session_id.as_deref(),
        )
    }
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

/// What `/ping` answers. AgentCore keeps a session while the agent is busy.
struct Health(Mutex<Work>);

struct Work {
    running: usize,
    /// When it last became busy or idle.
    since: SystemTime,
}

impl Default for Health {
    fn default() -> Self {
        Self(Mutex::new(Work {
            running: 0,
            since: SystemTime::now(),
        }))
    }
}

impl Health {
    /// Marks the agent as busy until the result is dropped.
    fn begin(self: &Arc<Self>) -> Busy {
        self.change(|running| running + 1);
        Busy(Arc::clone(self))
    }

    fn change(&self, change: impl FnOnce(usize) -> usize) {
        let mut work = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was_busy = work.running > 0;
        work.running = change(work.running);
        if was_busy != (work.running > 0) {
            work.since = SystemTime::now();
        }
    }

    fn now(&self) -> Value {
        let work = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = work.since.duration_since(UNIX_EPOCH).unwrap_or_default();
        let status = if work.running > 0 {
            "HealthyBusy"
        } else {
            "Healthy"
        };
        json!({ "status": status, "time_of_last_update": since.as_secs() })
    }
}

/// Work in progress.
struct Busy(Arc<Health>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.change(|running| running.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests;
