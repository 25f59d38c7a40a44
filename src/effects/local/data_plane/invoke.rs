//! The operations of AgentCore's data plane.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http_body_util::{BodyExt as _, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri,
    body::{Body as _, Bytes, Frame, Incoming, SizeHint},
    header::{self, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::{
    http::{Body, BodyError, HttpClient, client, full, remove_hop_by_hop, streamed},
    refusal::Refusal,
    sessions::{Key, Sessions, Use},
    versions::{Protocol, Version, Versions},
};
use crate::effects::clock;

const SESSION: HeaderName = HeaderName::from_static("x-amzn-bedrock-agentcore-runtime-session-id");
const REQUEST: HeaderName = HeaderName::from_static("x-amzn-bedrock-agentcore-runtime-request-id");
const MCP_SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
/// What this tool shows its user beside the answer.
const NOTE: HeaderName = HeaderName::from_static("x-cargo-agentcore-note");

/// The largest payload ("Amazon Bedrock AgentCore limits": 100 MB).
const LARGEST_PAYLOAD: usize = 100_000_000;

/// Request headers that reach the agent without an allow-list ("Pass custom headers", "Observability").
const PASSED: [&str; 14] = [
    "accept",
    "content-type",
    "content-length",
    "mcp-session-id",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "x-amzn-bedrock-agentcore-runtime-session-id",
    "x-amzn-bedrock-agentcore-runtime-user-id",
    "x-amzn-trace-id",
    "traceparent",
    "tracestate",
    "baggage",
    "a2a-version",
];

/// What a request wants of the data plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) operation: Operation,
    region: String,
    runtime: String,
    endpoint: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    /// With what follows `/invocations`.
    Invoke(String),
    StopSession,
    WebSocket,
}

/// What the request asks of the data plane; `None` where it is for the emulator.
pub(super) fn asked(method: &Method, uri: &Uri) -> Option<Result<Asked, Refusal>> {
    let (whom, rest) = uri.path().strip_prefix("/runtimes/")?.split_once('/')?;
    let operation = match rest {
        "invocations" => Operation::Invoke(String::new()),
        "ws" if method == Method::GET => Operation::WebSocket,
        "stopruntimesession" if method == Method::POST => Operation::StopSession,
        _ => Operation::Invoke(
            rest.strip_prefix("invocations/")
                .map(|path| format!("/{path}"))?,
        ),
    };
    Some(parse(operation, whom, uri.query().unwrap_or("")))
}

fn parse(operation: Operation, whom: &str, query: &str) -> Result<Asked, Refusal> {
    let decoded = |text: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| Refusal::validation("the address is not UTF-8"))
    };
    let mut endpoint = "DEFAULT".to_owned();
    for pair in query.split('&') {
        if let Some(("qualifier", value)) = pair.split_once('=') {
            endpoint = decoded(value)?;
        }
    }
    let whom = decoded(whom)?;
    let (region, runtime) = if whom.starts_with("arn:") {
        let parts: Vec<&str> = whom.splitn(6, ':').collect();
        let id = parts
            .get(5)
            .and_then(|resource| resource.strip_prefix("runtime/"));
        match (parts.get(3), id) {
            (Some(region), Some(id)) => ((*region).to_owned(), id.to_owned()),
            _ => {
                return Err(Refusal::validation(
                    "this is not the ARN of an agent runtime",
                ));
            }
        }
    } else {
        (String::new(), whom)
    };
    let is_name = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'))
    };
    if !is_name(&runtime) || !is_name(&endpoint) {
        return Err(Refusal::validation(
            "this is not the name of a runtime and an endpoint",
        ));
    }
    Ok(Asked {
        operation,
        region,
        runtime,
        endpoint,
    })
}

/// A request to the control plane that changes what is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// A runtime or one of its endpoints goes.
    Deletion {
        runtime: String,
        endpoint: Option<String>,
    },
    Other,
}

impl Change {
    pub(super) fn of(method: &Method, path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/runtimes/")?;
        if method == Method::GET || method == Method::POST {
            return None;
        }
        let mut parts = rest.split('/').filter(|part| !part.is_empty());
        let names = (parts.next(), parts.next(), parts.next());
        Some(match names {
            (Some(runtime), None, None) if method == Method::DELETE => Self::Deletion {
                runtime: runtime.to_owned(),
                endpoint: None,
            },
            (Some(runtime), Some(_), Some(endpoint)) if method == Method::DELETE => {
                Self::Deletion {
                    runtime: runtime.to_owned(),
                    endpoint: Some(endpoint.to_owned()),
                }
            }
            _ => Self::Other,
        })
    }
}

/// Serves what [`asked`] found.
pub(super) struct Agents {
    pub(super) versions: Versions,
    pub(super) sessions: Arc<Sessions>,
    client: HttpClient,
    /// For a runtime that is named by its ID alone.
    region: String,
}

impl Agents {
    pub(super) fn new(versions: Versions, sessions: Arc<Sessions>, region: String) -> Self {
        Self {
            versions,
            sessions,
            client: client(),
            region,
        }
    }

    pub(super) async fn serve(
        &self,
        mut asked: Asked,
        request: Request<Incoming>,
    ) -> Response<Body> {
        if asked.region.is_empty() {
            asked.region.clone_from(&self.region);
        }
        let answer = match &asked.operation {
            Operation::Invoke(path) => self.invoke(&asked, path, request).await,
            Operation::StopSession => self.stop(&asked, request.headers()).await,
            Operation::WebSocket => self.websocket(&asked, request).await,
        };
        answer.unwrap_or_else(|refusal| refusal.response())
    }

    /// Does what a change of the control plane brings about here.
    pub(super) async fn follow(&self, change: &Change, status: StatusCode) {
        self.versions.forget();
        if let Change::Deletion { runtime, endpoint } = change
            && status.is_success()
        {
            self.sessions
                .end_those_of(runtime, endpoint.as_deref())
                .await;
        }
    }

    async fn stop(&self, asked: &Asked, headers: &HeaderMap) -> Result<Response<Body>, Refusal> {
        let session = session_of(headers, Protocol::Http)?
            .ok_or_else(|| Refusal::validation("the session's ID is missing"))?;
        self.versions
            .live(&asked.region, &asked.runtime, &asked.endpoint)
            .await?;
        let key = asked.key(&session);
        if !self.sessions.end(&key).await {
            return Err(Refusal::not_found(&format!("session `{session}`")));
        }
        let mut response = Response::new(full(json!({}).to_string()));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        insert(headers, SESSION, &session);
        Ok(response)
    }

    async fn invoke(
        &self,
        asked: &Asked,
        path: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Refusal> {
        let version = self
            .versions
            .live(&asked.region, &asked.runtime, &asked.endpoint)
            .await?;
        if request.body().size_hint().lower() > LARGEST_PAYLOAD as u64 {
            return Err(Refusal::validation("the payload is larger than 100 MB"));
        }
        let session =
            session_of(request.headers(), version.protocol)?.unwrap_or_else(clock::unique_id);
        let used = self
            .sessions
            .enter(&asked.key(&session), &version, &self.versions)
            .await?;
        let port = used
            .port()
            .ok_or_else(|| Refusal::internal("the session ended"))?;
        // The session may have begun with an earlier version.
        let version = Arc::clone(&used.session().version);
        let request = passed_on(request, &version, &session, port, path)?;
        let answer = match self.client.request(request).await {
            Ok(answer) => answer,
            Err(error) => {
                return Err(failed(&format!("the agent did not answer: {error}"), &used));
            }
        };
        passed_back(answer, &session, used).await
    }

    /// Joins the caller's connection with one to the agent's `/ws`.
    async fn websocket(
        &self,
        asked: &Asked,
        mut request: Request<Incoming>,
    ) -> Result<Response<Body>, Refusal> {
        let version = self
            .versions
            .live(&asked.region, &asked.runtime, &asked.endpoint)
            .await?;
        let named = session_of(request.headers(), version.protocol)?;
        let session = named.unwrap_or_else(clock::unique_id);
        let used = self
            .sessions
            .enter(&asked.key(&session), &version, &self.versions)
            .await?;
        let port = used
            .port()
            .ok_or_else(|| Refusal::internal("the session ended"))?;
        let upgrade = hyper::upgrade::on(&mut request);
        let mut inner = Request::builder()
            .uri("/ws")
            .body(full(""))
            .map_err(|_| Refusal::validation("the request cannot be passed on"))?;
        let headers = inner.headers_mut();
        for (name, value) in request.headers() {
            if name.as_str().starts_with("sec-websocket-") || is_passed(name, &version) {
                headers.append(name.clone(), value.clone());
            }
        }
        insert(headers, header::HOST, &format!("127.0.0.1:{port}"));
        insert(headers, header::CONNECTION, "Upgrade");
        insert(headers, header::UPGRADE, "websocket");
        insert(headers, SESSION, &session);
        insert(headers, REQUEST, &clock::unique_id());
        let answer = super::http::upgrade(port, inner)
            .await
            .map_err(|why| failed(&format!("the agent did not answer: {why}"), &used))?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return passed_back(answer, &session, used).await;
        }
        let mut response = Response::new(full(""));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = answer.headers().clone();
        insert(response.headers_mut(), SESSION, &session);
        tokio::spawn(async move {
            if let (Ok(caller), Ok(agent)) = tokio::join!(upgrade, hyper::upgrade::on(answer)) {
                let (mut caller, mut agent) = (TokioIo::new(caller), TokioIo::new(agent));
                // Either side may go away at any time.
                let _ = tokio::io::copy_bidirectional(&mut caller, &mut agent).await;
            }
            drop(used);
        });
        Ok(response)
    }
}

fn is_passed(name: &HeaderName, version: &Version) -> bool {
    PASSED.contains(&name.as_str())
        || version
            .allowed_headers
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(name.as_str()))
}

impl Asked {
    fn key(&self, session: &str) -> Key {
        Key {
            runtime: self.runtime.clone(),
            endpoint: self.endpoint.clone(),
            id: session.to_owned(),
        }
    }
}

/// The session that the caller names.
fn session_of(headers: &HeaderMap, protocol: Protocol) -> Result<Option<String>, Refusal> {
    let names = if protocol == Protocol::Mcp {
        [MCP_SESSION, SESSION]
    } else {
        [SESSION, MCP_SESSION]
    };
    let Some(value) = names.iter().find_map(|name| headers.get(name)) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    // InvokeAgentRuntime: `runtimeSessionId` has 33 to 256 characters.
    if !(33..=256).contains(&text.len()) {
        return Err(Refusal::validation(
            "a session's ID has 33 to 256 characters",
        ));
    }
    Ok(Some(text.to_owned()))
}

/// The request as the agent gets it.
fn passed_on(
    request: Request<Incoming>,
    version: &Version,
    session: &str,
    port: u16,
    path: &str,
) -> Result<Request<Body>, Refusal> {
    let (parts, body) = request.into_parts();
    let target = match version.protocol {
        Protocol::A2a => path.to_owned(),
        _ if path.is_empty() => version.protocol.path().to_owned(),
        protocol => format!("{}{path}", protocol.path().trim_end_matches('/')),
    };
    let target = if target.is_empty() { "/" } else { &target };
    let mut request = Request::builder()
        .method(parts.method)
        .uri(format!("http://127.0.0.1:{port}{target}"))
        .body(Limited::new(body, LARGEST_PAYLOAD).boxed_unsync())
        .map_err(|_| Refusal::validation("the request cannot be passed on"))?;
    let headers = request.headers_mut();
    for (name, value) in &parts.headers {
        if is_passed(name, version) {
            headers.append(name.clone(), value.clone());
        }
    }
    insert(headers, SESSION, session);
    insert(headers, REQUEST, &clock::unique_id());
    if version.protocol == Protocol::Mcp {
        insert(headers, MCP_SESSION, session);
    }
    headers.insert("workloadaccesstoken", HeaderValue::from_static("local"));
    Ok(request)
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = value.parse() {
        headers.insert(name, value);
    }
}

/// The agent's answer as the caller gets it.
async fn passed_back(
    answer: Response<Incoming>,
    session: &str,
    used: Use,
) -> Result<Response<Body>, Refusal> {
    let (mut parts, body) = answer.into_parts();
    if parts.status.is_client_error() || parts.status.is_server_error() {
        let text = read_error(body).await;
        let text = format!(
            "Received error ({}) from runtime. Please check your CloudWatch logs for more information.{text}",
            parts.status.as_u16()
        );
        return Err(failed(&text, &used));
    }
    remove_hop_by_hop(&mut parts.headers);
    parts.status = StatusCode::OK;
    insert(&mut parts.headers, SESSION, session);
    let warning = used
        .session()
        .warning
        .lock()
        .expect("no thread panics with it");
    if let Some(warning) = &*warning {
        insert(&mut parts.headers, NOTE, warning);
    }
    drop(warning);
    let body = InUse {
        body: streamed(body),
        _used: used,
    };
    Ok(Response::from_parts(parts, body.boxed_unsync()))
}

/// What the agent says of an error, as far as it is short.
async fn read_error(body: Incoming) -> String {
    let read = Limited::new(body, 16 * 1024).collect();
    match clock::within(std::time::Duration::from_secs(5), read).await {
        Some(Ok(body)) => match body.to_bytes() {
            body if body.is_empty() => String::new(),
            body => format!("\nit answered: {}", String::from_utf8_lossy(&body)),
        },
        _ => String::new(),
    }
}

fn failed(text: &str, used: &Use) -> Refusal {
    let lines = used.last_lines();
    if lines.is_empty() {
        return Refusal::client_error(text);
    }
    Refusal::client_error(&format!("{text}\nits last lines:\n{}", lines.join("\n")))
}

/// A body that keeps its session in use until it ends or is dropped.
struct InUse {
    body: Body,
    _used: Use,
}

impl hyper::body::Body for InUse {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
