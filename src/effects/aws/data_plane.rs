//! `bedrock-agentcore`, the service that runs agents and takes their requests.
//!
//! Uses plain HTTP instead of an SDK, because a runtime with a JWT authorizer accepts no signature,
//! and because an answer must be read while it arrives. Each request is sent once, and again only
//! if this machine's wrong clock was the reason for its refusal; other retries are up to the
//! caller.

use std::{error::Error as _, io, time::Duration};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::{
    http::{HttpConnector as _, SharedHttpConnector},
    orchestrator::HttpResponse,
    result::ConnectorError,
};
use aws_smithy_types::byte_stream::ByteStream;
use hyper::body::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    AwsError,
    error::innermost,
    https,
    network::Network,
    session::Connection,
    sign::{NotSigned, Scheme, Unsigned},
    skew::{self, Shift, Skew},
};
use crate::{
    effects::{clock, env},
    error::Failure,
    names::{EndpointName, Partition, Region, SessionId},
    plan::privacy::{self, Proof},
    protocol::{
        invocation::{ACCEPTED, Header, JSON, Token},
        session::{HEADER as SESSION_ID, MCP_HEADER, STOP_UNDER_DEV},
    },
};

const SCHEME: Scheme = Scheme::Usual("bedrock-agentcore");
const USER_ID: &str = "x-amzn-bedrock-agentcore-runtime-user-id";
const INVOKE: &str = "bedrock-agentcore:InvokeAgentRuntime";
const STOP: &str = "bedrock-agentcore:StopRuntimeSession";
const CARD: &str = "bedrock-agentcore:GetAgentCard";

/// The characters that are not encoded in a path or a query.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The longest error body that is read, in bytes.
const LONGEST_EXPLANATION: usize = 1 << 20;

/// A client for the service.
#[derive(Debug)]
pub(crate) struct DataPlane {
    connector: SharedHttpConnector,
    endpoint: String,
    authorization: Authorization,
    skew: Skew,
}

/// How a request is authorized.
#[derive(Debug, Clone)]
enum Authorization {
    Signature(SharedCredentialsProvider, Region),
    Bearer(Token),
    /// The endpoint is the address of an agent on this machine instead of the service's.
    Agent,
}

/// The runtime, the endpoint and the session of a request.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) arn: String,
    pub(crate) endpoint: EndpointName,
    pub(crate) session: SessionId,
}

/// A request to an agent.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    pub(crate) payload: Vec<u8>,
    pub(crate) content_type: String,
    pub(crate) user: Option<String>,
    pub(crate) headers: Vec<Header>,
}

/// The head of an agent's answer, and its body, which is still arriving.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    /// The session as the service names it; it may differ from the one in the request.
    pub(crate) session: Option<SessionId>,
    pub(crate) mcp_session: Option<String>,
    /// How a local AgentCore runs the agent.
    pub(crate) note: Option<String>,
    body: ByteStream,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The service refused, or there are no credentials.
    Answered {
        error: AwsError,
        status: u16,
        /// `WWW-Authenticate` of a 401.
        authenticate: Option<String>,
    },
    /// The connection was refused; nothing was sent.
    Unreachable(String),
    /// The connection broke before an answer; the request may have been carried out.
    Broken(String),
    /// The request timed out.
    Silent,
}

/// Why an answer ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CutOff {
    Broken(String),
    Silent,
}

impl DataPlane {
    /// Signs requests with the connection's credentials.
    pub(crate) fn signing(connection: &Connection, endpoint: String) -> Result<Self, Failure> {
        privacy::check(Proof::Signature, &endpoint)?;
        let credentials = connection
            .sdk
            .credentials_provider()
            .ok_or_else(|| Failure::access("no AWS credentials were found"))?;
        Ok(Self {
            connector: https::connector(&endpoint, &connection.network),
            endpoint,
            authorization: Authorization::Signature(credentials, connection.region.clone()),
            skew: connection.network.skew.clone(),
        })
    }

    /// Sends a bearer token; needs no credentials.
    pub(crate) fn bearing(
        token: Token,
        endpoint: String,
        network: &Network,
    ) -> Result<Self, Failure> {
        privacy::check(Proof::BearerToken, &endpoint)?;
        Ok(Self {
            connector: https::connector(&endpoint, network),
            endpoint,
            authorization: Authorization::Bearer(token),
            skew: network.skew.clone(),
        })
    }

    /// Sends requests to an agent on this machine at this address.
    pub(crate) fn to_agent(address: String) -> Self {
        Self {
            connector: https::connector(&address, &Network::default()),
            endpoint: address,
            authorization: Authorization::Agent,
            skew: Skew::default(),
        }
    }

    pub(crate) async fn invoke(
        &self,
        target: &Target,
        invocation: &Invocation,
        limit: Duration,
    ) -> Result<Reply, Refusal> {
        let mut headers = vec![
            ("content-type".to_owned(), invocation.content_type.clone()),
            ("accept".to_owned(), ACCEPTED.to_owned()),
        ];
        if let Some(user) = &invocation.user {
            headers.push((USER_ID.to_owned(), user.clone()));
        }
        for header in &invocation.headers {
            headers.push((header.name.to_ascii_lowercase(), header.value.clone()));
        }
        let payload = &invocation.payload;
        let sent = self.send(
            INVOKE,
            target,
            ("POST", "invocations"),
            headers,
            payload,
            limit,
        );
        Ok(Reply::of(sent.await?))
    }

    /// Requests an A2A agent's card.
    pub(crate) async fn agent_card(
        &self,
        target: &Target,
        limit: Duration,
    ) -> Result<Reply, Refusal> {
        let headers = vec![("accept".to_owned(), JSON.to_owned())];
        let what = ("GET", "invocations/.well-known/agent-card.json");
        let sent = self.send(CARD, target, what, headers, b"", limit);
        Ok(Reply::of(sent.await?))
    }

    /// Stops a session and its microVM.
    pub(crate) async fn stop(&self, target: &Target, limit: Duration) -> Result<(), Refusal> {
        let headers = vec![("content-type".to_owned(), JSON.to_owned())];
        let body = serde_json::json!({ "clientToken": clock::unique_id() }).to_string();
        let what = ("POST", "stopruntimesession");
        let sent = self.send(STOP, target, what, headers, body.as_bytes(), limit);
        sent.await.map(|_| ())
    }

    async fn send(
        &self,
        operation: &'static str,
        target: &Target,
        (method, path): (&str, &str),
        mut headers: Vec<(String, String)>,
        body: &[u8],
        limit: Duration,
    ) -> Result<HttpResponse, Refusal> {
        headers.push((SESSION_ID.to_owned(), target.session.to_string()));
        let url = match &self.authorization {
            Authorization::Agent if operation == STOP => {
                let origin = self.endpoint.splitn(4, '/').take(3);
                format!("{}{STOP_UNDER_DEV}", origin.collect::<Vec<_>>().join("/"))
            }
            Authorization::Agent => {
                let below = path.strip_prefix("invocations/").unwrap_or_default();
                let slash = if below.is_empty() || self.endpoint.ends_with('/') {
                    ""
                } else {
                    "/"
                };
                format!("{}{slash}{below}", self.endpoint)
            }
            Authorization::Signature(..) | Authorization::Bearer(_) => format!(
                "{}/runtimes/{}/{path}?qualifier={}",
                self.endpoint.trim_end_matches('/'),
                utf8_percent_encode(&target.arn, UNRESERVED),
                utf8_percent_encode(target.endpoint.as_str(), UNRESERVED)
            ),
        };
        let resource = format!("runtime `{}`, endpoint `{}`", target.arn, target.endpoint);
        let body = Bytes::copy_from_slice(body);
        let unsigned = Unsigned {
            method,
            url: &url,
            headers: &headers,
            body: &body,
        };
        let sending = async {
            let shift = self.skew.shift();
            match self.once(operation, &resource, &unsigned, shift).await {
                Err(refusal) if is_explained_by_skew(&refusal) && self.skew.shift() != shift => {
                    let shift = self.skew.shift();
                    self.once(operation, &resource, &unsigned, shift).await
                }
                answer => answer,
            }
        };
        clock::within(limit, sending)
            .await
            .unwrap_or(Err(Refusal::Silent))
    }

    /// Sends a request once.
    async fn once(
        &self,
        operation: &'static str,
        resource: &str,
        unsigned: &Unsigned<'_>,
        shift: Shift,
    ) -> Result<HttpResponse, Refusal> {
        let proof = self.proof(operation, resource, unsigned, shift).await?;
        let request = unsigned.with(&proof).map_err(Refusal::Unreachable)?;
        let response = self.connector.call(request).await;
        let received = clock::wall();
        let response = response.map_err(|error| broken(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        if let Some(date) = response.headers().get("date") {
            self.skew.learn(shift, date, received);
        }
        Err(refused(operation, resource.to_owned(), response).await)
    }

    /// Returns the headers that authorize a request.
    async fn proof(
        &self,
        operation: &'static str,
        resource: &str,
        unsigned: &Unsigned<'_>,
        shift: Shift,
    ) -> Result<Vec<(String, String)>, Refusal> {
        let (credentials, region) = match &self.authorization {
            Authorization::Agent => return Ok(Vec::new()),
            Authorization::Bearer(token) => {
                return Ok(vec![("authorization".to_owned(), token.authorization())]);
            }
            Authorization::Signature(credentials, region) => (credentials, region),
        };
        let time = shift.applied_to(clock::wall());
        let signature = unsigned.signature(SCHEME, region, credentials, time);
        signature.await.map_err(|error| {
            let (code, why) = match error {
                NotSigned::NoCredentials(why) => ("MissingAuthenticationToken", why),
                NotSigned::Unsuitable(why) => ("IncompleteSignature", why),
            };
            let (code, resource) = (Some(code.to_owned()), resource.to_owned());
            Refusal::Answered {
                error: AwsError::answered(operation, resource, 0, code, Some(why)),
                status: 0,
                authenticate: None,
            }
        })
    }
}

impl Reply {
    fn of(response: HttpResponse) -> Self {
        let header = |name: &str| response.headers().get(name).map(str::to_owned);
        Self {
            status: response.status().as_u16(),
            content_type: header("content-type").unwrap_or_default(),
            session: header(SESSION_ID).and_then(|id| SessionId::parse(&id).ok()),
            mcp_session: header(MCP_HEADER),
            note: header("x-cargo-agentcore-note"),
            body: ByteStream::new(response.into_body()),
        }
    }

    /// Returns the next bytes as they arrive, or `None` at the end.
    pub(crate) async fn next(&mut self, limit: Duration) -> Option<Result<Vec<u8>, CutOff>> {
        match clock::within(limit, self.body.next()).await {
            None => Some(Err(CutOff::Silent)),
            Some(None) => None,
            Some(Some(Ok(bytes))) => Some(Ok(bytes.to_vec())),
            Some(Some(Err(error))) => Some(Err(CutOff::Broken(innermost(&error)))),
        }
    }
}

/// Returns the service's address: from the option, the environment, or the region.
pub(crate) fn endpoint(explicit: Option<&str>, partition: Partition, region: &Region) -> String {
    explicit
        .map(str::to_owned)
        .or_else(|| env::var("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE"))
        .or_else(|| env::var("AWS_ENDPOINT_URL"))
        .unwrap_or_else(|| host(partition, region))
}

fn host(partition: Partition, region: &Region) -> String {
    format!(
        "https://bedrock-agentcore.{region}.{}",
        partition.dns_suffix()
    )
}

fn is_explained_by_skew(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::Answered {
            error,
            status: _,
            authenticate: _,
        } => skew::may_explain(error.code.as_deref()),
        Refusal::Unreachable(_) | Refusal::Broken(_) | Refusal::Silent => false,
    }
}

fn broken(whole: &ConnectorError) -> Refusal {
    let mut cause = whole.source();
    while let Some(error) = cause {
        let refused = error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        if refused {
            return Refusal::Unreachable(innermost(whole));
        }
        cause = error.source();
    }
    Refusal::Broken(innermost(whole))
}

/// Reads an error of the service: its name is in a header, its message in the body.
async fn refused(operation: &'static str, resource: String, response: HttpResponse) -> Refusal {
    let status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).map(str::to_owned);
    let (code, request_id) = (header("x-amzn-errortype"), header("x-amzn-requestid"));
    let authenticate = header("www-authenticate");
    let mut body = ByteStream::new(response.into_body());
    let mut text = Vec::new();
    while let Some(Ok(bytes)) = body.next().await {
        text.extend_from_slice(&bytes);
        if text.len() > LONGEST_EXPLANATION {
            break;
        }
    }
    let document: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let field = |names: &[&str]| {
        let found = names.iter().find_map(|name| document.get(name)?.as_str());
        found.map(str::to_owned)
    };
    let code = code
        .or_else(|| field(&["__type", "code"]))
        .map(|code| bare(&code));
    let plain = String::from_utf8_lossy(&text).trim().to_owned();
    let message = field(&["message", "Message"]).or((!plain.is_empty()).then_some(plain));
    let mut error = AwsError::answered(operation, resource, status, code, message);
    error.request_id = request_id;
    Refusal::Answered {
        error,
        status,
        authenticate,
    }
}

/// Returns `Name` from `namespace#Name:http://…`.
fn bare(code: &str) -> String {
    let code = code.split(':').next().unwrap_or_default();
    code.rsplit('#').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errors_name_is_found_in_all_its_spellings() {
        for text in [
            "RuntimeClientError",
            "RuntimeClientError:http://internal.amazon.com/coral/x/",
            "com.amazonaws.bedrockagentcore#RuntimeClientError",
        ] {
            assert_eq!(bare(text), "RuntimeClientError");
        }
    }

    #[test]
    fn the_host_follows_the_partition() {
        for (partition, region, expected) in [
            (
                Partition::Aws,
                "us-west-2",
                "https://bedrock-agentcore.us-west-2.amazonaws.com",
            ),
            (
                Partition::AwsCn,
                "cn-north-1",
                "https://bedrock-agentcore.cn-north-1.amazonaws.com.cn",
            ),
            (
                Partition::AwsUsGov,
                "us-gov-west-1",
                "https://bedrock-agentcore.us-gov-west-1.amazonaws.com",
            ),
        ] {
            assert_eq!(host(partition, &Region::parse(region).unwrap()), expected);
        }
    }
}
