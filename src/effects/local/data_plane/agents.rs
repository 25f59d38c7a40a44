//! The operations of AgentCore's data plane: finds the version and the session of a request, and
//! handles it.

use std::sync::Arc;

use http_body_util::{BodyExt as _, Limited};
use hyper::{HeaderMap, Request, Response, StatusCode, body::Incoming};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    arriving::{Call, Fault},
    changes::Change,
    event::Events,
    issuers::Issuers,
    replies::{answer, insert, json},
    sessions::{Key, Purpose, Sessions, Use},
    versions::{Version, Versions},
};
use crate::{
    config::Protocol,
    effects::{
        clock,
        local::http::{Body, HttpClient, client},
    },
    protocol::{
        self, Operation, Refusal, SessionKey,
        authorizer::{Credentials, Pass, Signature},
        headers::Forwarding,
        mounts,
        session::{self, Asked},
    },
};

/// The longest body of a command that is read.
const LONGEST_COMMAND: usize = 1 << 20;

/// Serves the data plane.
pub(super) struct Agents {
    versions: Arc<Versions>,
    pub(super) sessions: Arc<Sessions>,
    issuers: Issuers,
    pub(super) client: HttpClient,
    pub(super) events: Events,
    /// The data plane's address.
    address: String,
}

/// An authorized request: its version, its session, and a note for the caller.
pub(super) struct Admitted {
    pub(super) version: Arc<Version>,
    pub(super) key: Key,
    pub(super) request_id: String,
    pub(super) note: Option<String>,
}

impl Agents {
    pub(super) fn new(
        versions: Arc<Versions>,
        sessions: Arc<Sessions>,
        events: Events,
        address: String,
    ) -> Self {
        Self {
            versions,
            sessions,
            issuers: Issuers::default(),
            client: client(),
            events,
            address,
        }
    }

    /// Applies the effects of a change in the control plane.
    pub(super) async fn follow(&self, change: &Change, status: StatusCode) {
        self.versions.forget();
        if let Change::Deletion { runtime, endpoint } = change
            && status.is_success()
        {
            self.sessions
                .end_those_of(runtime, endpoint.as_deref())
                .await;
            if endpoint.is_none() {
                self.versions.remove(runtime).await;
            }
        }
    }

    /// Prepares a version that was just described, so that its first caller need not wait.
    pub(super) fn prepare_ahead(&self, described: &[u8]) {
        let described: serde_json::Value = serde_json::from_slice(described).unwrap_or_default();
        let (Some(arn), Some(version)) = (
            described["agentRuntimeArn"].as_str(),
            ["agentRuntimeVersion", "targetVersion"]
                .iter()
                .find_map(|name| described[*name].as_str()),
        ) else {
            return;
        };
        let Ok(arn) = protocol::RuntimeArn::parse(arn) else {
            return;
        };
        let (versions, version) = (Arc::clone(&self.versions), version.to_owned());
        tokio::spawn(async move {
            versions
                .code_ahead(arn.region.as_str(), &arn.id, &version)
                .await;
        });
    }

    /// Prepares the code for an invocation of this path, and reports differences from AWS.
    pub(super) async fn get_ready(&self, method: &str, target: &str) -> Response<Body> {
        let prepared = async {
            let asked = protocol::Request::parse(method, target)
                .unwrap_or_else(|| Err(Refusal::internal("this is no invocation")))?;
            let version = self.versions.live(&asked.runtime, &asked.qualifier).await?;
            self.versions.code(&version).await
        };
        match prepared.await {
            Ok(code) => json(&serde_json::json!({ "warning": code.warning() })),
            Err(refusal) => answer(&refusal, Protocol::Http, None),
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
                call.payload(speaks, body).read().await;
                return answer(&refusal, speaks, call.id().as_ref());
            }
        };
        let request = Request::from_parts(parts, body);
        let result = match asked.operation {
            Operation::Invoke | Operation::AgentCard => {
                let request = request.map(|body| call.payload(speaks, body));
                let result = self.invoke(&asked, &admitted, request).await;
                // The caller's body caused the error, not the agent.
                match call.fault() {
                    Some(fault) => result.map_err(|_| fault.refusal()),
                    None => result,
                }
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

    /// Authorizes a request and chooses its session.
    async fn admit(
        &self,
        asked: &protocol::Request,
        version: Arc<Version>,
        headers: &HeaderMap,
    ) -> Result<Admitted, Refusal> {
        let (credentials, session) = shown(asked, version.contract.protocol, headers)?;
        let mut notes: Vec<String> = mounts::note(&version.mounts).into_iter().collect();
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
                notes.push(format!(
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
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        })
    }

    /// Returns the URL of a runtime's invocations.
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

    /// Returns the session's agent. Starts it if necessary.
    pub(super) async fn enter(
        &self,
        admitted: &Admitted,
        purpose: Purpose,
    ) -> Result<Use, Refusal> {
        self.sessions
            .enter(&admitted.key, &admitted.version, purpose)
            .await
    }

    /// Runs a command in the session's environment.
    async fn command(
        &self,
        admitted: &Admitted,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Refusal> {
        let call = Call::default();
        let body = call.unlimited(request.into_body());
        let body = Limited::new(body, LONGEST_COMMAND).collect().await;
        let body =
            body.map_err(|_| call.fault().map_or_else(Refusal::too_large, Fault::refusal))?;
        let body = body.to_bytes();
        let command = protocol::command::Command::parse(&body)?;
        let used = self.enter(admitted, Purpose::Request).await?;
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

/// Returns a request's credentials and the session that it asks for.
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

pub(super) fn forwarding(admitted: &Admitted) -> Forwarding<'_> {
    Forwarding {
        protocol: admitted.version.contract.protocol,
        allowlist: &admitted.version.allowed_headers,
        has_authorizer: admitted.version.authorizer.is_some(),
        session: &admitted.key.session,
        request_id: &admitted.request_id,
    }
}
