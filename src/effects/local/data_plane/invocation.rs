//! `InvokeAgentRuntime` and `GetAgentCard`: forwards a request to the agent and its answer back.

use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::{
    HeaderMap, Request, Response,
    body::{Body as _, Incoming},
    header::{self, HeaderName},
    http::request::Parts,
};

use super::{
    agents::{Admitted, Agents, forwarding},
    answering::Answering,
    arriving::Arriving,
    replies::{fill, insert},
    sessions::{Purpose, Use},
};
use crate::{
    config::Protocol,
    effects::{
        clock,
        local::{
            http::{Body, full, remove_hop_by_hop},
            pace::lasts,
        },
    },
    protocol::{self, Refusal, SessionKey, headers::WORKLOAD_ACCESS_TOKEN, limits, session},
};

/// A note that this tool prints for its user.
const NOTE: HeaderName = HeaderName::from_static("x-cargo-agentcore-note");
/// How long to wait for the end of an agent that did not answer.
const END: Duration = Duration::from_secs(1);

impl Agents {
    pub(super) async fn invoke(
        &self,
        asked: &protocol::Request,
        admitted: &Admitted,
        request: Request<Arriving>,
    ) -> Result<Response<Body>, Refusal> {
        let (parts, body) = request.into_parts();
        let prepared = if body.is_too_large() {
            Err(Refusal::too_large())
        } else {
            self.prepare(asked, admitted, &parts).await
        };
        let (used, inner) = match prepared {
            Ok((used, inner)) => (used, inner.map(|()| body.boxed_unsync())),
            Err(refusal) => {
                body.read().await;
                return Err(refusal);
            }
        };
        match clock::within(lasts(limits::SYNCHRONOUS), self.client.request(inner)).await {
            Some(Ok(answer)) => self.passed_back(answer, admitted, used).await,
            Some(Err(error)) => {
                // An agent that cut its answer off is probably ending; the next request starts another one.
                let how = used.ends(END).await;
                let how = how.unwrap_or_else(|| innermost(&error));
                Err(Refusal::ended_during_request(&how, &used.last_lines()))
            }
            None => Err(Refusal::too_slow(&used.last_lines())),
        }
    }

    /// Returns the request for the agent, without its body, and the session.
    async fn prepare(
        &self,
        asked: &protocol::Request,
        admitted: &Admitted,
        request: &Parts,
    ) -> Result<(Use, Request<()>), Refusal> {
        let speaks = admitted.version.contract.protocol;
        let accept = request.headers.get(header::ACCEPT);
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
        let used = self.enter(admitted, Purpose::Request).await?;
        let port = used.port();
        let headers = forwarding(admitted).to_agent(
            request
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_bytes())),
        )?;
        let mut inner = Request::builder()
            .method(&request.method)
            .uri(format!("http://127.0.0.1:{port}{path}"))
            .body(())
            .map_err(|error| Refusal::internal(&error.to_string()))?;
        fill(inner.headers_mut(), headers);
        insert(inner.headers_mut(), WORKLOAD_ACCESS_TOKEN, b"local");
        if let Some(length) = request.headers.get(header::CONTENT_LENGTH) {
            inner
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length.clone());
        }
        Ok((used, inner))
    }

    /// Returns the agent's answer for the caller.
    pub(super) async fn passed_back(
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
        if body.size_hint().lower() > limits::PAYLOAD as u64 {
            return Err(Refusal::answer_too_large());
        }
        let is_streamed = is_event_stream(&parts.headers);
        let mut headers = parts.headers;
        remove_hop_by_hop(&mut headers);
        let length = headers.get(header::CONTENT_LENGTH).cloned();
        let sent = forwarding(admitted).to_caller(
            headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_bytes())),
        );
        let notes = used.note(admitted.note.as_deref());
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
        *response.body_mut() = Answering::of(body, is_streamed, used, self.events.clone());
        Ok(response)
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let kind = content_type.and_then(|value| value.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
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

/// Returns the agent's error text, up to a limit.
async fn read_error(body: Incoming) -> Option<String> {
    let read = Limited::new(body, 16 * 1024).collect();
    let body = clock::within(Duration::from_secs(5), read)
        .await?
        .ok()?
        .to_bytes();
    (!body.is_empty()).then(|| format!("it answered: {}", String::from_utf8_lossy(&body)))
}
