//! Checks an agent's health, and waits until it serves.

use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::{Request, header};

use super::{Agent, NotReady, State};
use crate::{
    effects::{
        clock,
        local::http::{HttpClient, full},
    },
    protocol::contract::Contract,
};

/// The time limit for an answer to /ping.
pub(in crate::effects) const PING: Duration = Duration::from_secs(5);
/// The longest answer to /ping that is read.
const LONGEST: usize = 64 * 1024;
const PAUSE: Duration = Duration::from_millis(10);

/// An answer to /ping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::effects) struct Pong {
    pub(in crate::effects) status: u16,
    pub(in crate::effects) body: Vec<u8>,
    pub(in crate::effects) took: Duration,
}

/// Which answer of /ping shows that an agent serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::effects) enum Serves {
    /// Status 200, as for the service.
    With200,
    /// Any answer, for callers that judge it later.
    WithAnyAnswer,
}

/// Sends a ping. Returns `None` if there is no answer in time. The body is empty if it is
/// incomplete or too long.
pub(in crate::effects) async fn ping(client: &HttpClient, port: u16, path: &str) -> Option<Pong> {
    let request = Request::builder()
        .uri(format!("http://127.0.0.1:{port}{path}"))
        .header(header::HOST, format!("127.0.0.1:{port}"))
        // An open connection would occupy a server without threads.
        .header(header::CONNECTION, "close")
        .body(full(""))
        .ok()?;
    let begin = clock::now();
    clock::within(PING, async {
        let answer = client.request(request).await.ok()?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), LONGEST).collect().await;
        Some(Pong {
            status,
            body: body.map_or_else(|_| Vec::new(), |body| body.to_bytes().to_vec()),
            took: begin.elapsed(),
        })
    })
    .await
    .flatten()
}

/// Waits until the agent listens and, if the protocol has it, answers /ping. Returns its port on
/// this machine.
pub(in crate::effects) async fn serves(
    agent: &Agent,
    contract: &Contract,
    client: &HttpClient,
    serves: Serves,
    limit: Duration,
) -> Result<u16, NotReady> {
    let start = clock::now();
    let port = agent.listens(limit).await?;
    let Some(path) = contract.ping() else {
        return Ok(port);
    };
    loop {
        let pong = ping(client, port, path).await;
        if pong.is_some_and(|pong| serves == Serves::WithAnyAnswer || pong.status == 200) {
            return Ok(port);
        }
        if let State::Ended(code) = agent.state() {
            return Err(NotReady::Ended(code));
        }
        if start.elapsed() > limit {
            return Err(NotReady::Deaf);
        }
        clock::sleep(PAUSE).await;
    }
}
