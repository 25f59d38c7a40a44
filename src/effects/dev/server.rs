//! An agent's address: accepts the requests that the service sends to an agent's port, and forwards
//! them as the service would.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use http_body_util::{BodyExt as _, Limited};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Body as _, Incoming},
    header::{self, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::sync::watch;

use super::{
    Access, Event, Events,
    conduct::Conduct,
    process::InFlight,
    sessions::{Serving, Unserved},
};
use crate::{
    effects::{
        clock,
        local::{
            data_plane::accept::Answers,
            http::{
                Body, HttpClient, client, full, holding, remove_hop_by_hop, streamed, text, upgrade,
            },
        },
    },
    protocol::{
        Refusal, SessionKey,
        headers::{Forwarding, Header},
        limits, origin,
        refusal::Kind,
        session::{self, Asked},
    },
};

/// The help for an agent that waits for an edit.
pub(crate) const STARTS_AGAIN: &str = "it starts again at the next edit";

/// The error for a request to an agent that is not running.
pub(crate) const NOT_RUNNING: &str = "AgentNotRunning";

/// The agent's state.
#[derive(Clone)]
pub(super) enum Phase {
    Starting,
    Serving(Arc<Serving>),
    /// Every request gets this text.
    Broken(String),
}

pub(super) struct Server {
    access: Mutex<Access>,
    phase: watch::Sender<Phase>,
    client: HttpClient,
    conduct: Arc<Conduct>,
    events: Events,
    /// The headers already reported to the user.
    told: Mutex<BTreeSet<String>>,
}

/// How many times a request is retried if an edit replaces the process.
const REPLACED: u32 = 3;

/// How long a request waits for an agent that is starting.
const PATIENCE: Duration = Duration::from_mins(5);

/// Headers that clients send by default, and that an agent does not need.
const USUAL: [&str; 12] = [
    "accept-encoding",
    "accept-language",
    "authorization",
    "cache-control",
    "connection",
    "content-length",
    "expect",
    "host",
    "pragma",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

impl Answers for Server {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let access = self.access();
        let answer = match checked(&access, request.headers()) {
            Ok(()) => self.pass_on(&access, request).await,
            Err(refusal) => Err(refusal),
        };
        answer.unwrap_or_else(|refusal| {
            let reply = refusal.reply(access.protocol, None);
            let mut response = Response::new(full(reply.body));
            *response.status_mut() = status(reply.status);
            for (name, value) in reply.headers {
                if let Ok(value) = value.parse() {
                    response.headers_mut().insert(name, value);
                }
            }
            response
        })
    }
}

impl Server {
    pub(super) fn new(access: Access, conduct: Arc<Conduct>, events: Events) -> Self {
        Self {
            access: Mutex::new(access),
            phase: watch::Sender::new(Phase::Starting),
            client: client(),
            conduct,
            events,
            told: Mutex::default(),
        }
    }

    fn access(&self) -> Access {
        self.access
            .lock()
            .expect("no thread panics with it")
            .clone()
    }

    pub(super) fn change_access(&self, access: Access) {
        *self.access.lock().expect("no thread panics with it") = access;
    }

    pub(super) fn agent(&self) -> String {
        self.access().agent
    }

    /// Changes the phase and returns the previous one.
    pub(super) fn turn(&self, phase: Phase) -> Phase {
        self.phase.send_replace(phase)
    }

    /// Changes to [`Phase::Broken`] if these processes are the current ones.
    pub(super) fn is_broken_by(&self, serving: &Arc<Serving>, code: i32, lines: &[String]) -> bool {
        self.phase.send_if_modified(|phase| {
            let serves = matches!(phase, Phase::Serving(there) if Arc::ptr_eq(there, serving));
            if serves {
                let mut text = format!("the agent ended with code {code}");
                for line in lines {
                    text.extend(["\n", line]);
                }
                *phase = Phase::Broken(text);
            }
            serves
        })
    }

    async fn pass_on(
        &self,
        access: &Access,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Refusal> {
        if request.body().size_hint().lower() > limits::PAYLOAD as u64 {
            return Err(Refusal::too_large());
        }
        let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
        let session = match session::asked(access.protocol, header)? {
            Asked::Session(key) | Asked::Mcp(key) => key,
            Asked::New => SessionKey::parse(&clock::unique_id())?,
        };
        if request.uri().path() == session::STOP_UNDER_DEV {
            return self.stop(&session).await;
        }
        let request_id = clock::unique_id();
        let forwarding = Forwarding {
            protocol: access.protocol,
            allowlist: &access.allowlist,
            has_authorizer: access.has_authorizer,
            session: &session,
            request_id: &request_id,
        };
        let headers = request.headers().iter();
        let sent = forwarding.to_agent(headers.map(|(name, v)| (name.as_str(), v.as_bytes())))?;
        self.tell_left_out(access, request.headers(), &sent);
        let process = match self.process(&session).await {
            Ok(process) => process,
            Err(Unserved::Refused(refusal)) => return Err(refusal),
            Err(Unserved::NotStarted(text)) => return Ok(unavailable(text)),
            // Edits came faster than the agent starts.
            Err(Unserved::Replaced) => return Ok(unavailable(String::new())),
        };
        if request.headers().contains_key(header::UPGRADE) {
            return Ok(join(request, sent, &session, process).await);
        }
        Ok(self.forward(request, sent, &session, process).await)
    }

    /// Returns the agent once it runs.
    async fn process(&self, session: &SessionKey) -> Result<InFlight, Unserved> {
        for _ in 0..REPLACED {
            let mut phase = self.phase.subscribe();
            let settled = phase.wait_for(|phase| !matches!(phase, Phase::Starting));
            let phase = match clock::within(PATIENCE, settled).await {
                Some(Ok(phase)) => phase.clone(),
                Some(Err(_)) | None => Phase::Starting,
            };
            let serving = match phase {
                Phase::Serving(serving) => serving,
                Phase::Broken(text) => return Err(Unserved::NotStarted(text)),
                Phase::Starting => break,
            };
            match serving.enter(session).await {
                Err(Unserved::Replaced) => {}
                settled => return settled,
            }
        }
        let text = "the agent is still starting".to_owned();
        Err(Unserved::NotStarted(text))
    }

    /// Ends a session's own process.
    async fn stop(&self, session: &SessionKey) -> Result<Response<Body>, Refusal> {
        let Phase::Serving(serving) = self.phase.borrow().clone() else {
            return Err(Refusal::new(Kind::NotFound, "no session runs"));
        };
        if !serving.has_one_each() {
            return Err(Refusal::new(
                Kind::Validation,
                "all sessions share one process; `cargo agentcore dev --sessions many` gives each its own",
            ));
        }
        if serving.stop(session).await {
            return Ok(text(StatusCode::OK, ""));
        }
        Err(Refusal::new(Kind::NotFound, "there is no such session"))
    }

    async fn forward(
        &self,
        request: Request<Incoming>,
        sent: Vec<Header>,
        session: &SessionKey,
        process: InFlight,
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, limits::PAYLOAD).boxed_unsync();
        let Some(request) = to_agent(&parts, sent, process.process().port, body) else {
            return text(StatusCode::BAD_REQUEST, "the request cannot be passed on\n");
        };
        let begin = clock::now();
        match self.client.request(request).await {
            Ok(answer) => {
                let (mut parts, body) = answer.into_parts();
                remove_hop_by_hop(&mut parts.headers);
                name_session(&mut parts.headers, session);
                let body = holding(streamed(body), process);
                let body = if is_event_stream(&parts.headers) {
                    self.conduct.stream(body, begin)
                } else {
                    body
                };
                Response::from_parts(parts, body)
            }
            Err(error) => text(
                StatusCode::BAD_GATEWAY,
                format!("the agent closed the connection without an answer: {error}\n"),
            ),
        }
    }

    /// Reports each header that does not reach the agent, once.
    fn tell_left_out(&self, access: &Access, headers: &HeaderMap, sent: &[Header]) {
        for name in headers.keys().map(HeaderName::as_str) {
            let is_usual = USUAL.contains(&name) || name.starts_with("sec-") || name == "origin";
            if is_usual || sent.iter().any(|(passed, _)| passed == name) {
                continue;
            }
            let mut told = self.told.lock().expect("no thread panics with it");
            if told.len() < 100 && told.insert(name.to_owned()) {
                self.events.tell(Event::HeaderLeftOut {
                    agent: access.agent.clone(),
                    header: name.to_owned(),
                });
            }
        }
    }
}

/// Accepts requests from programs and from pages served by this machine, but not from other pages.
fn checked(access: &Access, headers: &HeaderMap) -> Result<(), Refusal> {
    let value = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_own_page = value("origin").is_some_and(is_of_this_machine);
    let host = value("host").filter(|_| access.host.is_loopback());
    // With another address, the server accepts any host name.
    let host = if access.host.is_loopback() {
        host
    } else {
        Some("localhost")
    };
    origin::check(host, |name| if is_own_page { None } else { value(name) })
}

fn is_of_this_machine(origin: &str) -> bool {
    let Some((_, host)) = origin.split_once("://") else {
        return false;
    };
    origin::check(Some(host), |_| None).is_ok()
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn unavailable(why: String) -> Response<Body> {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, why + "\n");
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
        .headers_mut()
        .insert("x-amzn-errortype", HeaderValue::from_static(NOT_RUNNING));
    response
}

/// Returns the request to send to the agent.
fn to_agent(
    parts: &http::request::Parts,
    sent: Vec<Header>,
    port: u16,
    body: Body,
) -> Option<Request<Body>> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder()
        .method(parts.method.clone())
        .uri(format!("http://127.0.0.1:{port}{path}"))
        .body(body)
        .ok()?;
    for (name, value) in sent {
        let name = HeaderName::try_from(name).ok()?;
        let value = HeaderValue::from_bytes(&value).ok()?;
        request.headers_mut().append(name, value);
    }
    if let Some(length) = parts.headers.get(header::CONTENT_LENGTH) {
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_LENGTH, length.clone());
    }
    Some(request)
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/event-stream"))
}

fn name_session(headers: &mut HeaderMap, session: &SessionKey) {
    if let Ok(value) = session.as_str().parse() {
        headers.insert(session::HEADER, value);
    }
}

/// Connects the caller with the agent.
async fn join(
    mut request: Request<Incoming>,
    sent: Vec<Header>,
    session: &SessionKey,
    process: InFlight,
) -> Response<Body> {
    let port = process.process().port;
    let caller = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let Some(mut inner) = to_agent(&parts, sent, port, full("")) else {
        return text(StatusCode::BAD_REQUEST, "the request cannot be passed on\n");
    };
    *inner.uri_mut() = parts.uri.clone();
    for (name, value) in &parts.headers {
        if name.as_str().starts_with("sec-websocket-") || name == header::UPGRADE {
            inner.headers_mut().append(name.clone(), value.clone());
        }
    }
    let headers = inner.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(host) = format!("127.0.0.1:{port}").parse() {
        headers.insert(header::HOST, host);
    }
    let answer = match upgrade(port, inner).await {
        Ok(answer) => answer,
        Err(error) => {
            let why = format!("the agent did not answer: {error}\n");
            return text(StatusCode::BAD_GATEWAY, why);
        }
    };
    let mut response = Response::new(full(""));
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    name_session(response.headers_mut(), session);
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        remove_hop_by_hop(response.headers_mut());
        *response.body_mut() = streamed(answer.into_body());
        return response;
    }
    tokio::spawn(async move {
        if let (Ok(caller), Ok(agent)) = tokio::join!(caller, hyper::upgrade::on(answer)) {
            let (mut caller, mut agent) = (TokioIo::new(caller), TokioIo::new(agent));
            // Either side may disconnect at any time.
            let _ = tokio::io::copy_bidirectional(&mut caller, &mut agent).await;
        }
        drop(process);
    });
    response
}
