//! The operations of AgentCore's data plane.

use std::{sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderName, HeaderValue},
};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    call::{Call, Kept},
    http::{Body, HttpClient, client, full, holding, remove_hop_by_hop, streamed},
    issuers::Issuers,
    sessions::{Key, Sessions, Use},
    versions::{Version, Versions, internal},
};
use crate::{
    config::Protocol,
    effects::clock,
    protocol::{
        self, Operation, Refusal, SessionKey,
        authorizer::{Credentials, Pass, Signature, agents_subprotocols, answering_subprotocol},
        headers::{Forwarding, Header, WORKLOAD_ACCESS_TOKEN},
        limits,
        session::{self, Asked},
    },
};

/// What this tool shows its user beside the answer.
const NOTE: HeaderName = HeaderName::from_static("x-cargo-agentcore-note");
/// How much of the body of a command is read.
const LONGEST_COMMAND: usize = 1 << 20;
/// How long an agent that did not answer may take to end.
const END: Duration = Duration::from_secs(1);

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

/// Serves the data plane.
pub(super) struct Agents {
    pub(super) versions: Versions,
    pub(super) sessions: Arc<Sessions>,
    pub(super) issuers: Issuers,
    client: HttpClient,
    /// Of this data plane.
    address: String,
}

/// A request that may go on: to which version, in whose session, and what its caller is to know.
struct Admitted {
    version: Arc<Version>,
    key: Key,
    request_id: String,
    note: Option<String>,
}

impl Agents {
    pub(super) fn new(versions: Versions, sessions: Arc<Sessions>, address: String) -> Self {
        Self {
            versions,
            sessions,
            issuers: Issuers::default(),
            client: client(),
            address,
        }
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

    pub(super) async fn serve(
        &self,
        asked: Result<protocol::Request, Refusal>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let asked = match asked {
            Ok(asked) => asked,
            Err(refusal) => return answer(&refusal, Protocol::Http, None),
        };
        let version = match self.versions.live(&asked.runtime, &asked.qualifier).await {
            Ok(version) => version,
            Err(refusal) => return answer(&refusal, Protocol::Http, None),
        };
        let speaks = version.contract.protocol;
        let (parts, body) = request.into_parts();
        let call = Call::default();
        let admitted = match self.admit(&asked, version, &parts.headers).await {
            Ok(admitted) => admitted,
            Err(refusal) => {
                call.keep(speaks, body).read().await;
                return answer(&refusal, speaks, call.id().as_ref());
            }
        };
        let request = Request::from_parts(parts, body);
        let result = match asked.operation {
            Operation::Invoke | Operation::AgentCard => {
                let request = request.map(|body| call.keep(speaks, body));
                self.invoke(&asked, &admitted, request).await
            }
            Operation::WebSocket => self.websocket(&asked, &admitted, request).await,
            Operation::StopSession => self.stop(&asked, &admitted, request.headers()).await,
            Operation::ResourceMetadata => self.metadata(&asked, &admitted).await,
            Operation::Command => self.command(&admitted, request).await,
            Operation::Shell => Err(Refusal::new(
                protocol::refusal::Kind::Validation,
                "terminals in a session are not served on this machine",
            )),
        };
        result.unwrap_or_else(|refusal| answer(&refusal, speaks, call.id().as_ref()))
    }

    /// Decides whether a request may go on, and to which session.
    async fn admit(
        &self,
        asked: &protocol::Request,
        version: Arc<Version>,
        headers: &HeaderMap,
    ) -> Result<Admitted, Refusal> {
        let (credentials, session) = shown(asked, version.contract.protocol, headers)?;
        let mut note = None;
        if asked.operation != Operation::ResourceMetadata {
            let metadata = format!(
                "{}/.well-known/oauth-protected-resource?qualifier={}",
                self.resource(asked),
                asked.qualifier
            );
            let pass = self
                .issuers
                .authorize(version.authorizer.as_ref(), &credentials, &metadata)
                .await?;
            if let Pass::Token(Signature::NotChecked(why)) = pass {
                note = Some(format!(
                    "the signature of the token was not checked, as AWS does: {why}"
                ));
            }
        }
        let key = |session| Key {
            runtime: version.arn.id.clone(),
            endpoint: asked.qualifier.clone(),
            session,
        };
        let key = match session {
            Asked::New => key(SessionKey::parse(&clock::unique_id())?),
            Asked::Session(session) => key(session),
            Asked::Mcp(session) => self.sessions.meant(key(session)),
        };
        Ok(Admitted {
            key,
            version,
            request_id: clock::unique_id(),
            note,
        })
    }

    /// The URL of a runtime's invocations.
    fn resource(&self, asked: &protocol::Request) -> String {
        let runtime = utf8_percent_encode(&asked.runtime.to_string(), NON_ALPHANUMERIC).to_string();
        format!("{}/runtimes/{runtime}/invocations", self.address)
    }

    async fn metadata(
        &self,
        asked: &protocol::Request,
        admitted: &Admitted,
    ) -> Result<Response<Body>, Refusal> {
        let Some(rules) = &admitted.version.authorizer else {
            return Err(Refusal::no_endpoint(
                asked.qualifier.as_str(),
                &asked.runtime.to_string(),
            ));
        };
        let issuer = self.issuers.of(rules).await;
        let resource = self.resource(asked);
        let metadata = protocol::authorizer::resource_metadata(rules, &issuer, &resource);
        Ok(json(&metadata))
    }

    async fn stop(
        &self,
        asked: &protocol::Request,
        admitted: &Admitted,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Refusal> {
        if !headers.contains_key(session::HEADER) && asked.parameter(session::HEADER).is_none() {
            return Err(Refusal::invalid(
                "runtimeSessionId",
                "Member must not be null",
            ));
        }
        if !self.sessions.end(&admitted.key).await {
            return Err(Refusal::no_session(admitted.key.session.as_str()));
        }
        let mut response = json(&serde_json::json!({}));
        insert(
            response.headers_mut(),
            session::HEADER,
            admitted.key.session.as_str().as_bytes(),
        );
        Ok(response)
    }

    /// The session's agent, started where it does not run.
    async fn enter(&self, admitted: &Admitted) -> Result<(Use, u16), Refusal> {
        let used = self
            .sessions
            .enter(&admitted.key, &admitted.version, &self.versions)
            .await?;
        let port = used.port().ok_or_else(|| internal("the session ended"))?;
        Ok((used, port))
    }

    async fn invoke(
        &self,
        asked: &protocol::Request,
        admitted: &Admitted,
        request: Request<Kept>,
    ) -> Result<Response<Body>, Refusal> {
        let (used, inner) = match self.prepare(asked, admitted, &request).await {
            Ok((used, inner)) => (used, inner.map(|()| request.into_body().boxed_unsync())),
            Err(refusal) => {
                request.into_body().read().await;
                return Err(refusal);
            }
        };
        match clock::within(limits::SYNCHRONOUS, self.client.request(inner)).await {
            Some(Ok(answer)) => self.passed_back(answer, admitted, used).await,
            Some(Err(error)) if is_too_large(&error) => Err(Refusal::too_large()),
            Some(Err(error)) => {
                // An agent that broke off is about to end; the next request starts another.
                let how = used.ends(END).await;
                let how = how.unwrap_or_else(|| innermost(&error));
                Err(Refusal::ended_during_request(&how, &used.last_lines()))
            }
            None => Err(Refusal::too_slow(&used.last_lines())),
        }
    }

    /// The request as the agent gets it, without its body, and the session that it goes to.
    async fn prepare(
        &self,
        asked: &protocol::Request,
        admitted: &Admitted,
        request: &Request<Kept>,
    ) -> Result<(Use, Request<()>), Refusal> {
        if request.body().is_too_large() {
            return Err(Refusal::too_large());
        }
        let speaks = admitted.version.contract.protocol;
        let accept = request.headers().get(header::ACCEPT);
        if speaks == Protocol::Mcp
            && !protocol::headers::accepts_mcp(accept.and_then(|accept| accept.to_str().ok()))
        {
            return Err(Refusal::not_acceptable());
        }
        let Some(path) = admitted.version.contract.path_of(asked.operation) else {
            return Err(Refusal::no_endpoint(
                asked.qualifier.as_str(),
                &asked.runtime.to_string(),
            ));
        };
        let (used, port) = self.enter(admitted).await?;
        let headers = forwarding(admitted).to_agent(
            request
                .headers()
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_bytes())),
        )?;
        let mut inner = Request::builder()
            .method(request.method())
            .uri(format!("http://127.0.0.1:{port}{path}"))
            .body(())
            .map_err(|error| internal(&error.to_string()))?;
        fill(inner.headers_mut(), headers);
        insert(inner.headers_mut(), WORKLOAD_ACCESS_TOKEN, b"local");
        if let Some(length) = request.headers().get(header::CONTENT_LENGTH) {
            inner
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length.clone());
        }
        Ok((used, inner))
    }

    /// The agent's answer as the caller gets it.
    async fn passed_back(
        &self,
        answer: Response<Incoming>,
        admitted: &Admitted,
        used: Use,
    ) -> Result<Response<Body>, Refusal> {
        let (parts, body) = answer.into_parts();
        if parts.status.is_client_error() || parts.status.is_server_error() {
            let mut lines = used.last_lines();
            lines.extend(read_error(body).await);
            return Err(Refusal::agent_error(parts.status.as_u16(), &lines));
        }
        if let Some(id) = parts.headers.get(session::MCP_HEADER)
            && let Ok(id) = SessionKey::parse_mcp(id.to_str().unwrap_or_default())
        {
            self.sessions.choose(&admitted.key, id);
        }
        let mut headers = parts.headers;
        remove_hop_by_hop(&mut headers);
        let length = headers.get(header::CONTENT_LENGTH).cloned();
        let sent = forwarding(admitted).to_caller(
            headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_bytes())),
        );
        let notes = used.session().note(admitted.note.as_deref());
        let mut response = Response::new(full(""));
        fill(response.headers_mut(), sent);
        if let Some(length) = length {
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length);
        }
        if let Some(notes) = notes {
            insert(response.headers_mut(), NOTE.as_str(), notes.as_bytes());
        }
        *response.body_mut() = holding(streamed(body), used);
        Ok(response)
    }

    /// Joins the caller's connection with one to the agent's `/ws`.
    async fn websocket(
        &self,
        asked: &protocol::Request,
        admitted: &Admitted,
        mut request: Request<Incoming>,
    ) -> Result<Response<Body>, Refusal> {
        let Some(path) = admitted.version.contract.path_of(asked.operation) else {
            return Err(Refusal::no_endpoint(
                asked.qualifier.as_str(),
                &asked.runtime.to_string(),
            ));
        };
        let (used, port) = self.enter(admitted).await?;
        let forwarding = forwarding(admitted);
        let mut headers = forwarding.to_agent(
            request
                .headers()
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_bytes())),
        )?;
        headers.extend(forwarding.from_query(&asked.query)?);
        let protocols = request.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
        let protocols = protocols
            .and_then(|list| list.to_str().ok())
            .map(str::to_owned);
        let upgrade = hyper::upgrade::on(&mut request);
        let mut inner = Request::builder()
            .uri(path)
            .body(full(""))
            .map_err(|error| internal(&error.to_string()))?;
        fill(inner.headers_mut(), headers);
        for name in [
            header::SEC_WEBSOCKET_KEY,
            header::SEC_WEBSOCKET_VERSION,
            header::SEC_WEBSOCKET_EXTENSIONS,
        ] {
            if let Some(value) = request.headers().get(&name) {
                inner.headers_mut().insert(name, value.clone());
            }
        }
        if let Some(list) = protocols.as_deref().and_then(agents_subprotocols) {
            insert(
                inner.headers_mut(),
                "sec-websocket-protocol",
                list.as_bytes(),
            );
        }
        insert(
            inner.headers_mut(),
            "host",
            format!("127.0.0.1:{port}").as_bytes(),
        );
        insert(inner.headers_mut(), "connection", b"Upgrade");
        insert(inner.headers_mut(), "upgrade", b"websocket");
        let answer = super::http::upgrade(port, inner)
            .await
            .map_err(|why| Refusal::ended_during_request(&why.to_string(), &used.last_lines()))?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return self.passed_back(answer, admitted, used).await;
        }
        let mut response = Response::new(full(""));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = answer.headers().clone();
        let headers = response.headers_mut();
        insert(
            headers,
            session::HEADER,
            admitted.key.session.as_str().as_bytes(),
        );
        if !headers.contains_key(header::SEC_WEBSOCKET_PROTOCOL)
            && let Some(name) = protocols.as_deref().and_then(answering_subprotocol)
        {
            insert(headers, "sec-websocket-protocol", name.as_bytes());
        }
        tokio::spawn(async move {
            let joined = async {
                if let (Ok(caller), Ok(agent)) = tokio::join!(upgrade, hyper::upgrade::on(answer)) {
                    let (mut caller, mut agent) = (TokioIo::new(caller), TokioIo::new(agent));
                    // Either side may go away at any time.
                    let _ = tokio::io::copy_bidirectional(&mut caller, &mut agent).await;
                }
            };
            clock::within(limits::STREAMING, joined).await;
            drop(used);
        });
        Ok(response)
    }

    /// Runs a command in the session's surroundings.
    async fn command(
        &self,
        admitted: &Admitted,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Refusal> {
        let body = Limited::new(request.into_body(), LONGEST_COMMAND)
            .collect()
            .await;
        let body = body.map_err(|_| Refusal::too_large())?.to_bytes();
        let command = protocol::command::Command::parse(&body)?;
        let (used, _) = self.enter(admitted).await?;
        let events = super::commands::run(used, command)?;
        let mut response = Response::new(events);
        let headers = response.headers_mut();
        insert(
            headers,
            "content-type",
            protocol::command::CONTENT_TYPE.as_bytes(),
        );
        insert(
            headers,
            session::HEADER,
            admitted.key.session.as_str().as_bytes(),
        );
        Ok(response)
    }
}

/// What a request shows for itself, and the session that it asks for.
fn shown(
    asked: &protocol::Request,
    speaks: Protocol,
    headers: &HeaderMap,
) -> Result<(Credentials, Asked), Refusal> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let parameter = |name: &str| match asked.operation {
        Operation::WebSocket => header(name).or_else(|| asked.parameter(name)),
        _ => header(name),
    };
    Ok((
        Credentials::of(header, &asked.query)?,
        session::asked(speaks, parameter)?,
    ))
}

fn forwarding(admitted: &Admitted) -> Forwarding<'_> {
    Forwarding {
        protocol: admitted.version.contract.protocol,
        allowlist: &admitted.version.allowed_headers,
        has_authorizer: admitted.version.authorizer.is_some(),
        session: &admitted.key.session,
        request_id: &admitted.request_id,
    }
}

fn fill(headers: &mut HeaderMap, list: Vec<Header>) {
    for (name, value) in list {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(&value))
        {
            headers.append(name, value);
        }
    }
}

fn insert(headers: &mut HeaderMap, name: &str, value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value)) {
        headers.insert(name, value);
    }
}

fn json(value: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(full(value.to_string()));
    insert(response.headers_mut(), "content-type", b"application/json");
    response
}

/// The error as the callers of this protocol expect it.
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

fn is_too_large(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut at = Some(error);
    while let Some(error) = at {
        if error.is::<LengthLimitError>() {
            return true;
        }
        at = error.source();
    }
    false
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut at = error.source();
    while let Some(error) = at {
        text = error.to_string();
        at = error.source();
    }
    text
}

/// What the agent says of an error, as far as it is short.
async fn read_error(body: Incoming) -> Option<String> {
    let read = Limited::new(body, 16 * 1024).collect();
    let body = clock::within(Duration::from_secs(5), read)
        .await?
        .ok()?
        .to_bytes();
    (!body.is_empty()).then(|| format!("it answered: {}", String::from_utf8_lossy(&body)))
}
