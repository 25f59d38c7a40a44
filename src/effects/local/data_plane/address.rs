//! One address for everything: serves requests to the data plane, and forwards all others to
//! ministack.

use std::sync::Arc;

use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri, body::Incoming, header,
    http::uri::Authority,
};

use super::{
    PREPARE,
    accept::Answers,
    agents::Agents,
    arriving::{Call, Fault},
    changes::Change,
    emulator::Emulator,
    models::{self, OnAws},
    remembered::Remembered,
    replies::answer,
};
use crate::{
    config::Protocol,
    effects::local::http::{Body, collected, full, text},
    protocol::{self, Refusal, models::Route, origin, refusal::Kind},
};

/// The longest description of a runtime that is read in transit.
const LONGEST_DESCRIPTION: usize = 1 << 20;

/// The servers behind the address.
pub(super) struct Address {
    pub(super) port: u16,
    pub(super) emulator: Emulator,
    pub(super) remembered: Arc<Remembered>,
    /// Set if AWS answers for the models.
    pub(super) models: Option<OnAws>,
    pub(super) agents: Agents,
}

impl Answers for Address {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        if let Err(refusal) = check_origin(request.uri(), request.headers(), self.port) {
            return answer(&refusal, Protocol::Http, None);
        }
        if request.method() == Method::CONNECT {
            return text(
                StatusCode::METHOD_NOT_ALLOWED,
                "the local AgentCore is not a proxy\n",
            );
        }
        let target = request.uri().path_and_query();
        let target = target.map_or("/", http::uri::PathAndQuery::as_str);
        if let Some(asked) = target.strip_prefix(PREPARE) {
            return self
                .agents
                .get_ready(request.method().as_str(), asked)
                .await;
        }
        if let Some(asked) = protocol::Request::parse(request.method().as_str(), target) {
            return self.agents.serve(asked, request).await;
        }
        if let Some(models) = &self.models {
            match models.route(&request) {
                Route::Elsewhere => {}
                Route::Bedrock(region) => return models.answer(region, request).await,
                Route::Refused(why) => return models::refused(&why),
            }
        }
        match Change::of(request.method(), request.uri().path()) {
            Some(change) => self.change(&change, request).await,
            None => self.forward(request).await,
        }
    }
}

impl Address {
    async fn forward(&self, request: Request<Incoming>) -> Response<Body> {
        let call = Call::default();
        let request = request.map(|body| call.unlimited(body).boxed_unsync());
        let response = self.emulator.forward(request).await;
        match call.fault() {
            Some(fault) => faulty(fault),
            None => response,
        }
    }

    /// Forwards a change of a deployment to ministack, and records what it learns.
    async fn change(&self, change: &Change, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let call = Call::default();
        let body = collected(call.unlimited(body), LONGEST_DESCRIPTION).await;
        if let Some(fault) = call.fault() {
            return faulty(fault);
        }
        let Some(body) = body else {
            return text(StatusCode::PAYLOAD_TOO_LARGE, "the request is too long\n");
        };
        let request = Request::from_parts(parts, full(body.clone()));
        let (parts, answer) = self.emulator.forward(request).await.into_parts();
        let Some(answer) = collected(answer, LONGEST_DESCRIPTION).await else {
            return text(StatusCode::BAD_GATEWAY, "ministack cut off its answer\n");
        };
        if parts.status.is_success() {
            match change {
                Change::Deletion {
                    runtime,
                    endpoint: None,
                } => self.remembered.forget(runtime),
                Change::Deletion {
                    runtime: _,
                    endpoint: Some(_),
                }
                | Change::Other => self.remembered.learn(&body, &answer),
            }
        }
        self.agents.follow(change, parts.status).await;
        if parts.status.is_success() {
            self.agents.prepare_ahead(&answer);
        }
        Response::from_parts(parts, full(answer))
    }
}

fn faulty(fault: &Fault) -> Response<Body> {
    let status = match fault {
        Fault::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Fault::Silent => StatusCode::REQUEST_TIMEOUT,
        Fault::Broken(_) => StatusCode::BAD_REQUEST,
    };
    text(status, format!("{fault}\n"))
}

fn check_origin(uri: &Uri, headers: &HeaderMap, port: u16) -> Result<(), Refusal> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let hosts = headers.get_all(header::HOST).iter().count();
    let host = header("host").filter(|_| hosts == 1);
    origin::check(host, header)?;
    // A proxy-style request also names the server in its first line.
    for authority in host
        .into_iter()
        .chain(uri.authority().map(Authority::as_str))
    {
        origin::check(Some(authority), |_| None)?;
        if !authority.ends_with(&format!(":{port}")) {
            return Err(Refusal::new(
                Kind::AccessDenied,
                format!(
                    "the request is addressed to another server; this one listens on port {port}"
                ),
            ));
        }
    }
    Ok(())
}
