//! `bedrock-agentcore`, the service that agents are spoken to through.
//!
//! Over plain HTTP and not over an SDK: a runtime with a JWT authorizer takes no signature, and an
//! answer has to be read as it comes. A request is sent once; whether again, the caller decides.

use std::{error::Error as _, io, time::Duration};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::{
    http::{HttpConnector as _, SharedHttpConnector},
    orchestrator::HttpResponse,
    result::ConnectorError,
};
use aws_smithy_types::byte_stream::ByteStream;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    AwsError,
    error::innermost,
    https,
    network::Network,
    session::Connection,
    sign::{NotSigned, Unsigned},
};
use crate::{
    effects::{clock, env},
    error::Failure,
    names::{EndpointName, Partition, Region, SessionId},
    plan::privacy::{self, Proof},
    protocol::{
        invocation::{ACCEPTED, Header, Token},
        session::{HEADER as SESSION_ID, MCP_HEADER},
    },
};

const USER_ID: &str = "x-amzn-bedrock-agentcore-runtime-user-id";
const INVOKE: &str = "bedrock-agentcore:InvokeAgentRuntime";
const STOP: &str = "bedrock-agentcore:StopRuntimeSession";

/// What stays as it is in a path or a query.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// An explanation is short; what is longer is none.
const LONGEST_EXPLANATION: usize = 1 << 20;

/// A way to the service.
#[derive(Debug)]
pub(crate) struct DataPlane {
    connector: SharedHttpConnector,
    endpoint: String,
    authorization: Authorization,
}

/// Who says that this is allowed.
#[derive(Debug, Clone)]
enum Authorization {
    Signature(SharedCredentialsProvider, Region),
    Bearer(Token),
    /// The endpoint is the address of an agent on this machine, and not that of the service.
    Agent,
}

/// The runtime, the endpoint and the session of a request.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) arn: String,
    pub(crate) endpoint: EndpointName,
    pub(crate) session: SessionId,
}

/// What is said to an agent.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    pub(crate) payload: Vec<u8>,
    pub(crate) content_type: String,
    pub(crate) user: Option<String>,
    pub(crate) headers: Vec<Header>,
}

/// The head of an agent's answer, and the body that is still to come.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    /// As the service names it; it may differ from the one that was sent.
    pub(crate) session: Option<SessionId>,
    pub(crate) mcp_session: Option<String>,
    /// What a local AgentCore says about how it runs the agent.
    pub(crate) note: Option<String>,
    body: ByteStream,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The service said no, or there are no credentials to ask it with.
    Answered {
        error: AwsError,
        status: u16,
        /// What a 401 demands.
        authenticate: Option<String>,
    },
    /// Nobody listens there; nothing was sent.
    Unreachable(String),
    /// The connection broke before an answer; what was sent may have been carried out.
    Broken(String),
    /// The time ran out.
    Silent,
}

/// Why an answer ended before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CutOff {
    Broken(String),
    Silent,
}

impl DataPlane {
    /// Signs with the connection's credentials.
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
        })
    }

    /// Shows a token; needs no credentials.
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
        })
    }

    /// To an agent on this machine, at the address that takes its requests.
    pub(crate) fn to_agent(address: String) -> Self {
        Self {
            connector: https::connector(&address, &Network::default()),
            endpoint: address,
            authorization: Authorization::Agent,
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
        let response = self
            .post(
                INVOKE,
                target,
                "invocations",
                headers,
                &invocation.payload,
                limit,
            )
            .await?;
        let header = |name: &str| response.headers().get(name).map(str::to_owned);
        Ok(Reply {
            status: response.status().as_u16(),
            content_type: header("content-type").unwrap_or_default(),
            session: header(SESSION_ID).and_then(|id| SessionId::parse(&id).ok()),
            mcp_session: header(MCP_HEADER),
            note: header("x-cargo-agentcore-note"),
            body: ByteStream::new(response.into_body()),
        })
    }

    /// Ends a session; its microVM goes with it.
    pub(crate) async fn stop(&self, target: &Target, limit: Duration) -> Result<(), Refusal> {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let body = serde_json::json!({ "clientToken": clock::unique_id() }).to_string();
        self.post(
            STOP,
            target,
            "stopruntimesession",
            headers,
            body.as_bytes(),
            limit,
        )
        .await
        .map(|_| ())
    }

    async fn post(
        &self,
        operation: &'static str,
        target: &Target,
        path: &str,
        mut headers: Vec<(String, String)>,
        body: &[u8],
        limit: Duration,
    ) -> Result<HttpResponse, Refusal> {
        headers.push((SESSION_ID.to_owned(), target.session.to_string()));
        let url = match &self.authorization {
            Authorization::Agent => self.endpoint.clone(),
            Authorization::Signature(..) | Authorization::Bearer(_) => format!(
                "{}/runtimes/{}/{path}?qualifier={}",
                self.endpoint.trim_end_matches('/'),
                utf8_percent_encode(&target.arn, UNRESERVED),
                utf8_percent_encode(target.endpoint.as_str(), UNRESERVED)
            ),
        };
        let resource = format!("runtime `{}`, endpoint `{}`", target.arn, target.endpoint);
        let sending = async {
            let unsigned = Unsigned {
                method: "POST",
                url: &url,
                headers: &headers,
                body,
            };
            let proof = self.proof(operation, &resource, &unsigned).await?;
            let request = unsigned.with(&proof).map_err(Refusal::Unreachable)?;
            let response = self.connector.call(request).await;
            let response = response.map_err(|error| broken(&error))?;
            if response.status().is_success() {
                return Ok(response);
            }
            Err(refused(operation, resource, response).await)
        };
        clock::within(limit, sending)
            .await
            .unwrap_or(Err(Refusal::Silent))
    }

    /// The headers that prove who sends a request.
    async fn proof(
        &self,
        operation: &'static str,
        resource: &str,
        unsigned: &Unsigned<'_>,
    ) -> Result<Vec<(String, String)>, Refusal> {
        let (credentials, region) = match &self.authorization {
            Authorization::Agent => return Ok(Vec::new()),
            Authorization::Bearer(token) => {
                return Ok(vec![("authorization".to_owned(), token.authorization())]);
            }
            Authorization::Signature(credentials, region) => (credentials, region),
        };
        let signature = unsigned.signature("bedrock-agentcore", region, credentials);
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
    /// The next bytes, as they come; `None` at the end.
    pub(crate) async fn next(&mut self, limit: Duration) -> Option<Result<Vec<u8>, CutOff>> {
        match clock::within(limit, self.body.next()).await {
            None => Some(Err(CutOff::Silent)),
            Some(None) => None,
            Some(Some(Ok(bytes))) => Some(Ok(bytes.to_vec())),
            Some(Some(Err(error))) => Some(Err(CutOff::Broken(innermost(&error)))),
        }
    }
}

/// Where the service is: as the options say, else the environment, else the region's host.
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

/// An error of the service: its name stands in a header, its words in the body.
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

/// `namespace#Name:http://…` without what is around the name.
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
