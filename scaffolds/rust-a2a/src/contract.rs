//! AgentCore's contract for A2A agents: JSON-RPC at `POST /`, the agent card, and `GET /ping`.
//!
//! Implement [`Handler`] to make an agent of your own; nothing here needs to change for it. Each
//! message begins a task. While the agent answers, the pieces of the answer are the messages of the
//! task's status; the whole answer is the task's artifact.

use std::{sync::Arc, time::Duration};

use a2a::{
    A2AError, Artifact, Message, Part, Role, StreamResponse, TaskArtifactUpdateEvent, TaskState,
    TaskStatus, TaskStatusUpdateEvent,
};
use a2a_server::{
    AgentExecutor, DefaultRequestHandler, ExecutorContext, InMemoryTaskStore, ServiceParams,
    WELL_KNOWN_AGENT_CARD_PATH, jsonrpc::jsonrpc_router,
};
use axum::{
    Json, Router,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::{Next, from_fn},
    response::Response,
    routing::get,
};
use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::Instant};
use tracing::Instrument;

use crate::{
    card,
    handler::{Context, Error, Handler, Reply},
    health::Health,
};

/// The port that AgentCore calls.
pub const PORT: u16 = 9000;

/// How many events may wait for the server.
const EVENTS: usize = 32;
/// The time between two pieces of an answer. The server drops a reader that is 32 events behind, so
/// the pieces of a model, which are shorter than a word, are put together.
const PAUSE: Duration = Duration::from_millis(200);

type Events = BoxStream<'static, Result<StreamResponse, A2AError>>;

/// Returns the routes of the contract.
pub fn router<H: Handler>(handler: Arc<H>) -> Router {
    let health = Arc::new(Health::default());
    let executor = Executor {
        handler,
        health: Arc::clone(&health),
    };
    let requests = DefaultRequestHandler::new(executor, InMemoryTaskStore::new())
        .with_capabilities(card::capabilities());
    jsonrpc_router(Arc::new(requests))
        .layer(from_fn(with_version))
        .route(WELL_KNOWN_AGENT_CARD_PATH, get(agent_card))
        .route("/ping", get(async move || Json(health.now())))
}

/// Adds the version of A2A that this agent speaks to a request without one. A2A takes such a
/// request for one of version 0.3, but AgentCore passes the header `A2A-Version` on only if
/// `header-allowlist` in Cargo.toml names it.
async fn with_version(mut request: Request, next: Next) -> Response {
    let version = HeaderValue::from_static(a2a::VERSION);
    let headers = request.headers_mut();
    headers.entry("a2a-version").or_insert(version);
    next.run(request).await
}

/// Returns the agent card. AGENTCORE_RUNTIME_URL is the agent's address in AgentCore.
async fn agent_card(headers: HeaderMap) -> Json<a2a::AgentCard> {
    let address = std::env::var("AGENTCORE_RUNTIME_URL").unwrap_or_default();
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    Json(card::card(match (&*address, host) {
        ("", Some(host)) => format!("http://{host}/"),
        ("", None) => format!("http://127.0.0.1:{PORT}/"),
        _ => address,
    }))
}

/// Lets the handler answer messages.
struct Executor<H> {
    handler: Arc<H>,
    health: Arc<Health>,
}

impl<H: Handler> AgentExecutor for Executor<H> {
    fn execute(&self, request: ExecutorContext) -> Events {
        let (events, receiver) = mpsc::channel(EVENTS);
        let task = Task::of(&request, events);
        let context = Context {
            conversation_id: Some(request.context_id),
            ..Context::of(headers(&request.service_params))
        };
        let payload = json!({ "prompt": text_of(request.message.as_ref()), "stream": true });
        let (handler, work) = (Arc::clone(&self.handler), self.health.begin());
        let span = context.span();
        let turn = async move {
            task.work(handler.handle(payload, context)).await;
            drop(work);
        };
        tokio::spawn(turn.instrument(span));
        stream::unfold(receiver, async |mut events| {
            Some((Ok(events.recv().await?), events))
        })
        .boxed()
    }

    /// Marks the task as canceled. Nobody gets the answer then, but the conversation goes on with it.
    fn cancel(&self, request: ExecutorContext) -> Events {
        let (events, _) = mpsc::channel(EVENTS);
        let canceled = Task::of(&request, events).status(TaskState::Canceled, None);
        stream::iter([Ok(canceled)]).boxed()
    }
}

/// A task in progress.
struct Task {
    id: String,
    context_id: String,
    events: mpsc::Sender<StreamResponse>,
}

impl Task {
    fn of(request: &ExecutorContext, events: mpsc::Sender<StreamResponse>) -> Self {
        Self {
            id: request.task_id.clone(),
            context_id: request.context_id.clone(),
            events,
        }
    }

    /// Waits for the answer, and tells what comes of it.
    async fn work(&self, reply: impl Future<Output = Result<Reply, Error>>) {
        self.send(self.status(TaskState::Working, None)).await;
        let end = match self.answer(reply).await {
            Ok(answer) => {
                self.send(self.artifact(answer)).await;
                self.status(TaskState::Completed, None)
            }
            Err(error) => {
                error.log();
                let state = if error.status.is_client_error() {
                    TaskState::Rejected
                } else {
                    TaskState::Failed
                };
                self.status(state, Some(error.message))
            }
        };
        self.send(end).await;
    }

    /// Sends the pieces of the answer while they arrive, and returns the whole answer.
    async fn answer(
        &self,
        reply: impl Future<Output = Result<Reply, Error>>,
    ) -> Result<String, Error> {
        let mut items = match reply.await? {
            Reply::Json(value) => return Ok(shown(value)),
            Reply::Stream(items) => items,
        };
        let (mut answer, mut sent) = (String::new(), 0);
        let mut next = Instant::now();
        while let Some(item) = items.next().await {
            answer += &shown(item?);
            if Instant::now() >= next {
                self.send_piece(&answer[sent..]).await;
                sent = answer.len();
                next = Instant::now() + PAUSE;
            }
        }
        self.send_piece(&answer[sent..]).await;
        Ok(answer)
    }

    async fn send_piece(&self, piece: &str) {
        if !piece.is_empty() {
            self.send(self.status(TaskState::Working, Some(piece.to_owned())))
                .await;
        }
    }

    async fn send(&self, event: StreamResponse) {
        // After a cancellation nobody listens; the turn still ends.
        let _ = self.events.send(event).await;
    }

    fn status(&self, state: TaskState, text: Option<String>) -> StreamResponse {
        let message = text.map(|text| Message {
            context_id: Some(self.context_id.clone()),
            task_id: Some(self.id.clone()),
            ..Message::new(Role::Agent, vec![Part::text(text)])
        });
        StreamResponse::StatusUpdate(TaskStatusUpdateEvent {
            task_id: self.id.clone(),
            context_id: self.context_id.clone(),
            status: TaskStatus {
                state,
                message,
                timestamp: None,
            },
            metadata: None,
        })
    }

    fn artifact(&self, text: String) -> StreamResponse {
        StreamResponse::ArtifactUpdate(TaskArtifactUpdateEvent {
            task_id: self.id.clone(),
            context_id: self.context_id.clone(),
            artifact: Artifact {
                artifact_id: "answer".to_owned(),
                name: None,
                description: None,
                parts: vec![Part::text(text)],
                metadata: None,
                extensions: None,
            },
            append: None,
            last_chunk: Some(true),
            metadata: None,
        })
    }
}

/// Returns the text of a message.
fn text_of(message: Option<&Message>) -> String {
    let parts = message.map_or(&[][..], |message| &message.parts);
    let texts: Vec<&str> = parts.iter().filter_map(Part::as_text).collect();
    texts.join("\n")
}

/// Returns an item of an answer as text.
fn shown(value: Value) -> String {
    match value {
        Value::String(text) => text,
        value => value.to_string(),
    }
}

/// Returns the headers of a request.
fn headers(all: &ServiceParams) -> HeaderMap {
    let each = all.iter().flat_map(|(name, values)| {
        let values = values.iter();
        values.filter_map(move |value| {
            let name = HeaderName::try_from(name).ok()?;
            Some((name, HeaderValue::try_from(value).ok()?))
        })
    });
    each.collect()
}

#[cfg(test)]
mod tests;
