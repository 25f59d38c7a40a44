//! `InvokeAgentRuntimeWithWebSocketStream`: joins the caller's connection with one to the agent's
//! `/ws`.

use std::time::Duration;

use hyper::{Request, Response, StatusCode, body::Incoming, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{
    agents::{Admitted, Agents, forwarding},
    event::{Event, Events},
    replies::{fill, insert},
    sessions::{Purpose, Use},
};
use crate::{
    effects::{
        clock,
        local::{
            http::{self, Body, full},
            pace::lasts,
        },
    },
    protocol::{
        self, Refusal,
        authorizer::{agents_subprotocols, answering_subprotocol},
        frames::{Frames, Violation, close},
        limits, session,
    },
};

impl Agents {
    /// Joins the caller's connection with one to the agent's `/ws`.
    pub(super) async fn websocket(
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
        let used = self.enter(admitted, Purpose::WebSocket).await?;
        let port = used.port();
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
            .map_err(|error| Refusal::internal(&error.to_string()))?;
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
        let answer = http::upgrade(port, inner)
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
        let events = self.events.clone();
        tokio::spawn(async move {
            if let (Ok(caller), Ok(agent)) = tokio::join!(upgrade, hyper::upgrade::on(answer)) {
                join(TokioIo::new(caller), TokioIo::new(agent), &used, &events).await;
            }
            drop(used);
        });
        Ok(response)
    }
}

/// How long one side may take to end after the other.
const LINGER: Duration = Duration::from_secs(5);

/// One direction: the frames that passed, and whether all of them were written.
#[derive(Default)]
struct Direction {
    frames: Frames,
    is_written: bool,
}

/// Forwards frames both ways until one side ends or exceeds a limit.
async fn join(
    caller: impl AsyncRead + AsyncWrite,
    agent: impl AsyncRead + AsyncWrite,
    used: &Use,
    events: &Events,
) {
    let (mut from_caller, mut to_caller) = tokio::io::split(caller);
    let (mut from_agent, mut to_agent) = tokio::io::split(agent);
    let (mut inward, mut outward) = (Direction::default(), Direction::default());
    let passing = async {
        let inward = inward.pass(&mut from_caller, &mut to_agent, used);
        let outward = outward.pass(&mut from_agent, &mut to_caller, used);
        let (mut inward, mut outward) = (std::pin::pin!(inward), std::pin::pin!(outward));
        // When one side has ended, the other side gets some time to end too.
        tokio::select! {
            ended = &mut inward => {
                ended?;
                clock::within(LINGER, outward).await.unwrap_or(Ok(()))
            }
            ended = &mut outward => {
                ended?;
                clock::within(LINGER, inward).await.unwrap_or(Ok(()))
            }
        }
    };
    let (code, reason) = match clock::within(lasts(limits::STREAMING), passing).await {
        Some(Ok(())) => (1001, "the session ended".to_owned()),
        Some(Err(violation)) => {
            events.tell(Event::AnswerCut {
                session: used.session().to_owned(),
                why: violation.to_string(),
            });
            (violation.code(), violation.to_string())
        }
        None => {
            let minutes = limits::STREAMING.as_secs() / 60;
            (
                1001,
                format!("AgentCore ends a WebSocket after {minutes} minutes"),
            )
        }
    };
    // A side that disconnected receives nothing.
    let _ = tokio::join!(
        clock::within(LINGER, outward.close(&mut to_caller, code, &reason, false)),
        clock::within(LINGER, inward.close(&mut to_agent, code, &reason, true)),
    );
}

impl Direction {
    async fn pass(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        used: &Use,
    ) -> Result<(), Violation> {
        self.is_written = true;
        let mut buffer = vec![0; 16 * 1024];
        let mut passed = Vec::new();
        let start = clock::now();
        loop {
            let count = from.read(&mut buffer).await.unwrap_or(0);
            if count == 0 {
                return Ok(());
            }
            used.touch();
            let followed = self
                .frames
                .push(&buffer[..count], start.elapsed(), &mut passed);
            self.is_written = false;
            if to.write_all(&passed).await.is_err() || to.flush().await.is_err() {
                return Ok(());
            }
            self.is_written = true;
            passed.clear();
            followed?;
        }
    }

    /// Sends a close frame if that is possible and was not done yet.
    async fn close(
        &self,
        to: &mut (impl AsyncWrite + Unpin),
        code: u16,
        reason: &str,
        is_masked: bool,
    ) {
        let may_say = self.is_written && self.frames.is_between_frames();
        if may_say && !self.frames.is_closed() {
            // Usually the other side is already gone.
            let _ = to.write_all(&close(code, reason, is_masked)).await;
        }
        let _ = to.shutdown().await;
    }
}
